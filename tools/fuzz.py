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
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import atheris

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from agi_lines import address, environment

with atheris.instrument_imports(include=["asterisk_privacy", "tomllib", "msgspec"]):
    import msgspec

    from asterisk_privacy.asterisk import ari_events, audiosocket, fastagi, names
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
CALLERS_LINES = ("callerid", "calleridname", "dnid", "rdnis", "extension", "accountcode")
"""Those of Asterisk's lines in which a caller's words can be."""
AGI_WORDS = (
    *(f"\n{line.partition(':')[0]}: ".encode() for line in environment().decode().splitlines() if line),
    b"\n", b"\r", b"\n\n", b"1.9", b"agi://h/start?profile=sales&channel=1.9", address().encode(),
)  # fmt: skip
OUR_EVENTS = (
    names.EVENT_KEY, names.EVENT_NOTICE, names.EVENT_CHOICE, names.EVENT_UNAVAILABLE,
    f"{names.EVENT_ALIVE}-5a", f"{names.EVENT_CLOCK}-5a", "",
)  # fmt: skip
EVENT_WORDS = (
    *(f",eventname:{event}".encode() for event in OUR_EVENTS),
    b",Cmd:off", b",Linked:1.1", b",Call:c", b",Notice:n", b",Stage:end", b",Heard:yes",
    b",Why:TIMEOUT", b",Key:3", b",channel:", b",userevent:", b",type:ChannelUserevent", b",dialplan:", b",context:privacy-key-off",
)  # fmt: skip
CONTEXTS = (None, "from-outside", "", "privacy-start", "privacy-key-room", "privacy-keys-idle", "privacy-selftest", "Privacy-Key-Off")
"""None of them tells an event of ours; None: no channel."""
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


def _spoken(data: bytes, words: tuple[bytes, ...]) -> bytes:
    """A byte from 128 on is a word, as far as there are words."""
    return b"".join(words[byte - 128] if 128 <= byte < 128 + len(words) else bytes([byte]) for byte in data)


def agi_caller(data: bytes) -> None:
    """A number or name of SIP, in whichever of Asterisk's lines: PJSIP decodes %0a, and Asterisk writes it as it is. Whatever it says, the
    question is asked for the channel and the address that Asterisk itself gave, or for none."""
    if not data:
        return
    name = CALLERS_LINES[data[0] % len(CALLERS_LINES)]
    sent = environment("1.5", **{name: "\0"}).replace(b"\0", unquote_to_bytes(_spoken(data[1:], AGI_WORDS)))
    try:
        asked = _LOOP.run_until_complete(_asked(sent))
    except (fastagi.AgiProblem, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return
    assert asked == fastagi.AgiAsked("1.5", address())


async def _asked(sent: bytes) -> fastagi.AgiAsked:
    reader = asyncio.StreamReader(fastagi.MAX_BYTES)
    reader.feed_data(sent)
    reader.feed_eof()
    return fastagi.parse_environment(await fastagi._environment(reader))


def user_event(data: bytes) -> None:
    """A display name in a UserEvent of the administrator's own, which Asterisk takes apart at each comma: of our own events it makes none
    from a context that is not the include's, and no key or notice without a channel."""
    if len(data) < 2:
        return
    event = OUR_EVENTS[data[0] % len(OUR_EVENTS)]
    context = CONTEXTS[data[1] % len(CONTEXTS)]
    fields = {"eventname": "Incoming"}
    said = _spoken(data[2:], EVENT_WORDS).decode("utf-8", "replace")
    for part in f"Name: x,eventname:{event}{said}".split(","):
        name, _, value = part.partition(":")
        fields[name.strip()] = value.strip()
    there = {"id": "1.5", "name": "PJSIP/agent-00000001", "state": "Up", "dialplan": {"context": context}} if context is not None else None
    told = {"type": "ChannelUserevent", "timestamp": "2026-11-30T12:00:00.000+0000", "userevent": fields, "channel": there}
    for found in ari_events.parse(msgspec.json.encode(told), lambda stamp: stamp_seconds(stamp) or 0.0):
        posted = isinstance(found, ari_events.AliveAsked | ari_events.ClockTold)
        assert isinstance(found, ari_events.Forged | ari_events.Ignored) or (posted and context is None)


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
    "agi-caller": agi_caller,
    "ari-event": ari_event,
    "user-event": user_event,
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
