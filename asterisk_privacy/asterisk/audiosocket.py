"""AudioSocket server: the far end of the taps. Asterisk connects, names the tap by UUID and sends a frame every 20 ms (facts 10).

Only taps that were announced with `expect`, under a name of ours, may speak; anybody else is shown the door and counted. The protocol:
one byte kind, two bytes length (big-endian), payload.

A tap that speaks is not listened to frame by frame: that wakes this process a hundred times a second and call, which was half of all that
the daemon cost. All taps are read together, `LISTEN_SECONDS` apart, and once more when one ends; the kernel tells when the frames came.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np

from asterisk_privacy.asterisk.arrivals import Arrivals
from asterisk_privacy.asterisk.tap_names import TapNames
from asterisk_privacy.asterisk.time_limits import TimeLimit
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SECONDS
from asterisk_privacy.few_lines import FewLines

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

LISTEN_SECONDS = 0.2
"""Ten frames. Whoever needs them at once, because a tap ends or audio is about to leave quarantine, asks with `hear`."""
READ_BYTES = 1 << 16  # 4 s at a time
AGAIN_SECONDS = 0.05
MOMENT_SECONDS = 0.005
"""Asterisk's events are dated in milliseconds, and the order of those of one moment is not certain."""

FrameSink = Callable[[float, bytes], None]
"""Called with (complete at, on the monotonic clock; frames of 320 bytes, signed 16-bit samples at 8 kHz), one at least. The last frame was
complete by then, and each before it 20 ms before the next, at the latest: a live source makes no more than 50 a second."""


