"""AudioSocket server: the far end of the taps. Asterisk connects, names the tap by UUID and sends a frame every 20 ms (facts 10).

Only taps that were announced with `expect`, under a name of ours, may speak; anybody else is shown the door and counted. The protocol:
one byte kind, two bytes length (big-endian), payload.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from asterisk_privacy.asterisk.tap_names import TapNames
from asterisk_privacy.audio.frames import FRAME_BYTES, frame_times

log = logging.getLogger(__name__)

KIND_HANGUP = 0x00
KIND_UUID = 0x01
KIND_DTMF = 0x03
KIND_AUDIO = 0x10
KIND_ERROR = 0xFF
HEADER = struct.Struct(">BH")
INTRODUCTION_SECONDS = 2.0
SILENCE_SECONDS = 2.0
"""A tap sends 50 frames a second whatever happens (facts 10); one that sends nothing for this long has stalled."""
APPEAR_SECONDS = 10.0
"""From `expect` to the peer's connection: longer than the ARI requests in between may take."""

FrameSink = Callable[[float, bytes], None]
"""Called with (complete_at on the monotonic clock, 320 bytes of signed 16-bit samples at 8 kHz)."""


@dataclass(slots=True)
class _Expected:
    sink: FrameSink
    ended: Callable[[], None]
    clock: asyncio.TimerHandle


class AudioSocketServer:
    """`uninvited` (`strangers` among them) and `broken` count peers that were dropped. Taps take their names from `names`."""

    def __init__(
        self,
        names: TapNames | None = None,
        introduction: float = INTRODUCTION_SECONDS,
        silence: float = SILENCE_SECONDS,
        appear: float = APPEAR_SECONDS,
    ) -> None:
        self.names = names or TapNames()
        self.introduction = introduction
        self.silence = silence
        self._appear = appear
        self._expected: dict[uuid.UUID, _Expected] = {}
        self._peers: dict[uuid.UUID, _Peer] = {}
        self._unnamed: set[_Peer] = set()
        self._server: asyncio.Server | None = None
        self.uninvited = 0
        self.strangers = 0  # under a name that is none of ours
        self.broken = 0

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Peer(self), host, port, backlog=1024)

    async def stop(self) -> None:
        for peer in (*self._peers.values(), *self._unnamed):
            peer.close()
        if self._server is not None:
            self._server.close()

    @property
    def port(self) -> int:
        """Where it listens; for port 0 at `start`."""
        if self._server is None:
            raise RuntimeError("not started")
        return int(self._server.sockets[0].getsockname()[1])

    def expect(self, tap: uuid.UUID, sink: FrameSink, ended: Callable[[], None]) -> None:
        """From now on a peer that names itself `tap` may speak to `sink`; `ended` is called when its stream ends by itself, stalls, or
        does not begin within `appear` seconds."""
        clock = asyncio.get_running_loop().call_later(self._appear, self._never_came, tap)
        self._expected[tap] = _Expected(sink, ended, clock)

    def forget(self, tap: uuid.UUID) -> None:
        """Not one frame more from this tap, whatever is still on its way."""
        expected = self._expected.pop(tap, None)
        if expected is not None:
            expected.clock.cancel()
        peer = self._peers.pop(tap, None)
        if peer is not None:
            peer.close()

    def _never_came(self, tap: uuid.UUID) -> None:
        expected = self._expected.pop(tap, None)
        if expected is not None:
            self.broken += 1
            log.warning("AudioSocket: a tap's audio did not come within %g s; can Asterisk reach this port?", self._appear)
            expected.ended()

    @property
    def connected(self) -> int:
        return len(self._peers)

    # ---- called by the peers

    def arrived(self, peer: _Peer) -> None:
        self._unnamed.add(peer)

    def named(self, peer: _Peer, tap: uuid.UUID) -> _Expected | None:
        self._unnamed.discard(peer)
        if not self.names.is_ours(tap):  # before anything is looked up
            self.uninvited += 1
            self.strangers += 1
            log.warning("AudioSocket: a stranger was shut out; who but Asterisk reaches this port?")
            return None
        expected = self._expected.get(tap)
        if expected is None or tap in self._peers:
            self.uninvited += 1
            log.warning("AudioSocket: a peer that nobody expects was shut out (%s)", "second for one tap" if expected else "unknown tap")
            return None
        expected.clock.cancel()
        self._peers[tap] = peer
        return expected

    def gone(self, peer: _Peer, tap: uuid.UUID | None, fault: str | None) -> None:
        self._unnamed.discard(peer)
        if fault is not None:
            self.broken += 1
            log.warning("AudioSocket: peer dropped: %s", fault)
        if tap is not None and self._peers.get(tap) is peer:
            del self._peers[tap]
            expected = self._expected.pop(tap, None)
            if expected is not None:
                expected.ended()


class _Peer(asyncio.Protocol):
    def __init__(self, server: AudioSocketServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._tap: uuid.UUID | None = None
        self._sink: FrameSink | None = None
        self._fault: str | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._closed = False

    def close(self) -> None:
        self._closed, self._sink = True, None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._server.arrived(self)
        self._clock = asyncio.get_running_loop().call_later(self._server.introduction, self._fail, "named no tap in time")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._clock is not None:
            self._clock.cancel()
        self._sink = None
        self._server.gone(self, self._tap, self._fault)

    def _fail(self, fault: str) -> None:
        self._fault = fault
        self.close()

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        now = self._heard_at = time.monotonic()
        self._buffer += data
        frames: list[bytes] = []
        position = 0
        while len(self._buffer) - position >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer, position)
            if length > FRAME_BYTES:
                self._fail(f"a frame of {length} bytes, expected {FRAME_BYTES}")
                return
            end = position + HEADER.size + length
            if len(self._buffer) < end:
                break
            payload = bytes(self._buffer[position + HEADER.size : end])
            position = end
            if kind in (KIND_HANGUP, KIND_ERROR) and self._tap is not None:
                self._deliver(now, frames)
                self.close()
                return
            if not self._take(kind, payload, frames):
                return
        del self._buffer[:position]
        self._deliver(now, frames)

    def _deliver(self, now: float, frames: list[bytes]) -> None:
        for complete_at, frame in zip(frame_times(now, len(frames)), frames, strict=True):
            sink = self._sink
            if sink is None:  # the frame before may have ended this tap
                return
            sink(complete_at, frame)

    def _watch(self) -> None:
        silent = time.monotonic() - self._heard_at
        if silent >= self._server.silence:
            self._fail(f"sent nothing for {self._server.silence:g} s")
        else:
            self._clock = asyncio.get_running_loop().call_later(self._server.silence - silent, self._watch)

    def _take(self, kind: int, payload: bytes, frames: list[bytes]) -> bool:
        """Whether to go on reading."""
        if self._tap is None:
            if kind != KIND_UUID or len(payload) != 16:
                self._fail("spoke before it named its tap")
                return False
            tap = uuid.UUID(bytes=payload)
            expected = self._server.named(self, tap)
            if expected is None:
                self.close()
                return False
            self._tap, self._sink = tap, expected.sink
            if self._clock is not None:
                self._clock.cancel()
            self._watch()
        elif kind == KIND_AUDIO:
            if len(payload) != FRAME_BYTES:
                self._fail(f"a frame of {len(payload)} bytes, expected {FRAME_BYTES}")
                return False
            frames.append(payload)
        elif kind != KIND_DTMF:
            self._fail(f"a frame of unknown kind 0x{kind:02x}")
            return False
        return True
