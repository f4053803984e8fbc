"""The ring that the kernel fills: each packet once, with its moment, and nothing of it left behind."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from own_net import LOCAL, Ears, udp

from asterisk_privacy.asterisk import kernel_clock
from asterisk_privacy.asterisk.wire import packets
from asterisk_privacy.asterisk.wire.packets import FRAME, PacketRing
from asterisk_privacy.asterisk.wire.place import Place, understood

SMALL = 512  # frames: two blocks


@pytest.fixture
def port(ears: Ears) -> int:
    ears.ring.only([5000])
    return 5000


@pytest.fixture
def small(net: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ears]:
    """A ring that is soon full, listening to port 5000."""
    monkeypatch.setattr(packets, "FRAMES", SMALL)
    ring = PacketRing()
    ring.only([5000])
    yield Ears(ring)
    ring.close()


def send(count: int, first: int = 0) -> list[bytes]:
    sent = [b"packet %d" % number for number in range(first, first + count)]
    with udp() as sender:
        for one in sent:
            sender.sendto(one, (LOCAL, 5000))
    return sent


def test_who_sent_what_to_whom(ears: Ears, port: int) -> None:
    """In the words in which Asterisk tells where it is."""
    with udp(4000) as sender:
        sender.sendto(bytes(range(256)), (LOCAL, port))
        sender.sendto(b"", (LOCAL, port))
    ears.read(2)
    assert Place(ears.told[0][0], ears.told[0][1]) == understood(f"{LOCAL}:{port} {LOCAL}:4000 (null) 0 (ulaw)")
    assert ears.payloads == [bytes(range(256)), b""]


def test_a_packet_came_between_its_sending_and_its_receiver(ears: Ears, port: int) -> None:
    with udp(port) as receiver, udp() as sender:
        for number in range(50):
            before = time.monotonic()
            sender.sendto(b"%d" % number, (LOCAL, port))
            receiver.recv(100)
            after = time.monotonic()
            ears.read(number + 1)
            assert before - 1e-4 <= ears.told[-1][3] <= after + kernel_clock.SAME_CLOCK
    assert ears.payloads == [b"%d" % number for number in range(50)]


@pytest.mark.parametrize("set_by", [0.0025, 0.1, 1.0, 3600.0, -0.0025, -0.1, -1.0, -3600.0])
def test_a_clock_that_is_set_makes_a_packet_late_and_never_early(
    ears: Ears, port: int, monkeypatch: pytest.MonkeyPatch, set_by: float
) -> None:
    """The kernel dates by the wall clock; somebody sets it between a packet and its reading, and later back."""
    ears.ring.read(ears)
    for shift in (set_by, 0.0, 0.0):
        before = time.monotonic()
        send(3)
        monkeypatch.setattr(kernel_clock, "time", SimpleNamespace(monotonic=time.monotonic, time=lambda shift=shift: time.time() + shift))
        ears.told.clear()
        ears.read(3)
        now = time.monotonic()
        assert all(before - 1e-4 <= arrived <= now for *_, arrived in ears.told)
        sent_by = now
    before = time.monotonic()
    assert before >= sent_by
    with udp(port) as receiver:
        send(1)
        receiver.recv(100)
        after = time.monotonic()
        ears.told.clear()
        ears.read(1)
        assert before - 1e-4 <= ears.told[0][3] <= after + kernel_clock.SAME_CLOCK, "and then the clock is believed again"


def shifted(by: float, wall_by: float) -> SimpleNamespace:
    return SimpleNamespace(monotonic=lambda: time.monotonic() + by, time=lambda: time.time() + wall_by)


@pytest.mark.parametrize("set_by", [0.0025, 1.0])
def test_also_when_the_ring_was_not_read_for_long(ears: Ears, port: int, monkeypatch: pytest.MonkeyPatch, set_by: float) -> None:
    """The moment that it seems to have come at is one since the last reading."""
    monkeypatch.setattr(kernel_clock, "time", shifted(-5, -5))
    ears.ring.read(ears)
    before = time.monotonic()
    send(1)
    monkeypatch.setattr(kernel_clock, "time", shifted(0, set_by))
    ears.read(1)
    assert before - 1e-4 <= ears.told[0][3] <= time.monotonic()


@pytest.mark.parametrize("set_by", [1.0, 3600.0, -1.0, -3600.0])
def test_a_clock_that_is_set_and_set_back_before_it_is_looked_at(
    ears: Ears, port: int, monkeypatch: pytest.MonkeyPatch, set_by: float
) -> None:
    """In between, the kernel dated a packet."""
    monkeypatch.setattr(kernel_clock, "time", shifted(0, set_by))
    ears.ring.read(ears)
    ears.ring.read(ears)
    before = time.monotonic()
    send(1)
    ears.read(1)
    assert before - 1e-4 <= ears.told[0][3] <= time.monotonic()


def test_a_standstill_between_looks_at_the_two_clocks_makes_it_late(ears: Ears, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By less than what would count as setting the clock."""
    ears.ring.read(ears)
    kept_waiting = 0.0

    def after_a_while(clock: Callable[[], float]) -> float:
        nonlocal kept_waiting
        kept_waiting += 0.0004
        return clock() + kept_waiting

    before = time.monotonic()
    send(1)
    clocks = SimpleNamespace(monotonic=lambda: after_a_while(time.monotonic), time=lambda: after_a_while(time.time))
    monkeypatch.setattr(kernel_clock, "time", clocks)
    ears.read(1)
    assert before - 1e-4 <= ears.told[0][3]


