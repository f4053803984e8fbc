"""Cases of one phone's stream that have a name; what holds in any case is in test_wire_stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from asterisk_privacy.asterisk.wire.rtp import COMFORT_NOISE, PCMA, PCMU, Packet, Unfit
from asterisk_privacy.asterisk.wire.stream import Run, Stream
from asterisk_privacy.audio import alaw, ulaw
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES

EVENT = 101
ALL_CODES = np.arange(256, dtype=np.uint8).tobytes()


def packet(number: int, late: float = 0.0, *, source: int = 1, first: int = 0, after: int = 0, kind: int = PCMU, code: int = 0) -> Packet:
    """The phone's packet of 20 ms number `number`, said from 10 s + 20 ms * number on; `first`: the timestamp of number 0; `after`: samples
    that the phone left out before it."""
    at = 10.0 + 0.02 * (number + 1) + after / 8000 + late
    timestamp = (first + FRAME_SAMPLES * number + after) & 0xFFFFFFFF
    return Packet(at, kind, number & 0xFFFF, timestamp, source, bytes([code or 1 + number % 100]) * FRAME_SAMPLES)


def heard(stream: Stream, packets: Sequence[Packet]) -> list[Run]:
    return list(stream.take(packets))


def values(runs: Sequence[Run]) -> list[int]:
    return [int(v) for run in runs for v in np.frombuffer(run.samples, np.int16)[::FRAME_SAMPLES]]


def of(*codes: int) -> list[int]:
    return [int(v) for v in ulaw.decode(np.array(codes, np.uint8))]


@pytest.mark.parametrize(("kind", "law"), [(PCMU, ulaw), (PCMA, alaw)])
def test_each_code_is_decoded_bit_by_bit(kind: int, law: object) -> None:
    stream = Stream()
    (run,) = heard(stream, [Packet(1.0, kind, 1, 0, 1, ALL_CODES + ALL_CODES[:64])])
    table = law.decode(np.frombuffer(ALL_CODES + ALL_CODES[:64], np.uint8))  # type: ignore[attr-defined]
    assert run.samples == table.astype("<i2").tobytes()


def test_less_than_a_frame_waits_for_the_rest_and_keeps_its_arrival() -> None:
    """Three packets of 10 ms, one reading each: the second completes a frame; its first half came later than the second was due."""
    stream = Stream()
    codes = [bytes([c]) * 80 for c in (1, 2, 3, 4)]
    assert heard(stream, [Packet(5.5, PCMU, 1, 0, 1, codes[0])]) == []
    (run,) = heard(stream, [Packet(5.4, PCMU, 2, 80, 1, codes[1])])
    assert [float(at) for at in run.here_by] == [5.5]
    assert run.samples == ulaw.decode(np.frombuffer(codes[0] + codes[1], np.uint8)).tobytes()
    assert heard(stream, [Packet(5.6, PCMU, 3, 160, 1, codes[2])]) == []
    (run,) = heard(stream, [Packet(5.7, PCMU, 4, 240, 1, codes[3])])
    assert [float(at) for at in run.here_by] == [5.7]


def test_a_burst_after_a_stall_keeps_its_places_and_says_when_it_came() -> None:
    """The network stood still for 300 ms, and then all of it comes at one moment: said before that, and here only now."""
    stream = Stream()
    heard(stream, [packet(n) for n in range(10)])
    end = packet(24).arrived
    (run,) = heard(stream, [packet(n)._replace(arrived=end) for n in range(10, 25)])
    assert run.complete_at == pytest.approx(packet(24).arrived)
    assert [float(at) for at in run.here_by] == [end] * 15
    assert values([run]) == of(*(1 + n for n in range(10, 25)))


def test_a_stall_longer_than_the_phone_has_been_heard() -> None:
    """Nothing is known of its clock: the burst itself tells, by the packet that was least late."""
    (run,) = heard(Stream(), [packet(n)._replace(arrived=12.0) for n in range(15)])
    assert run.complete_at == pytest.approx(12.0)
    assert len(run.here_by) == 15


def test_the_clock_is_set_by_the_least_late_of_the_last_readings() -> None:
    stream = Stream()
    heard(stream, [packet(0)])
    for n in range(1, 5):
        (run,) = heard(stream, [packet(n, late=0.05)])
        assert run.complete_at == pytest.approx(packet(n).arrived), "the first still tells it"
    (run,) = heard(stream, [packet(5, late=0.05)])
    assert run.complete_at == pytest.approx(packet(5, late=0.05).arrived), "the way has become longer"
    (run,) = heard(stream, [packet(6, late=0.02)])
    assert run.complete_at == pytest.approx(packet(6, late=0.02).arrived), "and a little shorter: at once"


def test_a_lost_packet_is_silence_of_its_length() -> None:
    stream = Stream()
    runs = heard(stream, [packet(0), packet(2)])
    assert values(runs) == [*of(1), 0, *of(3)]
    assert stream.lost == FRAME_SAMPLES


def test_one_that_comes_after_its_place_was_told_is_not_told() -> None:
    stream = Stream()
    runs = heard(stream, [packet(0), packet(2)])
    runs += heard(stream, [packet(1, late=0.1)])
    runs += heard(stream, [packet(1, late=0.1), packet(3)])
    assert values(runs) == [*of(1), 0, *of(3, 4)]


def test_within_one_reading_the_order_does_not_matter() -> None:
    """Each frame is here when the last of those before it is: a hold in between cuts what came after it."""
    (run,) = heard(Stream(), [packet(1)._replace(arrived=20.0), packet(0)._replace(arrived=20.1), packet(2)._replace(arrived=20.2)])
    assert values([run]) == of(1, 2, 3)
    assert [float(at) for at in run.here_by] == [20.1, 20.1, 20.2]


def test_a_copy_counts_as_having_come_when_the_last_did() -> None:
    """It is not looked at which of them it was whose sound is kept."""
    (run,) = heard(Stream(), [packet(0)._replace(arrived=20.0), packet(1)._replace(arrived=20.1), packet(0)._replace(arrived=20.2)])
    assert values([run]) == of(1, 2)
    assert float(run.here_by[0]) >= 20.2


@pytest.mark.parametrize("first", [0xFFFFFFFF - 2 * FRAME_SAMPLES, 0xFFFFFFFF, 0x7FFFFFFF - FRAME_SAMPLES])
def test_timestamps_and_sequences_go_round(first: int) -> None:
    stream = Stream()
    came = [packet(n, first=first)._replace(sequence=(65533 + n) & 0xFFFF) for n in range(8)]
    runs = heard(stream, came[:3]) + heard(stream, [came[4], came[3], came[5]]) + heard(stream, came[6:])
    assert values(runs) == of(*range(1, 9))
    assert stream.lost == 0


def test_a_new_source_begins_anew() -> None:
    """In the middle of a reading, with numbers of its own; what the old one left of a frame is dropped."""
    stream = Stream()
    half = packet(2)._replace(payload=b"\x05" * 80)
    runs = heard(stream, [packet(0), packet(1), half, packet(3, source=2, first=1 << 31), packet(4, source=2, first=1 << 31)])
    assert values(runs) == of(1, 2, 4, 5)
    assert runs[-1].complete_at == pytest.approx(packet(4).arrived)


@pytest.mark.parametrize("seconds", [1.02, 5, 3600])
def test_quiet_for_seconds_and_then_on(seconds: float) -> None:
    """No flood of zeros; where it goes on is told anew by when it comes."""
    stream = Stream()
    heard(stream, [packet(n) for n in range(5)])
    after = round(8000 * seconds)
    runs = heard(stream, [packet(n, after=after) for n in range(5, 8)])
    assert values(runs) == of(6, 7, 8)
    assert runs[0].complete_at == pytest.approx(packet(7, after=after).arrived)
    assert stream.lost == 0


def test_quiet_for_less_than_a_second_is_silence() -> None:
    stream = Stream()
    heard(stream, [packet(0)])
    runs = heard(stream, [packet(1, after=7840)])
    assert values(runs) == [0] * 49 + of(2)
    assert runs[0].complete_at == pytest.approx(packet(1, after=7840).arrived)


def test_a_phone_that_stops_its_clock_with_its_voice_is_back_in_its_place_after_ten_readings() -> None:
    """Against RFC 3550, and yet. Until then it seems to have been said earlier than it was, and each frame says that it came later."""
    stream = Stream()
    heard(stream, [packet(0)])
    runs = [heard(stream, [packet(n, late=0.7)])[0] for n in range(1, 12)]
    assert all(run.here_by[0] == packet(n, late=0.7).arrived for n, run in enumerate(runs, 1))
    assert runs[-1].complete_at == pytest.approx(packet(11, late=0.7).arrived)


@pytest.mark.parametrize(
    "other",
    [
        Packet(10.1, EVENT, 5, 800, 1, b"\x01\x0a\x00\xa0"),
        Packet(10.1, COMFORT_NOISE, 5, 800, 1, b"\x40"),
        Packet(10.1, PCMU, 5, 800, 1, b""),
    ],
)
def test_keys_and_comfort_noise_are_no_sound(other: Packet) -> None:
    stream = Stream()
    assert heard(stream, [other]) == []
    runs = heard(stream, [packet(4), other, other, packet(6)])
    assert values(runs) == [*of(5), 0, *of(7)]


@pytest.mark.parametrize("kind", [3, 4, 9, 15, 18, 25, 34, 96, 111, 127])
def test_another_codec_is_told(kind: int) -> None:
    stream = Stream()
    with pytest.raises(Unfit, match=f"payload type {kind} is not G.711"):
        heard(stream, [packet(0), Packet(10.1, kind, 1, 160, 1, bytes(160))])


def test_a_phone_that_jumps_ahead_in_each_packet_makes_no_more_than_came() -> None:
    """A second at a time, as far as is no new beginning: silence of that length, and never a place in the future."""
    stream = Stream()
    for reading in range(5):
        came = [packet(10 * reading + n, after=7840 * (10 * reading + n))._replace(arrived=20.0 + reading) for n in range(10)]
        for run in heard(stream, came):
            assert len(run.samples) <= 10 * 50 * FRAME_BYTES
            assert run.complete_at <= 20.0 + reading + 1e-6


def came(runs: Sequence[Run]) -> list[bool]:
    return [bool(c) for run in runs for c in (np.ones(len(run.here_by), bool) if run.came is None else run.came)]


@pytest.mark.parametrize("cut", range(1, 8))
def test_what_was_lost_is_told_from_what_the_phone_left_out(cut: int) -> None:
    """By the numbers of its packets. A key and comfort noise have numbers too. In any reading."""
    sent = [
        *(packet(n) for n in (0, 1)),
        packet(2)._replace(kind=COMFORT_NOISE, payload=b"1"),
        packet(3, after=800),  # five frames that the phone left out, and the comfort noise
        packet(6, after=800),  # two packets were lost
        packet(7, after=880),  # it left out half a frame
        *(packet(n, after=960) for n in (8, 9)),
    ]
    stream = Stream()
    runs = [run for reading in (sent[:cut], sent[cut:]) for run in heard(stream, reading)]
    assert values(runs) == [*of(1, 2), 0, 0, 0, 0, 0, 0, *of(4), 0, 0, *of(7), 0, *of(8, 9, 10)]
    assert came(runs) == [True] * 9 + [False] * 2 + [True] * 5


def test_of_packets_of_half_a_frame_one_that_is_lost_takes_the_frame_with_it() -> None:
    half = [Packet(5.0 + 0.01 * n, PCMU, n, 80 * n, 1, bytes([1 + n]) * 80) for n in range(8)]
    for cut in range(1, 7):
        stream = Stream()
        runs = [run for reading in (half[:3], half[4:]) for part in (reading[:cut], reading[cut:]) for run in heard(stream, part)]
        assert came(runs) == [True, False, True, True]


def test_a_frame_whose_begin_was_lost_in_an_earlier_reading_did_not_come() -> None:
    quarter = [Packet(5.0 + 0.005 * n, PCMU, n, 40 * n, 1, bytes([1 + n]) * 40) for n in range(12)]
    stream = Stream()
    runs = [run for reading in (quarter[:4], quarter[5:6], quarter[6:]) for run in heard(stream, reading)]
    assert came(runs) == [True, False, True]


def in_step() -> Stream:
    """A stream whose next packet is number 2."""
    stream = Stream()
    heard(stream, [packet(0), packet(1)])
    return stream


def test_in_step_each_packet_counts_as_come_when_it_did() -> None:
    (run,) = heard(in_step(), [packet(2), packet(3, late=0.03), packet(4, late=0.01)])
    assert values([run]) == of(3, 4, 5)
    assert [float(at) for at in run.here_by] == [packet(2).arrived, packet(3, late=0.03).arrived, packet(4, late=0.01).arrived]
    assert run.complete_at == pytest.approx(packet(4).arrived)


@pytest.mark.parametrize(
    "odd",
    [
        packet(3, kind=PCMA),
        packet(3)._replace(payload=b"\x04" * 80),
        packet(3)._replace(payload=b"\x04" * 240),
        packet(3, after=80),
        packet(3, source=2),
        packet(3, source=2, first=1 << 20),
        packet(2),
        packet(5),
    ],
)
def test_out_of_step_in_the_middle_of_a_reading(odd: Packet) -> None:
    """The same comes of it as of packets that are read one by one, in order."""
    at_once, one_by_one = in_step(), in_step()
    overlaps = odd.timestamp + len(odd.payload) > packet(4).timestamp and odd.source == 1
    came = [packet(2), odd, *([] if overlaps else [packet(4)])]
    runs = [run for one in came for run in heard(one_by_one, [one])]
    assert b"".join(run.samples for run in heard(at_once, came)) == b"".join(run.samples for run in runs)


@pytest.mark.parametrize("kind", [9, 111])
def test_another_codec_of_the_same_length_in_step_is_told_too(kind: int) -> None:
    with pytest.raises(Unfit):
        heard(in_step(), [packet(2), packet(3, kind=kind), packet(4)])
