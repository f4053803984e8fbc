"""Over a network card: what this machine receives is heard, and nothing that it sends, nor what is for others."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from own_net import Ears, Lan, udp

PORT = 5000
PHONE = "10.77.0.9"


@pytest.fixture
def lan(net: None) -> Iterator[Lan]:
    lan = Lan()
    yield lan
    lan.close()


@pytest.fixture
def listening(lan: Lan, ears: Ears) -> Ears:
    ears.ring.only([PORT])
    return ears


def packet(payload: bytes, to: str = Lan.ADDRESS) -> bytes:
    """From the phone to a port that is listened to."""
    body = struct.pack(">HHHH", 4000, PORT, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, 17, 0) + socket.inet_aton(PHONE) + socket.inet_aton(to)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + body


def heard(ears: Ears, lan: Lan) -> list[bytes]:
    lan.receive(packet(b"end"))
    ears.until(lambda: b"end" in ears.payloads)
    assert ears.payloads.pop() == b"end"
    return ears.payloads[:-1]


def test_a_phone_in_the_network_is_heard_once(lan: Lan, listening: Ears) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asterisk:
        asterisk.bind((Lan.ADDRESS, PORT))
        asterisk.settimeout(5)
        lan.receive(packet(b"voice"))
        assert asterisk.recv(100) == b"voice"
        assert heard(listening, lan) == [b"voice"]
    assert listening.told[0][1] == socket.inet_aton(PHONE) + (4000).to_bytes(2, "big")


def test_what_this_machine_sends_is_not(lan: Lan, listening: Ears) -> None:
    """To the same port of another machine (a phone's, or another Asterisk's), to all machines and to a group."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(Lan.ADDRESS))
        sender.bind((Lan.ADDRESS, 0))
        for to in ("10.255.255.255", "239.1.2.3"):
            sender.sendto(b"theirs", (to, PORT))
        with udp() as out:
            out.sendto(b"mine", ("127.0.0.1", PORT))
    assert heard(listening, lan) == [b"mine"]


@pytest.mark.parametrize("mac", ["020000000099", "ffffffffffff", "01005e010203"])
def test_what_is_for_other_machines_or_for_all_is_not(lan: Lan, listening: Ears, mac: str) -> None:
    """As on a card that hears the whole network."""
    lan.receive(packet(b"theirs"), bytes.fromhex(mac))
    assert heard(listening, lan) == []


def test_another_kind_of_packet_is_not(lan: Lan, listening: Ears) -> None:
    """Read as IPv4 it would be for our port."""
    for kind in (0x0806, 0x86DD, 0x88B5):
        lan.receive(packet(b"no IPv4"), kind=kind)
    assert heard(listening, lan) == []


def test_another_network_on_the_same_cable_is_not(lan: Lan, listening: Ears) -> None:
    """A VLAN that this machine takes no part in."""
    lan.receive(packet(b"theirs"), tag=bytes.fromhex("81000007"))
    assert heard(listening, lan) == []