def test_round_and_round(small: Ears) -> None:
    sent: list[bytes] = []
    for count in (1, 200, 310, 511, 512, 1, 512, 3, 400):
        sent += send(count, len(sent))
        small.read(len(sent))
    assert small.payloads == sent
    assert small.ring.lost == 0


def test_what_finds_no_room_is_counted_and_breaks_nothing(small: Ears) -> None:
    kept = send(600)[:SMALL]
    small.read(SMALL)
    kept += send(300, 600)
    small.read(SMALL + 300)
    assert (small.payloads, small.ring.lost) == (kept, 600 - SMALL)
    send(2 * SMALL, 900)
    small.read(2 * SMALL + 300)
    kept += [b"packet %d" % number for number in range(900, 900 + SMALL)] + send(5, 5000)
    small.read(len(kept))
    assert (small.payloads, small.ring.lost) == (kept, 600 - SMALL + SMALL)


def test_what_was_read_is_zeroed(small: Ears) -> None:
    """And what was too long to be told, and what nobody may hear any more."""
    memory = small.ring._ring
    with udp() as sender:
        for number in range(SMALL // 2):
            sender.sendto(b"secret %d" % number, (LOCAL, 5000))
            sender.sendto(b"secret" * 200, (LOCAL, 5000))
    assert memory.find(b"secret") > 0, "the ring is shared with the kernel"
    small.ring.only([])
    small.read(SMALL)
    assert memory.find(b"secret") == -1
    assert memory.find(socket.inet_aton(LOCAL)) == -1, "nor who spoke"
    assert small.payloads.count(None) == SMALL // 2


def test_of_what_does_not_fit_only_that_it_came_is_told(ears: Ears, port: int) -> None:
    fits = FRAME - 80 - 28  # the kernel's words, and the headers of IP and UDP
    with udp() as sender:
        for size in (12 + 320, fits, fits + 1, 1400, 60000, 172):
            sender.sendto(bytes(size), (LOCAL, port))
    ears.read(6)
    assert [payload and len(payload) for payload in ears.payloads] == [12 + 320, fits, None, None, None, 172]
    assert fits > 12 + 800, "100 ms of G.711"


def test_whoever_fails_over_a_packet_gets_the_next(ears: Ears, port: int) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    sent = send(3)
    with pytest.raises(ZeroDivisionError):
        ears.ring.read(fail)
    ears.read(2)
    assert ears.payloads == sent[1:]


def test_closed_is_closed(net: None) -> None:
    ring = PacketRing()
    ring.only([5000])
    ring.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        ring.only([5000])
    with pytest.raises(ValueError, match="closed"):
        ring.read(lambda *_: None)
