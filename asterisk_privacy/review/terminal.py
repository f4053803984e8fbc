"""Listening in a terminal: decrypted piece by piece, straight to the sound device. Nothing in clear touches a disk."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.review.stretch import stretched
from asterisk_privacy.review.transport import Key, Playing, after
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.sealed_audio import SealedFlac

PIECE = 800  # frames handed to the device at once: a key is obeyed after a tenth of a second
KEYS: Mapping[bytes, Key] = {
    b" ": Key.PAUSE,
    b"\x1b[D": Key.BACK,
    b"\x1b[C": Key.AHEAD,
    b"\x1b[B": Key.SLOWER,
    b"\x1b[A": Key.FASTER,
    b"-": Key.SLOWER,
    b"+": Key.FASTER,
    b"q": Key.END,
}


class Output(Protocol):
    def write(self, samples: Stereo) -> None:
        """int16 (n, 2); returns when the device has room for more."""


class Keys(Protocol):
    def poll(self, seconds: float) -> Key | None:
        """The next key that was pressed, if any, waiting for it at most so long."""


def play(flac: SealedFlac, output: Output, keys: Keys, show: Callable[[Playing], None]) -> Playing:
    """Until the end or the END key; where it was then. AgeError when the recording cannot be read any more: it was deleted meanwhile."""
    playing, pieces = Playing(), None
    with contextlib.ExitStack() as stack:
        while not playing.ended:
            key = keys.poll(0.1 if playing.paused else 0.0)
            if key is not None:
                now = after(playing, key, flac.frames, flac.rate)
                if (now.position, now.speed) != (playing.position, playing.speed):
                    stack.close()  # before another begins: both read through the same file
                    pieces = None
                playing = now
            show(playing)
            if playing.paused or playing.ended:
                continue
            if pieces is None:
                pieces = _pieces(flac, playing, stack)
            found = next(pieces, None)
            if found is None:
                return replace(playing, position=flac.frames, ended=True)
            consumed, samples = found
            output.write(samples)
            playing = replace(playing, position=min(flac.frames, playing.position + consumed))
    return playing


def _pieces(flac: SealedFlac, playing: Playing, stack: contextlib.ExitStack) -> Iterator[tuple[int, Stereo]]:
    blocks = stack.enter_context(contextlib.closing(flac.blocks(playing.position)))  # type: ignore[type-var]
    for consumed, samples in stretched(blocks, playing.speed):
        for start in range(0, len(samples), PIECE):
            part = samples[start : start + PIECE]
            yield round(consumed * (start + len(part)) / len(samples)) - round(consumed * start / len(samples)), part


class Speaker:
    """The default sound device, through PyAudio (extra `playback`)."""

    def __init__(self, rate: int) -> None:
        try:
            import pyaudio  # noqa: PLC0415 - optional, and it wants libportaudio
        except ImportError as error:
            raise OperatorError(
                "PyAudio is not installed, so nothing can be played here; install it (apt install portaudio19-dev gcc python3-dev; "
                "pip install 'asterisk-privacy[playback]'), or listen on the review page"
            ) from error
        with _quiet():  # ALSA tells every card that it does not find
            self._audio: Any = pyaudio.PyAudio()
            try:
                self._stream: Any = self._audio.open(rate=rate, channels=2, format=pyaudio.paInt16, output=True)
            except OSError as error:
                self._audio.terminate()
                raise OperatorError(
                    f"no sound device plays {rate} Hz in stereo ({error}); connect one, set a default in ~/.asoundrc, or listen on the "
                    "review page"
                ) from error

    def write(self, samples: Stereo) -> None:
        try:
            self._stream.write(np.ascontiguousarray(samples, "<i2").tobytes(), exception_on_underflow=False)
        except OSError as error:
            raise OperatorError(f"the sound device is gone ({error}); connect it, then play again") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._stream.stop_stream()  # after all that was written has sounded
            self._stream.close()
        self._audio.terminate()


class Keyboard:
    """Single keys of a terminal, without echo, put back as it was at the end; where there is no terminal, none is ever pressed."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._before: list[Any] | None = None

    def poll(self, seconds: float) -> Key | None:
        if self._before is None:
            return None
        readable, _, _ = select.select([self._descriptor], [], [], seconds)
        data = os.read(self._descriptor, 8) if readable else b""
        return KEYS.get(data) or KEYS.get(data[:1])  # keys that came together: the first

    def __enter__(self) -> Self:
        if os.isatty(self._descriptor):
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._before is not None:
            termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._before)  # a key too many is no answer to the next question
            self._before = None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Standard error of C libraries, for a moment."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
