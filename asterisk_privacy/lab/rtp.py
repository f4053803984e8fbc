"""The sound of a phone: one thread per call sends a packet every 20 ms by the clock and hears what comes.

The schedule never drifts: packet k leaves at start + k * 20 ms; when the machine was late, the next ones catch up. Every frame is
logged with the moment it left and what it carried, so a test knows what was on the air when. Times are `time.monotonic()` seconds.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab.codecs import Codec
from asterisk_privacy.lab.srtp import Srtp, SrtpError
from asterisk_privacy.lab.timecode import TimeCode
from asterisk_privacy.lab.tones import FRAME, Voice

PERIOD: Final = 0.02
_KEYS: Final = "0123456789*#ABCD"
_KEY_FRAMES: Final = 5  # 100 ms of key
_KEY_PAUSE: Final = 3  # and 60 ms before the next
_HEADER: Final = struct.Struct("!BBHII")


class Source(Protocol):
    """What a phone says. `frame(n)` gives the 160 samples of frame n, or None for no packet; n counts from the first frame of the call."""

    def frame(self, n: int) -> Pcm | None: ...
    def label(self, n: int) -> str: ...


class Tone:
    """A sine, the same frequency as long as it is the source."""

    def __init__(self, freq: float, level: float = -12.0) -> None:
        self._voice = Voice(freq, level)

    def frame(self, n: int) -> Pcm:
        return self._voice.frame()

    def label(self, n: int) -> str:
        return f"tone {self._voice.freq:g}"


class Code:
    """The time code: frame n of the call carries number n."""

    def __init__(self, code: TimeCode) -> None:
        self.code = code

    def frame(self, n: int) -> Pcm:
        return self.code.frame(n)

    def label(self, n: int) -> str:
        return f"code {n}"


class Silence:
    """A muted phone: packets of digital silence."""

    def frame(self, n: int) -> Pcm:
        return np.zeros(FRAME, np.int16)

    def label(self, n: int) -> str:
        return "silence"


class Nothing:
    """No packets at all."""

    def frame(self, n: int) -> None:
        return None

    def label(self, n: int) -> str:
        return "nothing"


@dataclass(frozen=True, slots=True)
class Sent:
    """Frame `n` left at `at`; `what` is the source's label, or "lost", "key *", "held"."""

    n: int
    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Packet:
    at: float
    sequence: int
    timestamp: int
    ssrc: int
    payload_type: int
    samples: Pcm
    """8 kHz; empty for a telephone-event."""
    key: str = ""
    """Of a telephone-event."""


