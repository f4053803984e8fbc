"""The taps' far end: only invited peers, only their own frames, and silence on the socket is noticed."""

from __future__ import annotations

import asyncio
import struct
import time
import uuid
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest
from audiosocket_peer import Ear, frame, message, name

from asterisk_privacy.asterisk import arrivals
from asterisk_privacy.asterisk import audiosocket as aus
from asterisk_privacy.audio.frames import FRAME_SECONDS
from asterisk_privacy.few_lines import MOST_LINES


@pytest.fixture
async def server() -> AsyncIterator[aus.AudioSocketServer]:
    made = aus.AudioSocketServer(introduction=0.2, silence=0.6, appear=0.2)
    await made.start("127.0.0.1", 0)
    yield made
    await made.stop()


@pytest.fixture
async def ear(server: aus.AudioSocketServer) -> Ear:
    made = Ear(server.names.new())
    server.expect(made.tap, made.sink, made.over)
    return made


Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def peer(server: aus.AudioSocketServer, *pieces: bytes) -> Peer:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.002)
    return reader, writer


async def until(true: Callable[[], bool], seconds: float = 3.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.005)


async def shut_out(connection: Peer) -> None:
    try:
        async with asyncio.timeout(3):
            assert await connection[0].read() == b""
    except ConnectionError:
        pass
    connection[1].close()


async def test_frames_in_order(server: aus.AudioSocketServer, ear: Ear) -> None:
    _, writer = await peer(server, name(ear.tap), frame(1), frame(2), frame(3))
    await until(lambda: ear.numbers == [1, 2, 3])
    assert server.connected == 1
    writer.close()
    await until(lambda: ear.ended == 1)
    assert (server.connected, server.broken, server.uninvited) == (0, 0, 0)


async def test_split_into_single_bytes_and_joined_into_one_read(server: aus.AudioSocketServer, ear: Ear) -> None:
    stream = name(ear.tap) + message(aus.KIND_DTMF, b"5") + frame(1) + frame(2)
    _, writer = await peer(server)
    for i in range(len(stream)):
        writer.write(stream[i : i + 1])
        if i % 40 == 0:
            await asyncio.sleep(0)
    await until(lambda: ear.numbers == [1, 2])
    writer.close()
    await until(lambda: ear.ended == 1)
    again = Ear(server.names.new())
    server.expect(again.tap, again.sink, again.over)
    _, writer = await peer(server, name(again.tap) + frame(1) + frame(2) + frame(3)[:100])
    await until(lambda: again.numbers == [1, 2])
    writer.write(frame(3)[100:])
    await until(lambda: again.numbers == [1, 2, 3])
    writer.close()


async def test_a_burst_is_dated_back_frame_by_frame(server: aus.AudioSocketServer, ear: Ear) -> None:
    before = time.monotonic()
    _, writer = await peer(server, name(ear.tap), b"".join(frame(n) for n in range(1, 6)))
    await until(lambda: len(ear.frames) == 5)
    times = [at for at, _ in ear.frames]
    assert [round(b - a, 6) for a, b in pairwise(times)] == [FRAME_SECONDS] * 4
    assert before - 4 * FRAME_SECONDS <= times[0]
    assert before <= times[-1] <= time.monotonic()
    writer.close()


async def test_uninvited(server: aus.AudioSocketServer, ear: Ear) -> None:
    await shut_out(await peer(server, name(server.names.new()), frame()))
    assert (server.uninvited, server.strangers, ear.frames, ear.ended) == (1, 0, [], 0)


async def test_a_stranger_is_known_by_his_name_before_anything_is_looked_up(server: aus.AudioSocketServer) -> None:
    """Even under a name that is expected: it cannot have come from here."""
    stranger = Ear(uuid.uuid4())
    server.expect(stranger.tap, stranger.sink, stranger.over)
    await shut_out(await peer(server, name(stranger.tap), frame()))
    assert (server.uninvited, server.strangers, stranger.frames) == (1, 1, [])
    server.forget(stranger.tap)


