"""One phone's RTP packets, put into frames of 20 ms. A function of what is handed in: no clock, no socket.

A packet has two times. Where its sound belongs is told by its RTP timestamp, which is the phone's own clock; when it came is told by the
kernel, and counts against a hold. The phone's clock is set by the packet that was the least late of the last two seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from asterisk_privacy.asterisk.wire.rtp import PCMA, PCMU, Packet, after, apart, is_sound
from asterisk_privacy.audio import alaw, ulaw
from asterisk_privacy.audio.frames import FRAME_SAMPLES, RATE
from asterisk_privacy.audio.quarantine import Came, Times

_LAWS: Final = {PCMU: ulaw.decode, PCMA: alaw.decode}
_REMEMBERED: Final = 5  # readings, of half a second, over which the least late packet sets the clock
_LOOKED_BACK: Final = 50  # packets
_LONGEST_GAP: Final = RATE  # samples; beyond that (in either direction) the phone began anew, or was quiet


@dataclass(frozen=True, slots=True)
class Run:
    """Frames without a gap; `complete_at`: when the last was, by the phone's clock; `here_by`: when each came."""

    complete_at: float
    samples: bytes  # frames of FRAME_BYTES
    here_by: Times
    came: Came | None = None
    """None: all. A frame that a packet which was lost would have touched did not; one for which the phone sent nothing did."""


