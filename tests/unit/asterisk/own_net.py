"""A network of the test's own (network_namespaces(7)): nobody else's packets are in it, so that those that are seen can be counted."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from asterisk_privacy.asterisk.wire.packets import PacketRing

_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCGIFHWADDR, _IFF_UP = 0x8914, 0x8916, 0x8927, 1
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 2, 0x1000
LOCAL = "127.0.0.1"


@contextmanager
def own_net() -> Iterator[None]:
    """For this thread. Skips the test where this process may not have one, or may not listen there."""
    libc = ctypes.CDLL(None, use_errno=True)
    former = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET):
            pytest.skip(f"a network of one's own, and a ring of packets in it, need root ({os.strerror(ctypes.get_errno())})")
        try:
            bring_up("lo")
            with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0):
                pass
            yield
        finally:
            assert libc.setns(former, _CLONE_NEWNET) == 0
    finally:
        os.close(former)


def bring_up(interface: str, address: str = "") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        if address:
            sockaddr = struct.pack("H2x4s8x", socket.AF_INET, socket.inet_aton(address))
            fcntl.ioctl(any_socket, _SIOCSIFADDR, struct.pack("16s16s", interface.encode(), sockaddr))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", interface.encode(), _IFF_UP))


class Lan:
    """A network card that is this test (tun(4)): `receive` is what comes in over it; what the machine sends over it is lost."""

    ADDRESS = "10.77.0.1"
    NAME = "lan0"

    def __init__(self) -> None:
        try:
            self._card = os.open("/dev/net/tun", os.O_RDWR)
        except OSError as error:
            pytest.skip(f"no card can be made here ({error.strerror})")
        fcntl.ioctl(self._card, _TUNSETIFF, struct.pack("16sH14x", self.NAME.encode(), _IFF_TAP | _IFF_NO_PI))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            answer = fcntl.ioctl(any_socket, _SIOCGIFHWADDR, struct.pack("16s16x", self.NAME.encode()))
        self.mac = answer[18:24]
        bring_up(self.NAME, self.ADDRESS)

    def receive(self, ip_packet: bytes, mac: bytes = b"", kind: int = 0x0800, tag: bytes = b"") -> None:
        os.write(self._card, (mac or self.mac) + bytes.fromhex("020000000001") + tag + kind.to_bytes(2, "big") + ip_packet)

    def close(self) -> None:
        os.close(self._card)


def udp(port: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((LOCAL, port))
    made.settimeout(5)
    return made


class Ears:
    """What a ring delivers. `ports`: of each packet; `told`: all of each packet."""

    def __init__(self, ring: PacketRing) -> None:
        self.ring = ring
        self.told: list[tuple[int, bytes, bytes | None, float]] = []

    def __call__(self, port: int, sender: bytes, payload: bytes | None, arrived: float) -> None:
        self.told.append((port, sender, payload, arrived))

    @property
    def ports(self) -> list[int]:
        return [one[0] for one in self.told]

    @property
    def payloads(self) -> list[bytes | None]:
        return [one[2] for one in self.told]

    def read(self, count: int) -> None:
        """Until `count` packets were told in all."""
        self.until(lambda: len(self.told) >= count)

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + 5
        while True:
            self.ring.read(self)
            if done():
                return
            assert time.monotonic() < end, f"{len(self.told)} packets came"
