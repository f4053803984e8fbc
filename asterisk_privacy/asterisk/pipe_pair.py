"""Two FIFOs into which one MixMonitor writes: what comes from a channel, and what goes to it.

Asterisk's buffer hands over 32 KiB at a time, two seconds of 8 kHz; nothing is written while neither side sends anything, and the rest
comes when the MixMonitor is stopped, with the end of the stream (facts 2). So how much came says nothing about when it was said. What is
certain: all of a burst had been said when it arrived, each frame 20 ms before the next, at the latest. Frames are dated back from there,
never forward from the begin: so a frame may seem to have been said later than it was, and never earlier.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from asterisk_privacy.asterisk.taps import LegSink
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SECONDS, Leg

BURST_BYTES = 32768  # glibc's buffer, as Asterisk sets it
BURST_SECONDS = BURST_BYTES / FRAME_BYTES * FRAME_SECONDS
CAPACITY = 1 << 16
"""What a pipe holds: two bursts. One that is found full may have lost what came next, of which nothing tells (facts 2.6)."""
MODE = 0o622
"""Asterisk may write, being neither this user nor of its group; nobody but this user reads."""


class _Side:
    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd
        self.data = bytearray()
        self.ended = False


class PipePair:
    """Made, opened and listened to from the begin; OSError where that cannot be. `sink` gets what was said, both legs of the same moment
    with the same date. `over` is called at the end of both streams, after the last frame. `full`: audio may have been lost unseen.

    The FIFOs stay until both streams have ended or `close`: MixMonitor opens with O_CREAT, and where it found none it would make a file.
    """

    def __init__(self, directory: Path, sink: LegSink, over: Callable[[], None], full: Callable[[], None]) -> None:
        self._sink: LegSink | None = sink
        self._over = over
        self._full = full
        self._sides: dict[Leg, _Side] = {}
        self.heard_bytes = 0
        name = secrets.token_hex(16)
        try:
            for leg, letter in ((Leg.CUSTOMER, "r"), (Leg.AGENT, "t")):
                self._sides[leg] = _opened(directory / f"{name}-{letter}.sln")
        except OSError:
            self.close()
            raise
        loop = asyncio.get_running_loop()
        for side in self._sides.values():
            loop.add_reader(side.fd, self._readable, side)

    @property
    def options(self) -> str:
        """MixMonitor's: r() what comes from the channel, t() what goes to it."""
        return f"r({self._sides[Leg.CUSTOMER].path})t({self._sides[Leg.AGENT].path})"

    def mute(self) -> None:
        """Not one frame more is told."""
        self._sink = None
        self._forget()

    def close(self) -> None:
        """Nothing more is read, and the FIFOs are gone. Safe to call twice."""
        self.mute()
        for side in self._sides.values():
            if side.fd >= 0:
                asyncio.get_running_loop().remove_reader(side.fd)
                os.close(side.fd)
                side.fd = -1
                side.path.unlink(missing_ok=True)

    def _forget(self) -> None:
        for side in self._sides.values():
            side.data[:] = bytes(len(side.data))
            side.data.clear()

    def _readable(self, woken: _Side) -> None:
        full = False
        for side in self._sides.values():
            if side.ended or side.fd < 0:
                continue
            try:
                data = os.read(side.fd, 2 * CAPACITY)
            except BlockingIOError:
                continue
            if data:
                side.data += data
                full = full or len(data) >= CAPACITY or len(side.data) > CAPACITY
                self.heard_bytes += len(data)
            elif side is woken:  # of the other one this may only mean that Asterisk has not opened it yet
                side.ended = True
                asyncio.get_running_loop().remove_reader(side.fd)
        if full:
            self._forget()
            self._full()
            return
        self._tell()
        if all(side.ended for side in self._sides.values()):
            self.close()
            self._over()

    def _tell(self) -> None:
        """Whole frames that both have. A frame that one of them lacks yet comes with the next burst, or never."""
        now = time.monotonic()
        size = min(len(side.data) for side in self._sides.values()) // FRAME_BYTES * FRAME_BYTES
        if not size:
            return
        for leg, side in self._sides.items():
            frames = bytes(side.data[:size])
            del side.data[:size]
            if self._sink is not None:
                self._sink(leg, now, frames)


def _opened(path: Path) -> _Side:
    os.mkfifo(path, 0o600)
    fd = -1
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) != CAPACITY:  # a user with very many pipes gets small ones
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, CAPACITY)
        os.chmod(path, MODE)  # the umask would take that away
    except OSError:
        if fd >= 0:
            os.close(fd)
        path.unlink()
        raise
    return _Side(path, fd)
