"""What goes on as before, and what does not, whatever the network does to it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.asterisk.wire.fit import Fit
from asterisk_privacy.asterisk.wire.rtp import COMFORT_NOISE, PCMU, Packet, Unfit

EVENT = 101


@dataclass(frozen=True)
class Spoken:
    """A phone's packet: what it does before it (`pause`: packets' worth of silence; `keys`: packets of a key), and what becomes of it."""

    pause: int
    keys: int
    lost: bool
    late: int  # it comes so many packets later
    twice: bool


spoken = st.lists(
    st.builds(
        Spoken,
        st.sampled_from([0, 0, 0, 0, 0, 3, 200]),
        st.sampled_from([0, 0, 0, 0, 0, 0, 1, 7]),
        st.sampled_from([False] * 7 + [True]),
        st.sampled_from([0] * 7 + [1, 3]),
        st.sampled_from([False] * 9 + [True]),
    ),
    min_size=1,
    max_size=60,
)
lengths = st.sampled_from([80, 160, 240, 320, 400, 480])


def sent(story: list[Spoken], length: int, tag_from: int | None = None, tag: int = 0) -> list[tuple[Packet, bool]]:
    """As they arrive; and whether each is enciphered."""
    sequence, timestamp, came = 65530, 2**32 - 1000, list[tuple[float, Packet, bool]]()
    for number, one in enumerate(story):
        timestamp += one.pause * length
        for key in range(one.keys):
            event = Packet(0.0, EVENT, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 1, b"\x01\x0a\x00\xa0")
            came.append((number - 0.9 + key / 100, event, False))
            sequence += 1
        secret = tag_from is not None and number >= tag_from
        packet = Packet(0.0, PCMU, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 1, bytes(length + (tag if secret else 0)))
        sequence, timestamp = sequence + 1, timestamp + length
        if not one.lost:
            came += [(number + one.late, packet, secret)] * (2 if one.twice else 1)
    return [(packet, secret) for _, packet, secret in sorted(came, key=lambda c: c[0])]


@settings(deadline=None)
@given(story=spoken, length=lengths, pieces=st.integers(1, 9))
def test_a_phone_that_goes_on_is_never_doubted(story: list[Spoken], length: int, pieces: int) -> None:
    """Lost, late, doubled; pauses without packets; keys in between, also where its clock stands still for them."""
    fit, packets = Fit(), [packet for packet, _ in sent(story, length)]
    for begin in range(0, len(packets), pieces):
        part = packets[begin : begin + pieces]
        assert fit.count(part) == len(part)


@settings(deadline=None)
@given(
    story=spoken,
    length=lengths,
    since=st.integers(0, 60),
    tag=st.sampled_from([4, 8, 10, 16, 14]),
    pieces=st.integers(1, 9),
)
def test_nothing_enciphered_ever_goes_on_as_before(story: list[Spoken], length: int, since: int, tag: int, pieces: int) -> None:
    came = sent(story, length, since, tag)
    fit = Fit()
    for begin in range(0, len(came), pieces):
        part = came[begin : begin + pieces]
        count = fit.count([packet for packet, _ in part])
        assert not any(secret for _, secret in part[:count])
        if count < len(part):
            break
    secrets = [packet for packet, secret in came if secret]
    assert not secrets or not fit.begin_anew([packet for packet, _ in came])
    assert not secrets or not Fit().begin_anew(secrets)


@given(st.lists(st.builds(Packet, st.just(0.0), st.just(PCMU), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(1, 3),
                          st.sampled_from([b"", bytes(80), bytes(160), bytes(161)])), max_size=20))  # fmt: skip
def test_any_packets_are_fitting_or_not(packets: list[Packet]) -> None:
    fit = Fit()
    count = fit.count(packets)
    assert 0 <= count <= len(packets)
    assert not any(len(packet.payload) == 161 for packet in packets[:count])
    fit.begin_anew(packets)


@pytest.mark.parametrize("step", [-5000, 5000, 51, -56])
def test_a_sequence_that_begins_anew(step: int) -> None:
    fit = Fit()
    packets = [Packet(0.0, PCMU, n, 160 * n, 1, bytes(160)) for n in range(5)]
    later = [Packet(0.0, PCMU, (4 + step + n) & 0xFFFF, 160 * (5 + n), 1, bytes(160)) for n in range(3)]
    assert fit.count([*packets, *later]) == 5
    assert fit.begin_anew(later)
    assert fit.count([later[-1]]) == 1


@pytest.mark.parametrize("kind", [9, 18, 111])
def test_sound_of_another_kind_is_told(kind: int) -> None:
    with pytest.raises(Unfit, match=f"payload type {kind}"):
        Fit().count([Packet(0.0, kind, 1, 160, 1, bytes(160))])


def test_comfort_noise_is_no_sound() -> None:
    noise = Packet(0.0, COMFORT_NOISE, 2, 320, 1, b"\x40")
    fit = Fit()
    assert fit.count([Packet(0.0, PCMU, 1, 160, 1, bytes(160)), noise, Packet(0.0, PCMU, 3, 480, 1, bytes(160))]) == 3


def test_a_clock_that_goes_too_slowly_for_what_it_dates() -> None:
    fit = Fit()
    packets = [Packet(0.0, PCMU, n, 160 * n, 1, bytes(160)) for n in range(5)]
    slow = [Packet(0.0, PCMU, n, 160 * 4 + 150 * (n - 4), 1, bytes(160)) for n in range(5, 8)]
    assert fit.count([*packets, *slow]) == 5
