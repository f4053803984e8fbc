"""Whatever the network does to a phone's packets: each sample comes out in its place or not at all, and each frame says when it came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.asterisk.wire.rtp import PCMA, PCMU, Packet
from asterisk_privacy.asterisk.wire.stream import Run, Stream
from asterisk_privacy.audio import alaw, ulaw
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES, RATE

Pcm = npt.NDArray[np.int16]
BEGAN = 1000.0  # when the phone took its first sample
_rng = np.random.default_rng(7)
CODES = _rng.integers(1, 0x70, 16000, dtype=np.uint8)  # of each sample the phone says: none of them is a zero, in either law
LAWS = {PCMU: ulaw.decode, PCMA: alaw.decode}


@dataclass(frozen=True)
class Sent:
    """A packet of a phone's, and when its copies come: none, if it is lost."""

    kind: int
    samples: int
    delays: tuple[float, ...]


packets = st.builds(
    Sent,
    st.sampled_from([PCMU, PCMA]),
    st.sampled_from([80, 160, 160, 160, 240, 320]),
    st.sampled_from([(0.0,), (0.0,), (0.001,), (0.03,), (0.11,), (0.28,), (), (0.0, 0.0), (0.01, 0.2), (0.2, 0.02)]),
)
usual = st.builds(Sent, st.sampled_from([PCMU, PCMA]), st.just(160), st.sampled_from([(0.0,)] * 9 + [()]))
spoken = st.lists(packets, min_size=1, max_size=25) | st.lists(usual, min_size=1, max_size=50)  # less than what counts as a gap: a second


def arriving(sent: list[Sent], first_sequence: int, first_timestamp: int) -> list[Packet]:
    came = []
    at = 0
    for number, one in enumerate(sent):
        head = ((first_sequence + number) & 0xFFFF, (first_timestamp + at) & 0xFFFFFFFF, 0x5EED)
        payload = CODES[at : at + one.samples].tobytes()
        at += one.samples
        came += [Packet(BEGAN + at / RATE + delay, one.kind, *head, payload) for delay in one.delays]
    return sorted(came, key=lambda p: p.arrived)


def readings(came: list[Packet], every: float) -> Iterator[list[Packet]]:
    at = BEGAN
    while came:
        at += every
        count = sum(p.arrived <= at for p in came)
        yield came[:count]
        came = came[count:]


def right(sent: list[Sent]) -> tuple[Pcm, list[int]]:
    """What each sample sounds like, and the number of its packet."""
    sound, owner, at = [], [], 0
    for number, one in enumerate(sent):
        sound.append(LAWS[one.kind](CODES[at : at + one.samples]))
        owner += [number] * one.samples
        at += one.samples
    return np.concatenate(sound), owner


@settings(deadline=None)
@given(
    sent=spoken,
    every=st.sampled_from([0.021, 0.05, 0.2, 0.5]),
    first_sequence=st.sampled_from([0, 65530]),
    first_timestamp=st.sampled_from([0, 2**32 - 700, 2**31 - 300]),
)
def test_each_sample_in_its_place_or_not_at_all(sent: list[Sent], every: float, first_sequence: int, first_timestamp: int) -> None:
    sound, owner = right(sent)
    stream = Stream()
    base: int | None = None  # which of the phone's samples is the first that comes out
    following = 0  # and which comes next: all before that is too late
    here: dict[int, float] = {}  # packets that have come: when first
    should: list[Pcm] = []
    runs: list[Run] = []
    frames_by: list[float] = []
    for reading in readings(arriving(sent, first_sequence, first_timestamp), every):
        places = [((p.timestamp - first_timestamp) & 0xFFFFFFFF, p) for p in reading]
        if places and base is None:
            base = following = min(place for place, _ in places)
        end = max([following, *(place + len(p.payload) for place, p in places)])
        told = np.zeros(end - following, np.int16)
        for place, p in places:
            begin = max(place, following)
            told[begin - following : max(begin, place + len(p.payload)) - following] = sound[begin : place + len(p.payload)]
            here.setdefault(owner[place], p.arrived)
        should.append(told)
        following = end
        for run in stream.take(reading):
            runs.append(run)
            frames_by += list(run.here_by)
            _one_run(run, sum(len(r.samples) for r in runs) // 2 + (base or 0), reading, sent)
    if base is None:
        assert not runs
        return
    expected = np.concatenate(should)
    out = np.frombuffer(b"".join(r.samples for r in runs), np.int16)
    assert len(expected) - FRAME_SAMPLES < len(out) <= len(expected)
    assert np.array_equal(out, expected[: len(out)])
    assert stream.lost == int((expected == 0).sum())
    for index in np.flatnonzero(out):
        assert frames_by[index // FRAME_SAMPLES] >= here[owner[base + index]]


def _one_run(run: Run, until: int, reading: list[Packet], sent: list[Sent]) -> None:
    """`until`: how many samples the phone had taken when the last of the run was."""
    assert run.samples
    assert len(run.samples) == FRAME_BYTES * len(run.here_by)
    assert (np.diff(run.here_by) >= 0).all()
    true = BEGAN + until / RATE
    assert true - 1e-6 <= run.complete_at, "it would seem to have been said before a hold"
    assert run.complete_at <= true + max(max(one.delays, default=0.0) for one in sent) + 1e-6
    assert run.complete_at <= reading[-1].arrived + 1e-6, "nothing is said after it is here"


wild = st.builds(
    Packet,
    arrived=st.just(0.0),
    kind=st.sampled_from([PCMU, PCMA]),
    sequence=st.integers(0, 65535) | st.integers(0, 5),
    timestamp=st.integers(0, 2**32 - 1) | st.integers(0, 20000),
    source=st.integers(1, 2),
    payload=st.binary(max_size=400),
)


@settings(deadline=None)
@given(st.lists(st.lists(wild, max_size=12), max_size=12))
def test_no_phone_can_confuse_it(taken: list[list[Packet]]) -> None:
    """Any numbers in the headers: frames are whole, never fall, and never seem to be later than they came."""
    stream = Stream()
    at = BEGAN
    for reading in taken:
        came = []
        for packet in reading:
            at += 0.005
            came.append(packet._replace(arrived=at))
        for run in stream.take(came):
            assert run.samples
            assert len(run.samples) == FRAME_BYTES * len(run.here_by)
            assert (np.diff(run.here_by) >= 0).all()
            assert run.here_by[-1] <= at
            assert run.complete_at <= at + 1e-6
