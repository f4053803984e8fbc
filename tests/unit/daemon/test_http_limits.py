"""Deadlines and a cap before aiohttp: who sends half a request, or takes no answer, holds a descriptor for a moment only."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

import aiohttp
import pytest
from aiohttp import web

from asterisk_privacy.daemon.http_limits import HttpServer, Limits, middleware

HEAD, BODY, ANSWER, IDLE = 0.4, 0.5, 0.6, 3.0
MUCH = b"x" * (8 << 20)  # more than the sockets between us take


class Site:
    def __init__(self, peers: int = 20) -> None:
        app = web.Application(middlewares=[middleware])
        app.add_routes([web.get("/", self.answer), web.post("/", self.form), web.get("/much", self.much), web.get("/slow", self.slow)])
        self.server = HttpServer(app, Limits(peers, HEAD, BODY, ANSWER, IDLE))
        self.forms: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/"

    async def answer(self, _request: web.Request) -> web.Response:
        return web.Response(text="here")

    async def form(self, request: web.Request) -> web.Response:
        self.forms.append(await request.read())
        return web.Response(text="taken")

    async def much(self, _request: web.Request) -> web.Response:
        return web.Response(body=MUCH)

    async def slow(self, _request: web.Request) -> web.Response:
        await asyncio.sleep(2 * HEAD)
        return web.Response(text="here")

    async def asked(self, path: str = "") -> str:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as client, client.get(self.url + path) as answer:
            return await answer.text()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.server.start("127.0.0.1", 0)
    yield made
    await made.server.stop()


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


async def ended(peer: socket.socket) -> bool:
    """The server has closed it."""
    try:
        while await asyncio.get_running_loop().sock_recv(peer, 1 << 16):
            pass
    except ConnectionError:
        return True
    return True


def half(site: Site, sent: bytes, stack: ExitStack) -> socket.socket:
    peer = stack.enter_context(socket.create_connection(("127.0.0.1", site.server.port)))
    peer.sendall(sent)
    peer.setblocking(False)
    return peer


HALVES = [
    b"",
    b"GET / HTTP/1.1\r\nHost: x\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n",  # a whole one, then half of the next
    b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n",  # and nothing is taken of the answer
]


@pytest.mark.parametrize("sent", HALVES, ids=["nothing", "half a head", "half a form", "half of the second", "no answer taken"])
async def test_half_of_it_is_waited_for_no_longer_than_this(site: Site, sent: bytes) -> None:
    with ExitStack() as stack:
        peer = half(site, sent, stack)
        await until(lambda: len(site.server._peers) == 1)
        await until(lambda: not site.server._peers)
        async with asyncio.timeout(5):
            assert await ended(peer)
    assert site.forms == []


async def test_a_peer_that_sends_a_byte_now_and_then_gains_no_time(site: Site) -> None:
    with ExitStack() as stack:
        peer = half(site, b"GET / HTTP/1.1\r\n", stack)
        await until(lambda: len(site.server._peers) == 1)
        for byte in b"X-Slow: yes, very slow indeed, and it never comes to an end":
            if not site.server._peers:
                break
            await asyncio.sleep(HEAD / 10)
            try:
                peer.send(bytes([byte]))
            except OSError:
                break
        else:
            pytest.fail("it was listened to for ever")


async def test_who_asks_as_usual_is_answered_however_long_it_takes(site: Site) -> None:
    assert await site.asked("slow") == "here"
    assert len(await site.asked("much")) == len(MUCH)
    async with aiohttp.ClientSession() as client:
        for pause in (0.0, 2 * HEAD, 0.0):  # a connection that is kept between two requests
            await asyncio.sleep(pause)
            async with client.post(site.url, data=b"a=b") as answer:
                assert await answer.text() == "taken"
        assert len(site.server._peers) == 1


async def test_beyond_so_many_the_one_that_waits_longest_makes_room(site: Site) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with ExitStack() as stack:
        halves = [half(site, HALVES[1], stack) for _ in range(100)]
        assert await site.asked() == "here"
        assert len(site.server._peers) <= 20 and site.server.dropped >= 80
        assert len(os.listdir("/proc/self/fd")) <= before + 100 + 25
        async with asyncio.timeout(20):
            await asyncio.gather(*(ended(peer) for peer in halves))
    await until(lambda: not site.server._peers)


async def test_of_two_that_wait_the_one_that_never_asked_makes_room(site: Site) -> None:
    """A browser between two requests is not cut off by strangers, but by those who are at it now."""
    with ExitStack() as stack:
        async with aiohttp.ClientSession() as client:
            async with client.get(site.url) as answer:
                assert await answer.text() == "here"
            for sent in (HALVES[1], HALVES[2]):
                for _ in range(40):
                    half(site, sent, stack)
            assert await site.asked() == "here"
            browser = next(iter(site.server._peers))
            assert browser.has_asked and len(site.server._peers) <= 20


async def test_where_all_are_being_answered_a_new_one_waits_for_nobody(site: Site) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        busy = [asyncio.create_task(site.asked("slow")) for _ in range(20)]
        await until(lambda: sum(peer.asks for peer in site.server._peers) == 20)
        with pytest.raises(aiohttp.ClientError):
            async with client.get(site.url):
                pass
        assert await asyncio.gather(*busy) == ["here"] * 20