class Stream:
    """What came in one tap's life so far. `lost` counts samples that never came, in between others."""

    def __init__(self) -> None:
        self._source: int | None = None
        self._next = 0  # the timestamp that comes next, 32 bits
        self._rest = np.zeros(0, np.int16)  # less than a frame, before `_next`
        self._rest_by = 0.0
        self._rest_lost = False
        self._sequence: int | None = None  # the last that came of this source
        self._others: deque[int] = deque(maxlen=_LOOKED_BACK)  # sequence numbers of keys and comfort noise
        self._position = 0  # samples of this source until `_next`
        self._begins: deque[float] = deque(maxlen=_REMEMBERED)
        self.lost = 0

    def take(self, packets: Sequence[Packet]) -> Iterator[Run]:
        """Those of one reading, in the order in which they came. Raises Unfit for a payload that is no G.711."""
        run = self.in_step(packets)
        if run is not None:
            yield run
            return
        sound: list[Packet] = []
        for packet in packets:
            if is_sound(packet):
                sound.append(packet)
            else:
                self._others.append(packet.sequence)
        sequences = [p.sequence for p in sound]
        if any((after - before) & 0xFFFF != 1 for before, after in pairwise(sequences)):
            sound = _sorted(sound)
        while sound:
            at = self._begun_anew(sound[0])
            count = _together(sound, at)
            yield from self._joined(sound[:count], at)
            sound = sound[count:]

    def _begun_anew(self, first: Packet) -> int:
        """The timestamp from which `first` goes on: after a jump, its own."""
        ahead = apart(first.timestamp, self._next)
        if first.source != self._source or abs(ahead) > _LONGEST_GAP:
            self._source, self._next, self._position = first.source, first.timestamp, 0
            self._rest, self._rest_lost, self._sequence = self._rest[:0], False, None
            self._begins.clear()
        return self._next

    def in_step(self, packets: Sequence[Packet]) -> Run | None:
        """The usual case, four times cheaper: whole frames that follow each other and what was taken before. None: it is not that."""
        if not packets or packets[0].kind not in _LAWS or len(self._rest):
            return None
        kind, source, at = packets[0].kind, self._source, self._next
        for packet in packets:
            if packet.timestamp != at or len(packet.payload) != FRAME_SAMPLES or packet.kind != kind or packet.source != source:
                return None
            at = (at + FRAME_SAMPLES) & 0xFFFFFFFF
        count = len(packets)
        here_by = np.maximum.accumulate(np.fromiter((p.arrived for p in packets), np.float64, count))
        ends = (self._position + FRAME_SAMPLES * np.arange(1, count + 1)) / RATE
        self._begins.append(float((here_by - ends).min()))
        self._next, self._position, self._sequence = at, self._position + FRAME_SAMPLES * count, packets[-1].sequence
        samples = _LAWS[kind](np.frombuffer(b"".join([p.payload for p in packets]), np.uint8))
        return Run(min(self._begins) + self._position / RATE, samples.tobytes(), here_by)

    def _joined(self, packets: Sequence[Packet], at: int) -> Iterator[Run]:
        end = max(apart(p.timestamp, at) + len(p.payload) for p in packets)
        if end <= 0:
            return  # all of it came too late
        samples = np.zeros(end, np.int16)
        lost = self._lost(packets, at, end)
        by = np.zeros(end // FRAME_SAMPLES + 2)  # of the frames that these samples touch
        held = len(self._rest)
        covered = 0
        self._begins.append(min(p.arrived - (self._position + apart(p.timestamp, at) + len(p.payload)) / RATE for p in packets))
        for packet in packets:
            begin = apart(packet.timestamp, at)
            decoded = _LAWS[packet.kind](np.frombuffer(packet.payload, np.uint8))
            if begin < 0:
                begin, decoded = 0, decoded[-begin:]
            if not len(decoded):
                continue  # came too late
            samples[begin : begin + len(decoded)] = decoded
            covered += len(decoded)
            first, last = (held + begin) // FRAME_SAMPLES, (held + begin + len(decoded) - 1) // FRAME_SAMPLES
            by[first : last + 1] = np.maximum(by[first : last + 1], packet.arrived)
        if held:
            samples, lost = np.concatenate((self._rest, samples)), np.concatenate((np.full(held, self._rest_lost), lost))
            by[0] = max(by[0], self._rest_by)
        self.lost += max(0, end - covered)
        self._next, self._position = (at + end) & 0xFFFFFFFF, self._position + end
        whole = len(samples) // FRAME_SAMPLES
        self._rest, self._rest_by = samples[whole * FRAME_SAMPLES :].copy(), by[whole]
        self._rest_lost = bool(lost[whole * FRAME_SAMPLES :].any())
        if whole:
            complete_at = min(self._begins) + (self._position - len(self._rest)) / RATE
            here_by = np.maximum.accumulate(by[:whole])
            came: Came = np.logical_not(np.any(lost[: whole * FRAME_SAMPLES].reshape(whole, FRAME_SAMPLES), axis=1))
            yield Run(complete_at, samples[: whole * FRAME_SAMPLES].tobytes(), here_by, None if came.all() else came)

    def _lost(self, packets: Sequence[Packet], at: int, end: int) -> Came:
        """Which samples from `at` to `end` were in packets that never came. What a phone leaves out itself has no sequence numbers."""
        lost = np.zeros(end, np.bool_)
        reached = 0
        for packet in packets:
            begin, before = apart(packet.timestamp, at), self._sequence
            ahead = 1 if before is None else after(packet.sequence, before)
            if begin > reached and before is not None:
                others = sum(0 < after(other, before) < ahead for other in set(self._others))
                lost[reached:begin] = ahead < 1 or ahead - 1 > others
            if ahead > 0:
                self._sequence = packet.sequence
            reached = max(reached, begin + len(packet.payload))
        return lost


def _sorted(packets: Sequence[Packet]) -> list[Packet]:
    """Each source's packets by what they say of their place, once each; the sources in the order in which they came."""
    sources = list(dict.fromkeys(p.source for p in packets))
    result: list[Packet] = []
    for source in sources:
        own = {p.sequence: p for p in packets if p.source == source}
        origin = next(iter(own.values())).timestamp
        result += sorted(own.values(), key=lambda p: apart(p.timestamp, origin))
    return result


def _together(packets: Sequence[Packet], at: int) -> int:
    """How many of them, from the first on, follow each other without a long gap."""
    source, before = packets[0].source, at
    for count, packet in enumerate(packets):
        if packet.source != source or abs(apart(packet.timestamp, before)) > _LONGEST_GAP:
            return max(1, count)
        before = packet.timestamp
    return len(packets)
