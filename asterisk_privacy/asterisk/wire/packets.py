"""The packets that the kernel lets through, in a ring that it shares with this process (packet(7), PACKET_RX_RING, TPACKET_V2).

Nothing wakes this process when one comes: it looks when it wants to, and each packet says when it came. What was read is zeroed. Opening
the ring needs CAP_NET_RAW (capabilities(7)).
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
from collections.abc import Callable, Collection
from typing import Final

from asterisk_privacy.asterisk.kernel_clock import KernelClock
from asterisk_privacy.asterisk.wire import filter as wire_filter
from asterisk_privacy.errors import OperatorError

Deliver = Callable[[int, bytes, bytes | None, float], None]
"""Called with (UDP port of ours; the sender's IPv4 address and port, as they stand in a packet: 6 bytes; the UDP payload, None if it is too
long for the ring; when it came, on the monotonic clock)."""

FRAME: Final = 1024
"""Bytes of a packet with the kernel's words about it: room for 110 ms of G.711."""
FRAMES: Final = 16384
_BLOCK: Final = 1 << 18
_ETH_P_IP: Final = 0x0800
_SOL_PACKET, _PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 263, 5, 6, 10  # linux/if_packet.h
_TPACKET_V2: Final = 1
_TO_USER, _LOSING = 1, 4
_HEAD: Final = struct.Struct("@IIIHHII")  # struct tpacket2_hdr: status, length, stored length, MAC, network, seconds, nanoseconds
_STATUS: Final = struct.Struct("@I")
_STATISTICS: Final = struct.Struct("@II")
_IP_BYTES: Final = 20
_NO_OPTIONS: Final = 0x45  # IPv4, and a header of 20 bytes
_IP_AND_UDP: Final = struct.Struct(">12x4s4x2sHH2x")  # the sender's address and port, our port, and how long the datagram is
_BLANK: Final = bytes(FRAME)


class PacketRing:
    """`lost`: packets for which there was no room; `most_ports`: that `only` takes; `read_at`: when it was last read."""

    def __init__(self) -> None:
        """OperatorError where this process may not."""
        try:
            # protocol 0: deaf until the filter and the ring are there
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT):
                raise OperatorError(
                    f'[capture] how = "wire": may not listen to packets ({error.strerror}); '
                    "put wire.conf of share/asterisk-privacy/examples into /etc/systemd/system/asterisk-privacy.service.d, "
                    'or write how = "snoop"'
                ) from error
            raise OperatorError(f'[capture] how = "wire": {error.strerror}; write how = "snoop"') from error
        try:
            self._ring = self._opened()
        except OSError as error:
            self._socket.close()
            raise OperatorError(f'[capture] how = "wire": no ring for packets ({error.strerror}); write how = "snoop"') from error
        self._at = 0
        self._clock = KernelClock()
        self.lost = 0

    def _opened(self) -> mmap.mmap:
        self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
        self.most_ports = self._room()
        size = FRAME * FRAMES
        self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, struct.pack("@IIII", _BLOCK, size // _BLOCK, FRAME, FRAMES))
        ring = mmap.mmap(self._socket.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        _bind_everywhere(self._socket)
        return ring

    def _room(self) -> int:
        """For how many ports the kernel has memory, beside the filter that is replaced (net.core.optmem_max: 20 KiB before Linux 6.8)."""
        most = wire_filter.MOST_PORTS
        while True:
            self.only(())
            try:
                self.only(range(most))
                self.only(range(most))
            except OSError as error:
                if error.errno != errno.ENOMEM or not most:
                    raise
                most = most * 3 // 4
            else:
                self.only(())
                return most

    def close(self) -> None:
        self._ring[:] = bytes(len(self._ring))
        self._ring.close()
        self._socket.close()

    @property
    def read_at(self) -> float:
        return self._clock.now

    def only(self, ports: Collection[int]) -> None:
        """From now on packets for these UDP ports come, and no others. What came before is still read."""
        wire_filter.only(self._socket, ports)

    def read(self, deliver: Deliver) -> None:
        """All that has come since the last reading, in order."""
        self._clock.look()
        ring, at = self._ring, self._at
        losing = False
        while True:
            status, length, stored, _, network, seconds, nanoseconds = _HEAD.unpack_from(ring, at)
            if not status & _TO_USER:
                break
            losing = losing or bool(status & _LOSING)
            begin = at + network
            data = ring[begin : begin + stored]
            ring[begin : begin + stored] = _BLANK[:stored]
            _STATUS.pack_into(ring, at, 0)
            at = self._at = at + FRAME if at + FRAME < FRAME * FRAMES else 0
            if data[0] != _NO_OPTIONS:
                data = data[:_IP_BYTES] + data[4 * (data[0] & 0x0F) :]
            if len(data) >= _IP_AND_UDP.size:
                address, sender_port, port, whole = _IP_AND_UDP.unpack_from(data)
                payload = data[_IP_AND_UDP.size : _IP_BYTES + whole] if length <= stored else None
                deliver(port, address + sender_port, payload, self._clock.came(seconds, nanoseconds))
        if losing:
            self.lost += _STATISTICS.unpack(self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size))[1]


def _bind_everywhere(listener: socket.socket) -> None:
    """To all interfaces, for the IPv4 that comes in and not for what goes out. Python's own `bind` wants the name of one interface."""
    address = struct.pack("@HHiHBB8s", socket.AF_PACKET, socket.htons(_ETH_P_IP), 0, 0, 0, 0, b"")  # struct sockaddr_ll
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(listener.fileno(), address, len(address)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