@dataclass(slots=True)
class _Expected:
    sink: FrameSink
    ended: Callable[[], None]
    clock: TimeLimit


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
        self._listening: asyncio.TimerHandle | None = None
        self._due = 0.0  # when it is to be listened
        self.late = 0.0  # so many seconds after that it was, the last time
        self._server: asyncio.Server | None = None
        self.uninvited = 0
        self.strangers = 0  # under a name that is none of ours
        self.broken = 0
        self._lines = FewLines()

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Peer(self), host, port, backlog=1024)

    async def stop(self) -> None:
        for peer in (*self._peers.values(), *self._unnamed):
            peer.close()
        if self._listening is not None:
            self._listening.cancel()
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
        self._expected[tap] = _Expected(sink, ended, TimeLimit(self._appear, partial(self._never_came, tap)))

    def forget(self, tap: uuid.UUID) -> None:
        """Not one frame more from this tap, whatever is still on its way."""
        expected = self._expected.pop(tap, None)
        if expected is not None:
            expected.clock.cancel()
        peer = self._peers.pop(tap, None)
        if peer is not None:
            peer.close()

    def hear(self, tap: uuid.UUID, ending: bool = False) -> None:
        """Tells at once what has arrived from this tap. `ending`: but not a frame that was complete in the very moment of the event that
        ends the tap."""
        peer = self._peers.get(tap)
        if peer is not None:
            peer.hear(ending)

    def _never_came(self, tap: uuid.UUID) -> None:
        expected = self._expected.pop(tap, None)
        if expected is not None:
            self.broken += 1
            self._warn("late", f"a tap's audio did not come within {self._appear:g} s; can Asterisk reach this port?")
            expected.ended()

    @property
    def connected(self) -> int:
        return len(self._peers)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self.late = time.monotonic() - self._due
        self._listening = None
        if self._peers:
            self._listen_later()
        for peer in self._peers.values():
            loop.call_soon(peer.hear)  # a mistake with one must not keep the others from being heard

    def _listen_later(self) -> None:
        self._due = time.monotonic() + LISTEN_SECONDS
        self._listening = asyncio.get_running_loop().call_later(LISTEN_SECONDS, self._listen)

    def _warn(self, kind: str, words: str) -> None:
        line = self._lines.say(kind, words)
        if line is not None:
            log.warning("AudioSocket: %s", line)

    # ---- called by the peers

    def arrived(self, peer: _Peer) -> None:
        self._unnamed.add(peer)

    def named(self, peer: _Peer, tap: uuid.UUID) -> _Expected | None:
        self._unnamed.discard(peer)
        if not self.names.is_ours(tap):  # before anything is looked up
            self.uninvited += 1
            self.strangers += 1
            self._warn("stranger", "a stranger was shut out; who but Asterisk reaches this port?")
            return None
        expected = self._expected.get(tap)
        if expected is None or tap in self._peers:
            self.uninvited += 1
            self._warn("uninvited", f"a peer that nobody expects was shut out ({'second for one tap' if expected else 'unknown tap'})")
            return None
        expected.clock.cancel()
        self._peers[tap] = peer
        if self._listening is None:
            self._listen_later()
        return expected

    def gone(self, peer: _Peer, tap: uuid.UUID | None, fault: str | None) -> None:
        self._unnamed.discard(peer)
        if fault is not None:
            self.broken += 1
            # who named no tap is anybody: what he does wrong must not silence what a tap of ours does
            self._warn("dropped tap" if tap is not None else "dropped", f"peer dropped: {fault}")
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
        self._clock: asyncio.TimerHandle | TimeLimit | None = None
        self._heard_at = 0.0
        self._closed = False
        self._arrivals: Arrivals | None = None  # from when on it is read by `hear`
        self._ending = False

    def close(self) -> None:
        self._drop()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._server.arrived(self)
        self._clock = TimeLimit(self._server.introduction, partial(self._fail, "named no tap in time"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._clock is not None:
            self._clock.cancel()
        self._drop()
        self._server.gone(self, self._tap, self._fault)

    def _drop(self) -> None:
        self._closed, self._sink = True, None
        if self._arrivals is not None:
            self._arrivals.close()
            self._arrivals = None

    def _fail(self, fault: str) -> None:
        self._fault = fault
        self.close()

    def hear(self, ending: bool = False) -> None:
        """Reads all that has arrived, of a tap that speaks."""
        if self._arrivals is None:
            return
        self._ending = ending
        try:
            data, arrived = self._arrivals.read(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._received(data, arrived)
        else:
            self.close()  # and connection_lost tells

    def data_received(self, data: bytes) -> None:
        self._received(data, time.monotonic())

    def _received(self, data: bytes, now: float) -> None:
        if self._closed:
            return
        self._heard_at = now
        whole = _whole_frames(data) if self._sink is not None and not self._buffer else None
        if whole is not None:
            self._deliver(now, whole)
            return
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
                self._buffer.clear()
                self._deliver(now, b"".join(frames))
                self.close()
                return
            if not self._take(kind, payload, frames):
                return
        del self._buffer[:position]
        self._deliver(now, b"".join(frames))

    def _deliver(self, arrived: float, frames: bytes) -> None:
        if self._sink is None or not frames:
            return
        if self._arrivals is None and self._transport is not None:
            self._arrivals = _taken_over(self._transport)
        if self._ending and arrived > time.monotonic() - MOMENT_SECONDS:
            arrived, frames = arrived - FRAME_SECONDS, frames[:-FRAME_BYTES]
        if frames:
            self._sink(arrived, frames)

    def _watch(self, again: bool = False) -> None:
        """Judges by when the last piece arrived, once all that has arrived was read.

        What comes as an event is read by the loop, perhaps only after this: then it is looked at `again`, a little later.
        """
        self.hear()
        if self._closed:
            return
        silent = time.monotonic() - self._heard_at
        if silent < self._server.silence:
            self._watch_in(self._server.silence - silent)
        elif self._arrivals is None and not again:
            self._watch_in(AGAIN_SECONDS, again=True)
        else:
            self._fail(f"sent nothing for {self._server.silence:g} s")

    def _watch_in(self, seconds: float, again: bool = False) -> None:
        self._clock = asyncio.get_running_loop().call_later(seconds, self._watch, again)

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
            self._watch_in(self._server.silence)
        elif kind == KIND_AUDIO:
            if len(payload) != FRAME_BYTES:
                self._fail(f"a frame of {len(payload)} bytes, expected {FRAME_BYTES}")
                return False
            frames.append(payload)
        elif kind != KIND_DTMF:
            self._fail(f"a frame of unknown kind 0x{kind:02x}")
            return False
        return True


def _taken_over(transport: asyncio.Transport) -> Arrivals | None:
    """From now on nothing comes as an event. Where the kernel does not tell when data arrived, all goes on coming so."""
    try:
        arrivals = Arrivals(socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())))
    except OSError:
        return None
    transport.pause_reading()
    return arrivals


_STEP = HEADER.size + FRAME_BYTES
_AUDIO = HEADER.pack(KIND_AUDIO, FRAME_BYTES)


def _whole_frames(data: bytes) -> bytes | None:
    """The payloads, one after the other, if `data` is nothing but whole frames of audio, as it nearly always is."""
    count, rest = divmod(len(data), _STEP)
    if rest or any(data[at::_STEP] != _AUDIO[at : at + 1] * count for at in range(HEADER.size)):
        return None
    if count == 1:
        return data[HEADER.size :]
    return np.frombuffer(data, np.uint8).reshape(count, _STEP)[:, HEADER.size :].tobytes()
