"""The filter that the kernel runs on each packet before this daemon may see it: RTP to the ports of parties who are in conversation.

Whoever waits is on none of its ports, so not a packet of him leaves the kernel. Classic BPF (socket(7), SO_ATTACH_FILTER), on packets that
begin with their IPv4 header.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

MOST_PORTS: Final = 1000
"""Parties of 500 calls, whose packets of a third of a second the ring holds. The kernel takes 4,096 instructions: one a port, and some."""
_SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h; the module socket does not have it
_INSTRUCTION: Final = struct.Struct("@HBBI")
_INSTRUCTIONS: Final = np.dtype([("code", "=u2"), ("if_true", "u1"), ("if_false", "u1"), ("value", "=u4")])  # the same
_PROGRAM: Final = struct.Struct("@HP")
_GROUP: Final = 100  # a jump on a condition reaches 255 instructions

# linux/bpf_common.h
_LD_BYTE, _LD_HALF, _LD_WORD, _LDX_HEADER, _LD_PORT = 0x30, 0x28, 0x20, 0xB1, 0x48
_JEQ, _JGE, _JSET, _JA, _RET = 0x15, 0x35, 0x45, 0x05, 0x06
_PACKET_TYPE: Final = 0xFFFFF004  # SKF_AD_OFF + SKF_AD_PKTTYPE
_TO_US: Final = 0  # PACKET_HOST
_UDP: Final = 17
_FRAGMENT: Final = 0x3FFF  # offset, or more to come: RTP is never so long
_ALL, _NOTHING = _INSTRUCTION.pack(_RET, 0, 0, 0xFFFF), _INSTRUCTION.pack(_RET, 0, 0, 0)


def only(listener: socket.socket, ports: Collection[int]) -> None:
    """From now on `listener` gets packets for these UDP ports of this machine, and no others. OSError if the kernel refuses."""
    program = program_for(ports)
    buffer = ctypes.create_string_buffer(program, len(program))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM.pack(len(program) // _INSTRUCTION.size, ctypes.addressof(buffer)))


def program_for(ports: Collection[int]) -> bytes:
    """`MOST_PORTS` at most."""
    if not ports:
        return _NOTHING
    groups = [sorted(ports)[at : at + _GROUP] for at in range(0, len(ports), _GROUP)]
    return _BEGIN + _choose(groups)


def _one(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, if_true, if_false, value)


_BEGIN: Final = b"".join(
    (
        _one(_LD_WORD, _PACKET_TYPE),
        _one(_JEQ, _TO_US, 1),
        _NOTHING,
        _one(_LD_BYTE, 9),
        _one(_JEQ, _UDP, 1),
        _NOTHING,
        _one(_LD_HALF, 6),
        _one(_JSET, _FRAGMENT, 0, 1),
        _NOTHING,
        _one(_LDX_HEADER, 0),  # how long the IP header is
        _one(_LD_PORT, 2),  # behind it: where the packet goes
    )
)


def _choose(groups: Sequence[Sequence[int]]) -> bytes:
    """Halves the groups until one is left."""
    if len(groups) == 1:
        tests = np.zeros(len(groups[0]), _INSTRUCTIONS)
        tests["code"], tests["if_true"], tests["value"] = _JEQ, np.arange(len(tests), 0, -1), groups[0]
        return tests.tobytes() + _NOTHING + _ALL
    middle = len(groups) // 2
    low = _choose(groups[:middle])
    return _one(_JGE, groups[middle][0], 0, 1) + _one(_JA, len(low) // _INSTRUCTION.size) + low + _choose(groups[middle:])