async def test_strangers_are_counted_and_cannot_fill_the_log(server: aus.AudioSocketServer, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever each of them does wrong, they are few lines, and a tap of ours has its own."""
    for number in range(40):
        await shut_out(await peer(server, name(uuid.uuid4()) if number % 2 else message(number, b"")))
    await until(lambda: server.broken == 20)
    assert (server.strangers, server.uninvited) == (20, 20)
    ours = Ear(server.names.new())
    server.expect(ours.tap, ours.sink, ours.over)
    await shut_out(await peer(server, name(ours.tap), message(0x77, b"")))
    said = [record.getMessage() for record in caplog.records]
    assert len(said) <= 2 + MOST_LINES and "unknown kind 0x77" in said[-1]


async def test_a_second_peer_for_one_tap_gets_nothing_and_the_first_goes_on(server: aus.AudioSocketServer, ear: Ear) -> None:
    _, first = await peer(server, name(ear.tap), frame(1))
    await until(lambda: ear.numbers == [1])
    await shut_out(await peer(server, name(ear.tap), frame(99)))
    first.write(frame(2))
    await until(lambda: ear.numbers == [1, 2])
    assert (server.uninvited, server.connected, ear.ended) == (1, 1, 0)
    first.close()


async def test_a_tap_is_good_for_one_peer_only(server: aus.AudioSocketServer, ear: Ear) -> None:
    _, first = await peer(server, name(ear.tap), frame(1))
    await until(lambda: ear.numbers == [1])
    first.close()
    await until(lambda: ear.ended == 1)
    await shut_out(await peer(server, name(ear.tap), frame(2)))
    assert (ear.numbers, ear.ended, server.uninvited) == ([1], 1, 1)


@pytest.mark.parametrize(
    "sent",
    [
        frame(),
        message(aus.KIND_UUID, b"short"),
        message(aus.KIND_HANGUP),
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">BH", aus.KIND_UUID, 65535),
    ],
)
async def test_what_comes_before_the_name(server: aus.AudioSocketServer, ear: Ear, sent: bytes) -> None:
    await shut_out(await peer(server, sent + name(ear.tap) + frame()))
    assert (server.broken, ear.frames, ear.ended) == (1, [], 0)


@pytest.mark.parametrize(
    "lie",
    [
        message(aus.KIND_AUDIO, bytes(318)),
        message(aus.KIND_AUDIO, b""),
        struct.pack(">BH", aus.KIND_AUDIO, 321),
        struct.pack(">BH", aus.KIND_AUDIO, 65535),
        message(0x55, b"x"),
    ],
)
async def test_lying_lengths_and_unknown_kinds_end_the_tap(server: aus.AudioSocketServer, ear: Ear, lie: bytes) -> None:
    connection = await peer(server, name(ear.tap), frame(1), lie + frame(2))
    await shut_out(connection)
    await until(lambda: ear.ended == 1)
    assert (ear.numbers, server.broken) == ([1], 1)


@pytest.mark.parametrize("kind", [aus.KIND_HANGUP, aus.KIND_ERROR])
async def test_hangup_and_error_end_it_after_the_last_frame(server: aus.AudioSocketServer, ear: Ear, kind: int) -> None:
    await shut_out(await peer(server, name(ear.tap), frame(1) + frame(2) + message(kind, b"\x01") + frame(3)))
    await until(lambda: ear.ended == 1)
    assert (ear.numbers, server.broken) == ([1, 2], 0)


async def test_a_peer_that_names_nothing_in_time(server: aus.AudioSocketServer) -> None:
    await shut_out(await peer(server))
    await shut_out(await peer(server, name(uuid.uuid4())[:10]))
    assert (server.broken, server.connected) == (2, 0)


async def test_a_peer_that_stalls_is_dropped(server: aus.AudioSocketServer, ear: Ear) -> None:
    connection = await peer(server, name(ear.tap), frame(1))
    await until(lambda: ear.ended == 1)
    await shut_out(connection)
    assert (ear.numbers, server.broken) == ([1], 1)


@pytest.mark.parametrize("told", [True, False], ids=["kernel tells times", "as events"])
@pytest.mark.parametrize("named_before", [True, False])
async def test_who_stood_still_reads_what_has_arrived_before_it_judges(
    server: aus.AudioSocketServer, ear: Ear, monkeypatch: pytest.MonkeyPatch, told: bool, named_before: bool
) -> None:
    """This process stands still for longer than a peer may be silent, or may take to name its tap or to come; its peer does not."""
    if not told:
        monkeypatch.setattr(arrivals, "_SO_TIMESTAMPNS", 0x7FFF)
    first, second = name(ear.tap) + frame(1), frame(2) + frame(3)
    _, writer = await peer(server, *([first] if named_before else []))
    if named_before:
        await until(lambda: ear.numbers == [1])
    writer.write(second if named_before else first + second)
    time.sleep(0.8)  # noqa: ASYNC251
    writer.write(frame(4))
    await until(lambda: ear.numbers == [1, 2, 3, 4])
    assert (ear.ended, server.broken, server.connected) == (0, 0, 1)
    await until(lambda: ear.ended == 1)  # and now it is silent
    assert server.broken == 1
    writer.close()


async def test_it_knows_how_late_it_looks(server: aus.AudioSocketServer, ear: Ear) -> None:
    """So that a process which has more to do than it can begins nothing that is no must."""
    _, writer = await peer(server, name(ear.tap), frame(1))
    await until(lambda: server.connected == 1)
    time.sleep(0.5)  # noqa: ASYNC251
    writer.write(frame(2))
    await until(lambda: ear.numbers == [1, 2])
    assert server.late > 0.2
    writer.write(frame(3))
    await until(lambda: server.late < 0.2)
    writer.close()


async def test_a_peer_whose_last_piece_lies_unread_was_silent_since_that_arrived(
    server: aus.AudioSocketServer, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aus, "LISTEN_SECONDS", 60.0)
    _, writer = await peer(server, name(ear.tap), frame(1))
    await until(lambda: ear.numbers == [1])
    writer.write(frame(2))
    await writer.drain()
    time.sleep(0.7)  # noqa: ASYNC251 - longer than it may be silent
    await until(lambda: ear.ended == 1, 0.4)
    assert (ear.numbers, server.broken) == ([1, 2], 1)
    writer.close()


async def test_what_lies_in_the_socket_after_seconds_is_heard_whole_and_dated(
    server: aus.AudioSocketServer, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five seconds of frames, more than one reading holds."""
    monkeypatch.setattr(aus, "LISTEN_SECONDS", 60.0)
    _, writer = await peer(server, name(ear.tap), frame(1))
    await until(lambda: ear.numbers == [1])
    writer.write(b"".join(frame(n) for n in range(250)))
    await writer.drain()
    time.sleep(0.1)  # noqa: ASYNC251 - the kernel brings it
    came = time.monotonic()
    time.sleep(0.2)  # noqa: ASYNC251
    server.hear(ear.tap)
    assert ear.numbers == [1, *range(250)]
    assert ear.frames[-1][0] <= came
    server.forget(ear.tap)
    writer.close()


async def test_a_peer_that_says_nothing_after_its_name(server: aus.AudioSocketServer, ear: Ear) -> None:
    await shut_out(await peer(server, name(ear.tap)))
    assert ear.ended == 1


async def test_a_tap_that_never_comes_is_told(server: aus.AudioSocketServer, ear: Ear) -> None:
    await until(lambda: ear.ended == 1)
    await shut_out(await peer(server, name(ear.tap), frame()))
    assert (ear.frames, server.uninvited) == ([], 1)


async def test_a_peer_that_dies(server: aus.AudioSocketServer, ear: Ear) -> None:
    _, writer = await peer(server, name(ear.tap), frame(1), frame(2)[:50])
    await until(lambda: ear.numbers == [1])
    writer.transport.abort()
    await until(lambda: ear.ended == 1)
    assert ear.numbers == [1]


async def test_forget_takes_back_what_is_in_the_socket_already(server: aus.AudioSocketServer, ear: Ear) -> None:
    reader, writer = await peer(server, name(ear.tap), frame(1))
    await until(lambda: ear.numbers == [1])
    writer.write(frame(2) * 20)  # in the server's socket before the loop turns
    await writer.drain()
    server.forget(ear.tap)
    await shut_out((reader, writer))
    assert (ear.numbers, ear.ended, server.connected) == ([1], 0, 0)


@pytest.mark.parametrize("more", [b"", message(aus.KIND_HANGUP)])
async def test_forget_from_within_a_read(server: aus.AudioSocketServer, ear: Ear, more: bytes) -> None:
    mistakes: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: mistakes.append(context))
    ear.at_frame = lambda n: server.forget(ear.tap) if n == 2 else None
    connection = await peer(server, name(ear.tap), frame(1))
    await until(lambda: ear.numbers == [1])
    connection[1].write(frame(2) + more)
    await shut_out(connection)
    assert (ear.numbers, ear.ended, mistakes) == ([1, 2], 0, [])


