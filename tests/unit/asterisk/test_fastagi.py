"""FastAGI: whatever a peer does, the server drops it within its bound, counts it, and serves the next one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest
from agi_lines import address, environment
from hypothesis import given
from hypothesis import strategies as st

from asterisk_privacy.asterisk import fastagi
from asterisk_privacy.asterisk.fastagi import (
    MAX_BYTES,
    AgiAsked,
    AgiForged,
    AgiProblem,
    AgiRequest,
    FastAgiServer,
    parse_address,
    parse_environment,
    quoted,
)

BOUND = 0.3
REQUEST = environment("1.5", "profile=sales")


class Served:
    def __init__(self) -> None:
        self.asked: list[AgiRequest] = []
        self.unheard: list[AgiRequest] = []
        self.answer: Mapping[str, str] = {"PRIVACY_CALL": "c", "PRIVACY_PLAN": "announce"}
        self.dropped: list[AgiProblem] = []
        self.server = FastAgiServer(self.believe, self.handle, BOUND, unheard=self.unheard.append, dropped=self.dropped.append)
        self.port = 0

    async def believe(self, asked: AgiAsked) -> AgiRequest:
        await asyncio.sleep(0)
        if asked.uniqueid == "nobody":
            raise AgiProblem("not believed")
        return parse_address(asked)

    def handle(self, request: AgiRequest) -> Mapping[str, str]:
        self.asked.append(request)
        return self.answer

    async def talk(self, *pieces: bytes, reply: bytes = b"200 result=1\n", close: bool = False) -> list[bytes]:
        """Sends the pieces, answers each command with `reply` (empty: never); returns the commands until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if close:
            writer.write_eof()
        got: list[bytes] = []
        async with asyncio.timeout(5):
            try:
                while line := await reader.readline():
                    got.append(line)
                    writer.write(reply)
            except ConnectionError:
                pass
        writer.close()
        return got


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    await made.server.start("127.0.0.1", 0)
    assert made.server._server is not None
    made.port = made.server._server.sockets[0].getsockname()[1]
    yield made
    await made.server.stop()


async def test_a_request_is_answered_in_order_and_closed(served: Served) -> None:
    assert await served.talk(REQUEST) == [b'SET VARIABLE PRIVACY_CALL "c"\n', b'SET VARIABLE PRIVACY_PLAN "announce"\n']
    assert served.asked == [AgiRequest("1.5", "start", {"profile": "sales"}, "")]
    assert (served.server.served, served.server.problems, served.unheard) == (1, 0, [])


@pytest.mark.parametrize("reply", [b"HANGUP\n", b"", b"511 Command Not Permitted on a dead channel\n"])
async def test_who_did_not_take_the_whole_answer_is_told(served: Served, reply: bytes) -> None:
    assert len(await served.talk(REQUEST, reply=reply)) == 1
    assert served.unheard == served.asked
    assert (served.server.served, served.server.problems) == (0, 1)


async def test_one_that_is_not_believed_sets_nothing(served: Served) -> None:
    assert await served.talk(environment("nobody")) == []
    assert (served.server.problems, served.asked, served.unheard) == (1, [], [])
    assert [str(problem) for problem in served.dropped] == ["not believed"]


async def test_a_request_in_single_bytes(served: Served) -> None:
    assert len(await served.talk(*(REQUEST[i : i + 1] for i in range(len(REQUEST))))) == 2


NONSENSE = [
    b"GET / HTTP/1.1\n\n",
    b"agi_uniqueid\n\n",
    b"\n\n",
    b"agi_uniqueid: 1\nagi_request: agi://x/start\n\n",  # not all that Asterisk sends
    environment(""),
    environment("   "),
    REQUEST[:-1] + b"agi_arg_1: 1\n\n",
    b"\xff\xfe\x00\n\n",
]