class Media:
    """Sound of one call. Every method may be called from any thread and takes effect with the next frame."""

    def __init__(self, codec: Codec, source: Source, first_sequence: int, ssrc: int) -> None:
        self.codec = codec
        self._coder = codec.coder()
        self.payload_type = codec.payload_type
        self.event_payload: int | None = None
        self.sent: list[Sent] = []
        self.received: list[Packet] = []
        self.foreign: dict[int, int] = {}
        """Packets with a payload type that was not agreed, by type: not decoded."""
        self.muted = False
        """Set while the SDP forbids sending: frames are counted and logged as "held", not sent."""
        self.packet_frames = 1
        """So many frames of 20 ms leave in one packet."""
        self.srtp: tuple[Srtp, Srtp] | None = None
        """What is sent from now on is enciphered by the first, what comes by the second."""
        self._gathered: list[tuple[int, str, bytes]] = []
        self._source = source
        self._sequence = first_sequence & 0xFFFF
        self._ssrc = ssrc
        self._timestamp = (first_sequence * 7919) & 0xFFFFFFFF
        self._frame = 0
        self._lose = 0
        self._keys: deque[tuple[str, int]] = deque()
        self._key_timestamp = 0
        self._remote: tuple[str, int] | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def start(self, remote: tuple[str, int]) -> None:
        """Send to `remote` from now on (again: to another one)."""
        with self._lock:
            self._remote = remote
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"rtp-{self.port}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Send and hear no more, without waiting for the thread."""
        self._stop.set()

    def close(self) -> None:
        """Stop; the thread is gone when this returns. What was sent and heard can still be read."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    def say(self, source: Source) -> int:
        """Change what is said. Returns the number of the first frame with the new source."""
        with self._lock:
            self._source = source
            return self._frame

    def step_sequence(self, by: int, new_ssrc: bool = True) -> None:
        """Go on with sequence numbers `by` further (negative: back), as phones do that restart RTP after a hold."""
        with self._lock:
            self._sequence = (self._sequence + by) & 0xFFFF
            if new_ssrc:
                self._ssrc = (self._ssrc + 1) & 0xFFFFFFFF

    def lose(self, frames: int) -> None:
        """The next `frames` packets get lost on the way: their sequence numbers are used up, nothing is sent."""
        with self._lock:
            self._lose += frames

    def press(self, keys: str) -> float:
        """Queue keys as RFC 4733 events, 100 ms each with 60 ms between. Returns how many seconds they will take."""
        with self._lock:
            for key in keys:
                self._keys.extend((key, step) for step in range(_KEY_FRAMES + _KEY_PAUSE))
            return len(self._keys) * PERIOD

    @property
    def frame(self) -> int:
        """Number of the next frame."""
        return self._frame

    def packets(self, since: float = 0.0, until: float = float("inf")) -> list[Packet]:
        return [packet for packet in self.received.copy() if since <= packet.at < until]

    def heard(self, since: float = 0.0, until: float = float("inf")) -> Pcm:
        """Samples that arrived from `since` to `until` (monotonic), in order of arrival, without gaps for what never came."""
        pieces = [packet.samples for packet in self.packets(since, until)]
        return np.concatenate([np.zeros(0, np.int16), *pieces])

    def late(self, since: float = 0.0, until: float = float("inf")) -> float:
        """Seconds by which a frame of that time left later than its schedule, at most: the machine was busy, a burst followed."""
        sent = self.sent.copy()
        origin = min((frame.at - frame.n * PERIOD for frame in sent), default=0.0)
        return max((frame.at - frame.n * PERIOD - origin for frame in sent if since <= frame.at <= until), default=0.0)

    def keys(self, since: float = 0.0) -> str:
        """Keys that came as telephone-events, each once."""
        found: dict[tuple[int, int], str] = {}
        for packet in self.packets(since):
            if packet.key:
                found.setdefault((packet.ssrc, packet.timestamp), packet.key)
        return "".join(found.values())

    def _run(self) -> None:
        begin = time.monotonic()
        tick = 0
        while not self._stop.is_set():
            wait = begin + tick * PERIOD - time.monotonic()
            if wait > 0:
                self._listen(wait)
                continue
            self._send_frame()
            tick += 1

    def _listen(self, wait: float) -> None:
        self._socket.settimeout(wait)
        try:
            data = self._socket.recv(2048)
        except (TimeoutError, BlockingIOError, ConnectionRefusedError):  # refused: the other side's port just closed
            return
        if len(data) < _HEADER.size or data[0] >> 6 != 2 or 192 <= data[1] <= 223:  # RTCP
            return
        if self.srtp is not None:
            try:
                data = self.srtp[1].unprotect(data)
            except SrtpError:
                self.foreign[data[1] & 0x7F] = self.foreign.get(data[1] & 0x7F, 0) + 1
                return
        _, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        payload_type, body = kind & 0x7F, data[_HEADER.size :]
        samples, key = np.zeros(0, np.int16), ""
        if payload_type == self.payload_type:
            samples = self._coder.decode(body)
        elif payload_type == self.event_payload and len(body) >= 4 and body[0] < len(_KEYS):
            key = _KEYS[body[0]]
        else:
            self.foreign[payload_type] = self.foreign.get(payload_type, 0) + 1
            return
        self.received.append(Packet(time.monotonic(), sequence, timestamp, ssrc, payload_type, samples, key))

    def _send_frame(self) -> None:
        with self._lock:
            n = self._frame
            data, what = self._next(n)
            frames = [(n, what)]
            if data is None and what == "gathered":
                frames = []
            elif self._gathered:
                frames = [(number, label if data is not None else "lost") for number, label, _ in self._gathered] + frames
                self._gathered.clear()
            if data is not None and self._remote is not None:
                self._socket.settimeout(0)
                try:
                    self._socket.sendto(self.srtp[0].protect(data) if self.srtp is not None else data, self._remote)
                except (BlockingIOError, ConnectionRefusedError):
                    frames = [(number, "lost") for number, _ in frames]
            self.sent += [Sent(number, time.monotonic(), label) for number, label in frames]
            self._timestamp = (self._timestamp + self.codec.clock) & 0xFFFFFFFF
            self._frame = n + 1

    def _next(self, n: int) -> tuple[bytes | None, str]:
        """The packet of frame n and its label. The source is asked even if the frame is lost, so that its phase goes on."""
        samples, what = self._source.frame(n), self._source.label(n)
        if self.muted:
            return None, "held"
        marker, payload_type, timestamp = 0, self.payload_type, self._timestamp
        if self._keys and self.event_payload is not None:
            key, step = self._keys.popleft()
            if step < _KEY_FRAMES:
                if step == 0:
                    marker, self._key_timestamp = 0x80, self._timestamp
                end = 0x80 if step == _KEY_FRAMES - 1 else 0
                body = struct.pack("!BBH", _KEYS.index(key), end | 10, (step + 1) * self.codec.clock)
                payload_type, timestamp, what = self.event_payload, self._key_timestamp, f"key {key}"
            else:
                return None, "key pause"
        elif samples is None:
            return None, what
        else:
            body = self._coder.encode(samples)
            if len(self._gathered) < self.packet_frames - 1:
                self._gathered.append((n, what, body))
                return None, "gathered"
            timestamp = (timestamp - self.codec.clock * len(self._gathered)) & 0xFFFFFFFF
            body = b"".join([*(earlier for _, _, earlier in self._gathered), body])
        header = _HEADER.pack(0x80, marker | payload_type, self._sequence, timestamp, self._ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        if self._lose > 0:
            self._lose -= 1
            return None, "lost"
        return header + body, what
