"""Coverage-guided fuzzing of whatever reads bytes of strangers (`make fuzz`; needs the extra `fuzz`): a name of TARGETS and libFuzzer's
options, such as -max_total_time=60. What it finds is written to the present directory; give its path as an argument to see it again.

Hypothesis does the same for a moment in each `make test`; this goes on for as long as one likes, and follows the code.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import io
import socket
import sys
from collections.abc import Callable
from typing import Any

import atheris

with atheris.instrument_imports(include=["asterisk_privacy", "tomllib", "msgspec"]):
    from asterisk_privacy.asterisk import ari_events, audiosocket, fastagi
    from asterisk_privacy.asterisk.clock import stamp_seconds
    from asterisk_privacy.asterisk.wire import rtp
    from asterisk_privacy.asterisk.wire.rtp import Unfit
    from asterisk_privacy.asterisk.wire.stream import Stream
    from asterisk_privacy.audio.frames import FRAME_BYTES
    from asterisk_privacy.daemon import config
    from asterisk_privacy.errors import ConfigError
    from asterisk_privacy.store.age import AgeReader, AgeWriter
    from asterisk_privacy.store.faults import AgeError
    from asterisk_privacy.store.identity import Identity
    from asterisk_privacy.store.recipients import Recipients

_LOOP = asyncio.new_event_loop()
ME = Identity.generate()
PLAIN = bytes(range(256)) * 300  # a whole chunk and a piece of one
_sealed = io.BytesIO()
_writer = AgeWriter(_sealed, Recipients.of([ME.public]))
_writer.write(PLAIN)
_writer.finish()
SEALED = _sealed.getvalue()


def agi_lines(data: bytes) -> None:
    try:
        fastagi.parse_address(fastagi.parse_environment(data.decode("utf-8", "replace").split("\n")))
    except fastagi.AgiProblem:
        return


def ari_event(data: bytes) -> None:
    for event in ari_events.parse(data, lambda stamp: stamp_seconds(stamp) or 0.0):
        assert isinstance(event, ari_events.AriEvent)


def audio_socket(data: bytes) -> None:
    """After the name of a tap that is expected: nothing is raised, only whole frames are told, and none to another tap."""
    _LOOP.run_until_complete(_one_peer(data))


async def _one_peer(data: bytes) -> None:
    server = audiosocket.AudioSocketServer()
    mine, other = server.names.new(), server.names.new()
    told: list[tuple[object, int]] = []
    for tap in (mine, other):
        server.expect(tap, lambda _at, frames, tap=tap: told.append((tap, len(frames))), lambda: None)  # type: ignore[misc]
    peer, (near, far) = audiosocket._Peer(server), socket.socketpair()
    near.setblocking(False)
    transport = _Transport({"socket": near})
    peer.connection_made(transport)
    stream = audiosocket.HEADER.pack(audiosocket.KIND_UUID, 16) + mine.bytes + data
    cut = 1 + len(data) % 700
    for start in range(0, len(stream), cut):
        peer.data_received(stream[start : start + cut])
    assert all(tap == mine and size and size % FRAME_BYTES == 0 for tap, size in told)
    server.forget(mine)
    server.forget(other)
    peer.connection_lost(None)
    await server.stop()
    near.close()
    far.close()


class _Transport(asyncio.Transport):
    def abort(self) -> None:
        """It was shown the door."""

    def pause_reading(self) -> None:
        """What came is read from the socket from now on, in which there is nothing."""


def rtp_packets(data: bytes) -> None:
    """Readings of a phone's packets, each with a length before it; a length of 0 ends a reading. Whole frames come of it, in the order of
    time, and none seems to be later than it came."""
    stream, reading, now, at = Stream(), list[rtp.Packet](), 0.0, 0
    while at < len(data):
        length, now = 2 * data[at], now + 0.005
        packet = rtp.parse(data[at + 1 : at + 1 + length], now)
        at += 1 + length
        if packet is not None:
            reading.append(packet)
        if length and at < len(data):
            continue
        try:
            runs = list(stream.take(reading))
        except Unfit:
            return
        for run in runs:
            assert run.samples and len(run.samples) == FRAME_BYTES * len(run.here_by)
            assert run.complete_at <= now + 1e-6 and run.here_by[-1] <= now and all(run.here_by[:-1] <= run.here_by[1:])
        reading = []


def configuration(data: bytes) -> None:
    try:
        config.parse(data.decode("utf-8", "replace"))
    except ConfigError as error:
        assert error.problems and all("\n" not in problem for problem in error.problems)


def age_file(data: bytes) -> None:
    """Bytes over a sealed file, from wherever the first two say: never other words than were sealed."""
    at = int.from_bytes(data[:3], "big") % len(SEALED)
    changed = SEALED[:at] + data[3:] + SEALED[at + len(data[3:]) :]
    try:
        told = AgeReader(io.BytesIO(changed), [ME]).readall()
    except AgeError:
        return
    assert told == PLAIN and changed == SEALED


def review_forms(data: bytes) -> None:
    """A whole page is made for it, so that only who asks for it waits."""
    _forms().one_form(data)


@functools.cache
def _forms() -> Any:
    with atheris.instrument_imports(include=["asterisk_privacy", "aiohttp", "multidict"]):
        return importlib.import_module("fuzz_forms")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "agi-lines": agi_lines,
    "ari-event": ari_event,
    "audio-socket": audio_socket,
    "rtp-packets": rtp_packets,
    "configuration": configuration,
    "age-file": age_file,
    "review-forms": review_forms,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"tools/fuzz.py: which of {', '.join(TARGETS)}?")
    target = TARGETS[sys.argv.pop(1)]
    if target is review_forms:
        _forms()
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
