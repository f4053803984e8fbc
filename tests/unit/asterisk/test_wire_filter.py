"""The filter as the kernel runs it: what goes to the ports that were named, and nothing else."""

from __future__ import annotations

import socket
import struct

import numpy as np
import pytest
from own_net import LOCAL, Ears, udp

from asterisk_privacy.asterisk.wire.filter import MOST_PORTS
from asterisk_privacy.asterisk.wire.packets import PacketRing
from asterisk_privacy.asterisk.wire.place import understood

MARK = 9  # a port that is named for the end of what is sent, so that one knows when all has come


def ip_packet(port: int, payload: bytes, *, protocol: int = 17, options: bytes = b"", fragment: int = 0) -> bytes:
    """From 127.0.0.1:4000 to 127.0.0.1:`port`; the kernel fills in identification and checksum."""
    body = struct.pack(">HHHH", 4000, port, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 0, 0, fragment, 64, protocol, 0)
    return head + socket.inet_aton(LOCAL) * 2 + options + body


def send_raw(*packets: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for packet in packets:
            raw.sendto(packet, (LOCAL, 0))


def heard(ears: Ears, sent_to: list[int]) -> list[int]:
    """One packet to each port, and which of them came."""
    ears.told.clear()
    with udp() as sender:
        for number, port in enumerate(sent_to):
            sender.sendto(b"%d" % port, (LOCAL, port))
            if number % 4096 == 4095:
                ears.ring.read(ears)
        sender.sendto(b"end", (LOCAL, MARK))
    ears.until(lambda: b"end" in ears.payloads)
    assert ears.told.pop()[0] == MARK
    assert all(payload == b"%d" % port for port, _, payload, _ in ears.told)
    return ears.ports


@pytest.mark.parametrize("count", [0, 1, 2, 99, 100, 101, 199, 200, 201, 1000, MOST_PORTS - 1])
def test_every_port_that_is_named_and_none_beside_it(ears: Ears, count: int) -> None:
    """Each second port is named: so there is one that is not on either side of each, at the ends of each group of instructions too."""
    first = 20001
    named = list(range(first, first + 2 * count, 2))
    ears.ring.only([*named, MARK])
    assert heard(ears, list(range(first - 1, first + 2 * count + 1))) == named


def test_ports_in_a_row_and_at_the_ends_of_the_range(ears: Ears) -> None:
    named = [1, 2, 255, 256, 257, *range(0x7F00, 0x7F00 + 250), 65534, 65535]
    ears.ring.only({*named, MARK})
    assert heard(ears, [1, 2, 3, 254, 255, 256, 257, 258, *range(0x7EFF, 0x7F00 + 251), 65533, 65534, 65535]) == named


@pytest.mark.parametrize("seed", range(3))
def test_ports_at_random(ears: Ears, seed: int) -> None:
    ports = [int(p) for p in np.random.default_rng(seed).permutation(np.arange(10000, 20000))]
    named = set(ports[: 137 * (seed + 1)])
    ears.ring.only([*named, MARK])
    assert heard(ears, ports) == [p for p in ports if p in named]


def test_nothing_comes_before_a_port_is_named(ears: Ears) -> None:
    """Not from the moment at which the ring was opened on."""
    with udp() as receiver, udp() as sender:
        sender.sendto(b"private", receiver.getsockname())
        assert receiver.recv(100) == b"private"  # so the kernel had it
    ears.ring.read(ears)
    assert ears.told == []


def test_a_changed_filter_holds_for_the_next_packet(ears: Ears) -> None:
    with udp() as first, udp() as second, udp() as sender:
        for turn in range(200):
            mine, other = (first, second) if turn % 2 else (second, first)
            ears.ring.only([mine.getsockname()[1]])
            sender.sendto(b"other %d" % turn, other.getsockname())
            sender.sendto(b"mine %d" % turn, mine.getsockname())
            assert (other.recv(100), mine.recv(100)) == (b"other %d" % turn, b"mine %d" % turn)
        ears.ring.only([])
        sender.sendto(b"nobody's", first.getsockname())
        assert first.recv(100) == b"nobody's"
    ears.ring.read(ears)
    assert ears.payloads == [b"mine %d" % turn for turn in range(200)]


@pytest.mark.parametrize("options", [b"\x01" * 4, b"\x01" * 39 + b"\x00"])
def test_the_port_is_found_behind_ip_options(ears: Ears, options: bytes) -> None:
    with udp(5000), udp(5002):
        ears.ring.only([5000])
        send_raw(ip_packet(5002, b"private", options=options), ip_packet(5000, b"mine", options=options))
        ears.read(1)
    assert (ears.told[0][0], ears.told[0][2]) == (5000, b"mine")
    assert ears.told[0][1] == understood(f"{LOCAL}:5000 {LOCAL}:4000 (null) 0 (ulaw)").sender  # type: ignore[union-attr]
    assert len(ears.told) == 1


def test_options_that_look_like_the_port_do_not_count(ears: Ears) -> None:
    """Where the port would stand without them there are four bytes of options, the last two of which are the named port."""
    port = 0x0101
    ears.ring.only([port, MARK])
    send_raw(ip_packet(5002, b"private", options=b"\x01" * 8), ip_packet(MARK, b"end"))
    ears.until(lambda: b"end" in ears.payloads)
    assert ears.payloads == [b"end"]


@pytest.mark.parametrize("fragment", [0x2000, 0x0001, 0x1FFF, 0x2001])
def test_pieces_are_refused(ears: Ears, fragment: int) -> None:
    """The first has the port, and the others may have anything where it would stand. (0x4000, "do not fragment", is no piece.)"""
    ears.ring.only([5000])
    send_raw(ip_packet(5000, b"piece!!!", fragment=fragment), ip_packet(5000, b"whole", fragment=0x4000))
    ears.until(lambda: b"whole" in ears.payloads)
    assert ears.payloads == [b"whole"]


@pytest.mark.parametrize("protocol", [1, 6, 132, 136])
def test_another_protocol_to_a_port_of_that_number_is_refused(ears: Ears, protocol: int) -> None:
    ears.ring.only([5000])
    send_raw(ip_packet(5000, bytes(40), protocol=protocol), ip_packet(5000, b"udp"))
    ears.until(lambda: b"udp" in ears.payloads)
    assert ears.payloads == [b"udp"]


def optmem(octets: int) -> None:
    """What older kernels have by default is 20,480."""
    try:
        with open("/proc/sys/net/core/optmem_max", "w") as setting:
            setting.write(str(octets))
    except OSError as error:
        pytest.skip(f"net.core.optmem_max cannot be set for this network alone ({error.strerror})")


@pytest.mark.parametrize("octets", [8000, 20480, 131072])
def test_as_many_ports_as_the_kernel_has_memory_for(net: None, octets: int) -> None:
    """Twice, since the new filter is there before the old one goes; and the ring says how many that is."""
    optmem(octets)
    ring = PacketRing()
    try:
        assert min(octets / 30, MOST_PORTS) <= ring.most_ports <= MOST_PORTS
        ears, last = Ears(ring), 10000 + ring.most_ports
        ring.only([*range(10000, last - 1), MARK])
        ring.only([*range(10001, last), MARK])
        assert heard(ears, [9999, 10000, 10001, last - 1, last]) == [10001, last - 1]
    finally:
        ring.close()