async def test_a_tap_that_speaks_is_read_now_and_then(server: aus.AudioSocketServer, ear: Ear) -> None:
    """Each wake-up costs more than all else that is done with a frame."""
    _, writer = await peer(server, name(ear.tap))
    for n in range(100):
        writer.write(frame(n))
        await asyncio.sleep(0.004)
    await until(lambda: len(ear.frames) == 100)
    assert ear.numbers == list(range(100))
    assert ear.reads <= 25
    writer.close()
    await until(lambda: ear.ended == 1)


async def test_what_has_arrived_can_be_heard_at_once(server: aus.AudioSocketServer, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aus, "LISTEN_SECONDS", 60.0)
    _, writer = await peer(server, name(ear.tap), frame(1))
    await until(lambda: ear.numbers == [1])
    writer.write(frame(2) + frame(3) + frame(4)[:100])
    await writer.drain()
    server.hear(ear.tap)
    assert ear.numbers == [1, 2, 3]
    server.hear(ear.tap)
    writer.write(frame(4)[100:])
    await writer.drain()
    server.hear(ear.tap)
    assert ear.numbers == [1, 2, 3, 4]
    writer.write(frame(5) + frame(6))
    await writer.drain()
    before = time.monotonic()
    server.hear(ear.tap, ending=True)  # the newest was going on when it ended
    assert ear.numbers == [1, 2, 3, 4, 5]
    assert before - FRAME_SECONDS - 0.01 <= ear.frames[-1][0] <= time.monotonic() - FRAME_SECONDS
    server.forget(ear.tap)
    server.hear(ear.tap)
    writer.close()


