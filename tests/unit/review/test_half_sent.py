"""Who sends half a request to the page keeps nobody out, signed in or not."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack

import pytest
from review_browser import Browser
from review_site import ReviewSite

HALVES = (b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ncsrf=")
HALF_OPEN = 400


@pytest.mark.parametrize("half", HALVES, ids=["a head", "a form"])
async def test_half_sent_requests_keep_nobody_out(site: ReviewSite, half: bytes) -> None:
    before = len(os.listdir("/proc/self/fd"))
    host, _, port = site.url.removeprefix("http://").partition(":")
    with ExitStack() as stack:
        for _ in range(HALF_OPEN):
            stack.enter_context(socket.create_connection((host, int(port)), 30)).sendall(half)
            await asyncio.sleep(0)
        async with Browser(site) as one:
            await one.sign_in("rita")
            assert (await one.get("/")).status == 200
        assert len(os.listdir("/proc/self/fd")) < before + HALF_OPEN + HALF_OPEN * 3 // 4


async def test_a_form_of_parts_is_refused(site: ReviewSite) -> None:
    async with Browser(site) as one:
        await one.sign_in("rita")
        parts = b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + one.csrf.encode() + b"\r\n--x--\r\n"
        answer = await one.send("POST", "/sign-out", headers={"Content-Type": "multipart/form-data; boundary=x"}, data=parts)
        assert answer.status == 400