@pytest.mark.parametrize("sent", NONSENSE)
async def test_what_asterisk_does_not_send_is_dropped_as_forged(served: Served, sent: bytes) -> None:
    assert await served.talk(sent, close=True) == []
    assert (served.server.problems, served.asked, served.unheard) == (1, [], [])
    assert [type(problem) for problem in served.dropped] == [AgiForged]
    assert len(await served.talk(REQUEST)) == 2


@pytest.mark.parametrize(
    "sent", [REQUEST[:-1], REQUEST[:20], b"", b"agi_uniqueid: " + b"x" * (2 * MAX_BYTES) + b"\n\n", b"x" * (3 * MAX_BYTES)]
)
async def test_what_is_not_whole_or_too_much_is_dropped(served: Served, sent: bytes) -> None:
    assert await served.talk(sent, close=True) == []
    assert (served.server.problems, served.asked, served.unheard) == (1, [], [])
    assert [type(problem) for problem in served.dropped] == [AgiProblem]
    assert len(await served.talk(REQUEST)) == 2


SAID = {
    "another question": "1\nagi_request: agi://h/start?profile=sales&direction=in&channel=1.7",
    "another channel": "1\nagi_uniqueid: 1.7",
    "a line of no name": "1\nhello",
    "the end, then answers": "1\n\n200 result=1\n200 result=1\n200 result=1",
    "the end, after all that fits": "1\nagi_rdnis:\nagi_context:\nagi_extension:\nagi_priority:\nagi_enhanced:\n\n",
    "the end, after another question": "1\nagi_request: agi://h/start?profile=sales\n\n200 result=1",
}
"""What a caller's number can say: PJSIP takes the percents out of a From, and 79 bytes of it are written into a line of Asterisk's."""


@pytest.mark.parametrize("line", ["callerid", "calleridname", "dnid", "rdnis"])
@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
async def test_a_callers_words_are_no_lines(served: Served, line: str, said: str) -> None:
    assert len(said) < 80
    assert await served.talk(environment(**{line: said})) == []
    assert served.asked == [] and [type(problem) for problem in served.dropped] == [AgiForged]
    assert not any("1.7" in str(problem) or "h/start" in str(problem) or "hello" in str(problem) for problem in served.dropped)


@pytest.mark.parametrize("sent", [b"", REQUEST[:20], b"agi_uniqueid: 1\n"])
async def test_a_peer_that_goes_silent_is_dropped_within_the_bound(served: Served, sent: bytes) -> None:
    async with asyncio.timeout(BOUND * 5):
        assert await served.talk(sent) == []
    assert served.server.problems == 1


async def test_a_peer_that_never_answers_set_variable(served: Served) -> None:
    assert await served.talk(REQUEST, reply=b"") == [b'SET VARIABLE PRIVACY_CALL "c"\n']
    assert (served.server.problems, served.server.served) == (1, 0)


@pytest.mark.parametrize("reply", [b"511 Command Not Permitted\n", b"520 Invalid\n", b"HANGUP\n", b"x" * (2 * MAX_BYTES) + b"\n"])
async def test_a_refused_variable_ends_before_the_plan_is_told(served: Served, reply: bytes) -> None:
    assert b'SET VARIABLE PRIVACY_PLAN "announce"\n' not in await served.talk(REQUEST, reply=reply)
    assert (served.server.problems, served.server.served) == (1, 0)


async def test_200_at_once(served: Served) -> None:
    """With as many that connect and close, and as many that say nothing, in between."""
    served.server._seconds = 3.0
    done = await asyncio.gather(
        *(served.talk(REQUEST) for _ in range(100)),
        *(served.talk(close=True) for _ in range(50)),
        *(served.talk() for _ in range(50)),
    )
    assert [len(got) for got in done] == [2] * 100 + [0] * 100
    assert (served.server.served, served.server.problems) == (100, 100)