async def test_frames_are_dated_by_when_they_came_not_by_when_they_were_read(
    server: aus.AudioSocketServer, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aus, "LISTEN_SECONDS", 60.0)
    _, writer = await peer(server, name(ear.tap), frame(1))
    await until(lambda: ear.numbers == [1])
    writer.write(frame(2) + frame(3))
    came = time.monotonic()
    time.sleep(0.3)  # noqa: ASYNC251 - the loop stands still
    server.hear(ear.tap, ending=True)  # long before this moment: none is left out
    assert ear.numbers == [1, 2, 3]
    assert came - 0.01 <= ear.frames[-1][0] <= came + 0.1
    assert ear.frames[-2][0] == pytest.approx(ear.frames[-1][0] - FRAME_SECONDS)
    server.forget(ear.tap)
    writer.close()


async def test_where_the_kernel_tells_no_times_frames_come_as_events(
    server: aus.AudioSocketServer, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_SO_TIMESTAMPNS", 0x7FFF)
    monkeypatch.setattr(aus, "LISTEN_SECONDS", 60.0)
    _, writer = await peer(server, name(ear.tap), frame(1))
    for n in (2, 3):
        writer.write(frame(n))
        await until(lambda n=n: ear.numbers[-1:] == [n])  # type: ignore[misc]
    server.hear(ear.tap)
    assert ear.numbers == [1, 2, 3]
    writer.close()
    await until(lambda: ear.ended == 1)


async def test_a_mistake_with_one_tap_leaves_the_others_heard(server: aus.AudioSocketServer, ear: Ear) -> None:
    mistakes: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: mistakes.append(context))
    other = Ear(server.names.new())
    server.expect(other.tap, other.sink, other.over)

    def fail(n: int) -> None:
        assert n < 2

    ear.at_frame = fail
    _, first = await peer(server, name(ear.tap), frame(1))
    _, second = await peer(server, name(other.tap), frame(1))
    for n in (2, 3, 4):
        for writer in (first, second):
            writer.write(frame(n))
        await until(lambda n=n: other.numbers[-1] == n)  # type: ignore[misc]
    assert mistakes
    first.close()
    second.close()


async def test_forget_before_the_peer_comes(server: aus.AudioSocketServer, ear: Ear) -> None:
    server.forget(ear.tap)
    await shut_out(await peer(server, name(ear.tap), frame()))
    assert (ear.frames, server.uninvited) == ([], 1)
