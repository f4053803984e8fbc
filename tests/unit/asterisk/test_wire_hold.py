"""From the packets to what leaves the quarantine: what came after a hold is not in it, however the network delayed what, and whenever the
hold is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.asterisk.wire.rtp import PCMU, Packet
from asterisk_privacy.asterisk.wire.stream import Stream
from asterisk_privacy.asterisk.wire.tap import MARGIN_SECONDS
from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.frames import FRAME_SAMPLES, RATE, Leg
from asterisk_privacy.audio.quarantine import Piece, Quarantine

BEGAN = 500.0  # of the stretch, and of the phone's first sample
QUARANTINE = 1.0
READ_SECONDS = 0.2
HELLO = 100  # packets that can be told from each other: none sounds like silence


@dataclass(frozen=True)
class Line:
    """`delays`: of each packet, over and over."""

    samples: int
    delays: tuple[float, ...]
    stalls: tuple[tuple[float, float], ...]  # the network stands still from then (after BEGAN) for so long; all comes at once after it

    def packets(self, seconds: float) -> list[Packet]:
        came, at, latest = [], 0, 0.0
        while at < seconds * RATE:
            number = at // self.samples
            payload = bytes([1 + number % HELLO]) * self.samples
            at += self.samples
            arrived = BEGAN + at / RATE + self.delays[number % len(self.delays)]
            for begin, length in self.stalls:
                if BEGAN + begin <= arrived < BEGAN + begin + length:
                    arrived = BEGAN + begin + length
            latest = max(latest, arrived)
            came.append(Packet(arrived, PCMU, number, at - self.samples, 1, payload))
        return sorted(came, key=lambda p: p.arrived)


def kept(line: Line, hold: float, told: float, known: float) -> tuple[dict[float, int], Quarantine]:
    """What left the quarantine: sample values by when they were said. `hold`, `told`: seconds after BEGAN; `known`: how long after it all
    that happened is known."""
    stream, quarantine = Stream(), Quarantine()
    stretch = quarantine.open(BEGAN)
    waiting, blocks, now, shut = line.packets(3.0), list[Piece](), BEGAN, False
    while not shut or quarantine.busy:
        now += READ_SECONDS
        count = sum(p.arrived <= now for p in waiting)
        if not shut:
            for run in stream.take(waiting[:count]):
                quarantine.push(stretch, Leg.CUSTOMER, "c", run.complete_at, run.samples, run.here_by + MARGIN_SECONDS)
            waiting = waiting[count:]
            if now >= BEGAN + told:
                quarantine.shut(BEGAN + hold)
                shut = True
        blocks += quarantine.release(now - known)
    values = {}
    for began, block, _ in blocks:
        for n in range(0, len(block), FRAME_SAMPLES // 2):
            values[round(began - BEGAN + n / RATE, 3)] = int(block[n, Leg.CUSTOMER.value])
    return values, quarantine


def arrivals(line: Line) -> dict[int, float]:
    """When the first packet that sounds so came: the phone says nothing twice in two seconds."""
    first: dict[int, float] = {}
    for packet in line.packets(3.0):
        sound = int(ulaw.decode(np.array([packet.payload[0]], np.uint8))[0])
        first.setdefault(sound, packet.arrived)
    return first


lines = st.builds(
    Line,
    st.sampled_from([160, 240, 320]),
    st.lists(st.sampled_from([0.0, 0.001, 0.02, 0.06, 0.25]), min_size=1, max_size=7).map(tuple),
    st.lists(st.tuples(st.floats(0, 1.5), st.floats(0, 0.9)), max_size=2).map(tuple),
)


@settings(deadline=None)
@given(line=lines, hold=st.floats(0.1, 1.6), late=st.floats(0.0, QUARANTINE))
def test_nothing_that_came_after_a_hold_is_kept_whenever_it_is_told(line: Line, hold: float, late: float) -> None:
    values, _ = kept(line, hold, hold + late, QUARANTINE)
    came = arrivals(line)
    assert all(came[value] <= BEGAN + hold - MARGIN_SECONDS + 1e-6 for value in values.values() if value)


@settings(deadline=None)
@given(samples=st.sampled_from([160, 240, 320]), delay=st.floats(0.0, 0.1), hold=st.floats(0.3, 1.6), late=st.floats(0.0, QUARANTINE))
def test_on_a_quiet_line_all_that_came_before_it_is_kept(samples: int, delay: float, hold: float, late: float) -> None:
    """In its place: as long after it was said as a packet takes."""
    line = Line(samples, (delay,), ())
    values, quarantine = kept(line, hold, hold + late, QUARANTINE)
    came = arrivals(line)
    expected = {sound for sound, at in came.items() if at <= BEGAN + hold - MARGIN_SECONDS - 0.02}
    assert expected <= set(values.values())
    assert quarantine.corrected == 0
    for packet in line.packets(hold - MARGIN_SECONDS - delay - 0.06):
        said = packet.timestamp / RATE
        sound = int(ulaw.decode(np.array([packet.payload[0]], np.uint8))[0])
        places = [place for place, value in values.items() if value == sound]
        assert places
        assert said + delay - 0.03 <= min(places) <= said + delay + 0.03
