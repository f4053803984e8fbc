"""What a terminal shows while a recording plays: the call with its gaps, where in it one is, and a progress bar."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from asterisk_privacy.call.timeline import Passage, Span, passages
from asterisk_privacy.cli.common import clock
from asterisk_privacy.cli.timeline_bar import bar, legend
from asterisk_privacy.review.transport import Playing, call_ms

WIDTH = 60
HELP = "space pause   ← → 5 s   ↑ ↓ speed   q end"


class Screen:
    """Shows nothing but the last state where no terminal is. `where`: where in the call the audio lies, if it is but a part of it."""

    def __init__(
        self, spans: Sequence[Span], frames: int, rate: int, console: Console | None = None, where: Sequence[Passage] | None = None
    ) -> None:
        self._spans = spans
        self._passages = passages(spans) if where is None else where
        self._length_ms = max((span.end_ms for span in spans), default=0)
        self._frames = frames
        self._rate = rate
        self._live = Live(console=console or Console(), refresh_per_second=10, auto_refresh=False)
        self._shown: tuple[int, float, bool] | None = None

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()
        if not self._live.console.is_terminal:
            self._live.console.line()

    def show(self, playing: Playing) -> None:
        """Ten times a second at most is drawn, since that is how often a piece is played."""
        now = (playing.position * 10 // self._rate, playing.speed, playing.paused)
        if now != self._shown:
            self._shown = now
            self._live.update(self.drawn(playing), refresh=True)

    def drawn(self, playing: Playing) -> RenderableType:
        audio_ms = playing.position * 1000 // self._rate
        at = call_ms(self._passages, audio_ms)
        caret = " " * min(at * WIDTH // max(1, self._length_ms), WIDTH - 1) + "^"
        state = "❚❚" if playing.paused else "▶ "
        line = Table.grid(padding=(0, 2))
        line.add_row(
            Text(state),
            ProgressBar(total=max(1, self._frames), completed=playing.position, width=WIDTH - 32),
            Text(f"{clock(audio_ms)} / {clock(self._frames * 1000 // self._rate)}"),
            Text(f"{playing.speed:g}x"),
            Text(f"{clock(at)} of the call"),
        )
        return Group(Text(bar(self._spans, WIDTH)), Text(caret), Text(legend(self._spans), style="dim"), line, Text(HELP, style="dim"))
