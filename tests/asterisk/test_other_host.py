"""The recorder on another host than Asterisk: by addresses alone. 127.0.0.2 stands for that host."""

from __future__ import annotations

import asyncio
import re
import socket
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from sites import ALWAYS, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(60)]


async def test_a_call_is_kept_and_strangers_are_not_heard(install: Install, tmp_path: Path) -> None:
    secret = tmp_path / "tap.secret"
    secret.write_text("s" * 40)
    secret.chmod(0o600)
    ports = {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent")}
    settings = {"capture.secret_file": f'"{secret}"', "keys.grace_seconds": "1"}
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    site = Site(
        tmp_path / "site", install, ALWAYS + profile("sales", '"proof"'), settings=settings, contacts=ports, sounds=sounds, host="127.0.0.2"
    )
    text = site.config.read_text()
    (port,) = re.findall(r'\[capture\]\nlisten = "127\.0\.0\.2:(\d+)"', text)
    address = f'listen = "0.0.0.0:{port}"\nadvertise = "127.0.0.2:{port}"'
    site.config.write_text(text.replace(f'listen = "127.0.0.2:{port}"', address))
    async with running(site):
        sip = site.pbx.sip_port
        async with (
            Phone("customer", ports["customer"], sip, source=Tone(700)) as customer,
            Phone("agent", ports["agent"], sip, source=Tone(1100), answer_after=0.0) as agent,
        ):
            await customer.dial("110")
            await agent.answered()
            await customer.talk(0.5)
            reader, writer = await asyncio.open_connection("127.0.0.2", int(port))
            writer.write(b"\x01\x00\x10" + uuid.uuid4().bytes + (b"\x10\x01\x40" + b"\x11\x22" * 160) * 50)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            await customer.talk(1.5)
            report = await asyncio.to_thread(site.status)
            await customer.hangup()
        await asyncio.to_thread(site.wait_for_calls, 1)
        await asyncio.to_thread(wait_until_quiet, site)
    assert isinstance(report["capture"], dict)
    assert (report["capture"]["taps"], report["capture"]["strangers"]) == (2, 1)
    assert [str(line).partition(":")[0] for line in report["advice"]] == ["[capture] listen"]  # type: ignore[attr-defined]
    assert "advice: [capture] listen: 0.0.0.0" in site.log
    (row,) = site.recordings()
    kept = site.listen(row.id)
    assert len(kept) > 1.5 * tones.RATE
    assert tones.level(kept[:, 0], 700) > tones.level(kept[:, 0], 1100) + 30
    assert tones.level(kept[:, 1], 1100) > tones.level(kept[:, 1], 700) + 30
