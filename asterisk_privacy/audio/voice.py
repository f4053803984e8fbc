"""One party's voice, as snoops bring it: late perhaps, but whole, and each frame in its place.

A snoop sends a frame every 20 ms. While Asterisk stands still it sends none; what came from the phone meanwhile lies in Asterisk, and from
then on all comes so much later. That is never made up for, and half a second of it is thrown away. So a second snoop is put on beside the
late one. Both bring the same samples: where the first samples of the second come from the late one too, the second goes on.

Where a packet is late, Asterisk sends zeros instead and the packet's sound after them. Such zeros in the midst of a voice are left out.
Where the packet was lost they are right, and only a second snoop can tell: it is put on after some of them, and from then on it is known
what such zeros mean in this stretch.

Until then a late frame has the place that follows the one before it. Its place is earlier than it came; it counts as here only then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np

from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SECONDS, SILENT_FRAME
from asterisk_privacy.audio.quarantine import BEHIND_SLOTS, Times

LATE_SECONDS: Final = 0.06
"""For two readings on end: a second tap is worth its cost."""
VERY_LATE_SECONDS: Final = 0.24
"""At once. Asterisk throws away at half a second."""
LOST_SECONDS: Final = 0.7
"""Later than Asterisk can make a voice: what is missing was lost."""
PATIENCE_SECONDS: Final = 1.0
LONGEST_PATIENCE_SECONDS: Final = 16.0
OVERLAP_SECONDS: Final = 1.5
"""So long at most the late one runs beside the second."""
_SLACK: Final = (BEHIND_SLOTS + 1) * FRAME_SECONDS
_NOT_WORTH: Final = BEHIND_SLOTS
"""Frames. The first frame of a tap may come that much late."""
_MOST_ZEROS: Final = 4
"""Frames of zeros. A phone that is silent by itself is so for longer."""
_ZEROS: Final = 3
_MOST_NEEDED: Final = 48
_EDGE: Final = 16
"""Bytes of a frame that is in the midst of a voice; what fades out ends in zeros."""
_QUIET_PEAK: Final = 400  # 38 dB below full scale: no word is cut there


@dataclass(slots=True)
class _Piece:
    """What was read at once, and when each frame was here."""

    samples: bytes
    times: Times


def _joined(pieces: list[_Piece]) -> tuple[bytes, Times]:
    times = np.concatenate([piece.times for piece in pieces]) if pieces else np.zeros(0)
    return b"".join(piece.samples for piece in pieces), times


class Voice:
    """In one stretch of conversation.

    `say(complete_at, samples, here_by)` takes what has its place; `missing(at, seconds)` is told of talk that was lost; `beside()` puts a
    second tap on, if there is room for it; `settled(second)` says which of the two goes on, and the other may go.
    """

    def __init__(
        self,
        say: Callable[[float, bytes, Times], None],
        missing: Callable[[float, float], None],
        beside: Callable[[], bool],
        settled: Callable[[bool], None],
    ) -> None:
        self._say_on = say
        self._missing = missing
        self._beside = beside
        self._settled = settled
        self._next: float | None = None  # where the next frame begins
        self._received = 0  # frames of the present tap
        self._origin = inf  # when its first frame would have come, had all come as early as the earliest
        self._late = 0.0  # of the reading before
        self._double = 0  # frames to come that another tap has said
        self._cut = b""  # begin of a frame whose rest the next one brings
        self._overlap_at = 0.0
        self._held: list[_Piece] | None = None  # of the late tap, from when the second was asked for
        self._second: list[_Piece] = []
        self._zeros: list[float] = []  # of the frames at the end, that may be none of the voice
        self._silent = False  # they are more than that
        self._alive = False  # what came before them
        self._leaves_out = True
        self._suspects = 0  # such frames
        self._needed = _ZEROS  # until it is worth a second tap to know
        self._left_out = 0
        self._patience = PATIENCE_SECONDS
        self._renewed_at = -inf

    @property
    def told_until(self) -> float:
        """Audio of after this moment may still be told: a snoop always sends on, and what comes after a pause belongs into that pause."""
        return inf if self._next is None else self._next + _SLACK

    def take(self, complete_at: float, samples: bytes) -> None:
        """Frames read at once from the present tap, the last of them complete at `complete_at`, the others 20 ms before the next."""
        piece = self._piece(complete_at, samples)
        late = self._lateness(complete_at, len(piece.times))
        if self._next is None:
            self._next = float(piece.times[0]) - FRAME_SECONDS
        if self._held is None and self._is_worth_it(late + self._left_out * FRAME_SECONDS, complete_at) and self._beside():
            self._overlap_at = self._renewed_at = complete_at
            self._say_zeros()
            self._held, self._second = [], []
        self._late = late
        if self._held is not None:
            self._held.append(piece)
            self._hand_over_where_they_meet(complete_at - self._overlap_at > OVERLAP_SECONDS)
            return
        if late > LOST_SECONDS:
            self._received, self._late = len(piece.times), 0.0
            self._origin = float(piece.times[0]) - FRAME_SECONDS
            self._leave_out(self._origin, told=True)
        self._say_new(*self._without_zeros(piece.samples, piece.times))

    def take_second(self, complete_at: float, samples: bytes) -> None:
        if self._held is not None:
            self._second.append(_Piece(samples, _times(complete_at, len(samples) // FRAME_BYTES)))
            self._hand_over_where_they_meet(over=False)

    def without_second(self) -> None:
        """It did not come about, or ended."""
        held, self._held, self._second = self._held or [], None, []
        for piece in held:
            self._say(piece.samples, piece.times)

    def end(self) -> None:
        """The present tap has ended; of both, all that came is here. The next one begins by its own clock."""
        if self._held is not None:
            self._hand_over_where_they_meet(over=True)
        self._say_zeros()
        late = self._late + self._left_out * FRAME_SECONDS
        if self._next is not None and late > _NOT_WORTH * FRAME_SECONDS:  # so much of the end is still in Asterisk
            self._missing(self._next, late)
        self._left_out = self._suspects = 0
        self._received, self._origin, self._late, self._double, self._cut = 0, inf, 0.0, 0, b""
        self._next = None

    # ---- inside

    def _piece(self, complete_at: float, samples: bytes) -> _Piece:
        times = _times(complete_at, len(samples) // FRAME_BYTES)
        if self._cut:
            samples = self._cut + samples
            self._cut = samples[len(times) * FRAME_BYTES :]
            samples = samples[: len(times) * FRAME_BYTES]
        return _Piece(samples, times)

    def _say_new(self, samples: bytes, times: Times) -> None:
        double = min(self._double, len(times))
        self._double -= double
        self._say(samples[double * FRAME_BYTES :], times[double:])

    def _without_zeros(self, samples: bytes, times: Times) -> tuple[bytes, Times]:
        """Without those that Asterisk sent for a packet that was late; those at the end wait for what comes after them."""
        if not self._zeros and not self._silent and SILENT_FRAME not in samples:
            self._alive = any(samples[-_EDGE:])
            return samples, times
        out: list[tuple[float, bytes]] = []
        for at, frame in zip(times.tolist(), _frames(samples), strict=True):
            if frame == SILENT_FRAME and not self._silent:
                self._zeros.append(at)
                if len(self._zeros) > _MOST_ZEROS:
                    self._silent = True
                    out += self._those_zeros()
                continue
            if frame != SILENT_FRAME:
                inserted = bool(self._zeros) and self._alive and any(frame[:_EDGE])
                self._suspects += inserted * len(self._zeros)
                if inserted and self._leaves_out:
                    self._left_out += len(self._zeros)
                    self._zeros = []
                out += self._those_zeros()
                self._silent, self._alive = False, any(frame[-_EDGE:])
            out.append((at, frame))
        return b"".join(frame for _, frame in out), np.array([at for at, _ in out])

    def _those_zeros(self) -> list[tuple[float, bytes]]:
        zeros, self._zeros = self._zeros, []
        return [(at, SILENT_FRAME) for at in zeros]

    def _say_zeros(self) -> None:
        zeros = self._those_zeros()
        self._say(SILENT_FRAME * len(zeros), np.array([at for at, _ in zeros]))

    def _lateness(self, complete_at: float, count: int) -> float:
        self._received += count
        origin = complete_at - FRAME_SECONDS * self._received
        self._origin = min(self._origin, origin)
        return origin - self._origin

    def _is_worth_it(self, late: float, now: float) -> bool:
        if late < VERY_LATE_SECONDS and min(late, self._late) < LATE_SECONDS and self._suspects < self._needed:
            return False
        since = now - self._renewed_at
        if since < max(PATIENCE_SECONDS, self._patience / 4) or (late < VERY_LATE_SECONDS and since < self._patience):
            return False
        often = since < 2 * self._patience
        self._patience = min(2 * self._patience, LONGEST_PATIENCE_SECONDS) if often else PATIENCE_SECONDS
        return True

    def _hand_over_where_they_meet(self, over: bool) -> None:
        """`over`: if they do not meet now, the second goes on where the late one has come to."""
        old, old_times = _joined(self._held or [])
        new, new_times = _joined(self._second)
        meeting = _meeting(old, old_times, new, new_times)
        if meeting is None and not (over and self._held is not None):
            return
        if meeting is None and not len(new_times):
            self.without_second()
            self._settled(False)
            return
        self._held, self._second = None, []
        at, found, later = meeting or (len(old_times), 0, 0.0)
        if self._suspects:
            proven = later - self._late > self._suspects * FRAME_SECONDS / 2
            self._needed = _ZEROS if proven else min(2 * self._needed, _MOST_NEEDED)
            self._leaves_out = proven
        self._suspects = self._left_out = 0
        self._cut = b""
        shift = found % FRAME_BYTES
        if shift:  # its frames are cut elsewhere; so are all that follow
            new, new_times = new[shift:], new_times[1:]
            self._cut, new = new[len(new_times) * FRAME_BYTES :], new[: len(new_times) * FRAME_BYTES]
        self._received, self._late = len(new_times), max(0.0, -later)  # the second may be the later one, if Asterisk stood still again
        self._origin = float(np.min(new_times - FRAME_SECONDS * np.arange(1, len(new_times) + 1))) - self._late
        self._join(old[: at * FRAME_BYTES], old_times[:at], new, new_times, meeting is not None, lost_between=found >= 2 * FRAME_BYTES)
        self._settled(True)

    def _join(self, old: bytes, old_times: Times, new: bytes, new_times: Times, met: bool, lost_between: bool) -> None:
        """`old` is all that the late tap has still to say, `new` what the second has said so far, from there on if they `met`."""
        after = (self._next or 0.0) + FRAME_SECONDS * len(old_times)
        gap = round((self._origin - after) / FRAME_SECONDS)
        if met and gap > _NOT_WORTH and not lost_between:  # what is lost, was lost before all that was held
            self._leave_out((self._next or 0.0) + gap * FRAME_SECONDS, told=True)
            gap = 0
            zeros = sum(frame == SILENT_FRAME for frame in _frames(old))
            if zeros:  # that Asterisk sent before it had anything again
                self._missing(self._next or 0.0, zeros * FRAME_SECONDS)
        self._say(old, old_times, surplus=-gap if met else 0)
        if gap > _NOT_WORTH:
            self._leave_out(self._origin, told=any(old) and any(new))
        elif not met and gap < 0:  # both have said that, or will have
            self._double = max(0, -gap - len(new_times))
            new, new_times = new[-gap * FRAME_BYTES :], new_times[-gap:]
        self._say(new, new_times)

    def _leave_out(self, until: float, told: bool) -> None:
        """Silence up to there."""
        at, self._next = self._next or until, until
        if told:
            self._missing(at, until - at)

    def _say(self, samples: bytes, times: Times, surplus: int = 0) -> None:
        """`surplus`: so many frames more than there is room for."""
        if not len(times) or self._next is None:
            return
        surplus = max(surplus, round((self._next + FRAME_SECONDS * len(times) - float(times[-1])) / FRAME_SECONDS))
        if surplus > _NOT_WORTH:
            samples, times = _spared(samples, times, surplus)
        if len(times):
            self._next += FRAME_SECONDS * len(times)
            self._say_on(self._next, samples, times)


def _times(complete_at: float, count: int) -> Times:
    return complete_at - FRAME_SECONDS * np.arange(count, dtype=np.float64)[::-1]


def _frames(samples: bytes) -> Iterator[bytes]:
    for begin in range(0, len(samples), FRAME_BYTES):
        yield samples[begin : begin + FRAME_BYTES]


def _spared(samples: bytes, times: Times, surplus: int) -> tuple[bytes, Times]:
    """Without so many frames in which nobody says a word, or as many as there are."""
    kept = []
    for n, frame in enumerate(_frames(samples)):
        if surplus and int(np.abs(np.frombuffer(frame, "<i2").astype(np.int32)).max()) <= _QUIET_PEAK:
            surplus -= 1
        else:
            kept.append(n)
    return b"".join(samples[n * FRAME_BYTES : (n + 1) * FRAME_BYTES] for n in kept), times[kept]


def _meeting(old: bytes, old_times: Times, new: bytes, new_times: Times) -> tuple[int, int, float] | None:
    """The first frame of `old` that is in `new` too, at which byte there, and how much later `old` had it. What sounds alike several times
    meets nowhere."""
    for n, frame in enumerate(_frames(old)):
        if frame == SILENT_FRAME:
            continue
        found = new.find(frame)
        if found < 0 or found % 2 or new.count(frame) > 1 or old.count(frame) > 1:
            continue
        later = float(old_times[n] - new_times[found // FRAME_BYTES])
        if abs(later) < LOST_SECONDS:
            return n, found, later
    return None