def test_an_outbound_call_is_asked_for_by_another_channel() -> None:
    asked = parse_address(AgiAsked("7.1", address("profile=p&direction=out&channel=7.9")))
    assert (asked.channel, asked.script, asked.parameters["direction"]) == ("7.9", "start", "out")
    assert parse_address(AgiAsked("7.1", address("profile=p&channel="))).channel == "7.1"


@pytest.mark.parametrize("asked", ["agi://[::1/start", "agi://h/start?profile=a&profile=b", "agi://h/start?channel=1&profile=a&channel=2"])
def test_an_address_that_says_a_thing_twice_or_is_none(asked: str) -> None:
    with pytest.raises(AgiForged):
        parse_address(AgiAsked("7.1", asked))


@pytest.mark.parametrize("hostile", ["a\nSET VARIABLE X 1", 'a" "b', "a\\", "\r\n\x00", "\u2028line", '\\"'])
async def test_hostile_values_stay_one_command(served: Served, hostile: str) -> None:
    served.answer = {"PRIVACY_CALL": hostile}
    got = await served.talk(REQUEST)
    assert len(got) == 1
    assert got[0].startswith(b'SET VARIABLE PRIVACY_CALL "')


def unquoted(text: str) -> str:
    """As Asterisk's AGI parser reads a quoted argument. Fails if it ends before the end."""
    assert text[0] == '"'
    out, i = "", 1
    while text[i] != '"':
        if text[i] == "\\":
            i += 1
        out += text[i]
        i += 1
    assert i == len(text) - 1
    return out


async def test_beyond_so_many_at_once_the_oldest_makes_room(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds a descriptor, and Asterisk's are done within milliseconds."""
    monkeypatch.setattr(fastagi, "MOST_PEERS", 20)
    monkeypatch.setattr(served.server, "_seconds", 60.0)
    silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(50)]
    assert await served.talk(REQUEST) != []
    assert len(served.server._peers) < 20
    async with asyncio.timeout(20):
        for reader, _ in silent[:30]:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
    for _, writer in silent:
        writer.close()


@given(st.text())
def test_quoting_keeps_what_can_be_printed_and_nothing_else(value: str) -> None:
    said = quoted(value)
    assert unquoted(said) == "".join(c for c in value if c.isprintable())
    assert len(said.splitlines()) == 1


@given(st.lists(st.text(max_size=60) | st.sampled_from(REQUEST.decode().splitlines()), max_size=30), st.text(max_size=60))
def test_any_lines_are_a_request_or_a_problem(lines: list[str], asked: str) -> None:
    for parse in (lambda: parse_environment(lines).uniqueid, lambda: parse_address(AgiAsked("1.5", asked)).channel):
        try:
            assert parse()
        except AgiProblem as problem:
            assert "\n" not in str(problem)


@pytest.mark.parametrize("said", [b"", b"agi_network: yes\n", REQUEST], ids=["nothing", "half", "all, and it is not believed yet"])
def test_who_is_there_at_the_end_is_let_go_at_once_and_is_no_mistake(said: bytes) -> None:
    """The daemon's net below everything would tell each as a mistake of the recorder."""
    caught: list[str] = []

    async def scenario() -> bool:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: caught.append(str(context.get("message"))))

        async def believe(_asked: AgiAsked) -> AgiRequest:
            await asyncio.sleep(60)
            raise AssertionError

        server = FastAgiServer(believe, lambda _request: {})
        await server.start("127.0.0.1", 0)
        assert server._server is not None
        port = server._server.sockets[0].getsockname()[1]
        peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in peers:
            writer.write(said)
        await asyncio.sleep(0.05)
        await server.stop()
        try:
            async with asyncio.timeout(fastagi.SECONDS / 2):
                for reader, _ in peers:
                    with contextlib.suppress(ConnectionError):
                        assert await reader.read() == b""
        except TimeoutError:
            return False
        finally:
            for _, writer in peers:
                writer.transport.abort()
        return True

    assert (asyncio.run(scenario()), caught) == (True, [])
