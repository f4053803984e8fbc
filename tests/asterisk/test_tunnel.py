"""The stunnel files of docs/hosts.md on a real call: it is kept through them, and between the machines nothing is in clear.

127.0.0.2 stands for the recorder's machine, and a relay between the two ends of the tunnel for the network between them.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from serving import Serving
from sites import ALWAYS, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import aptroot, tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install, unpacked

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(90)]

HERE, THERE = "127.0.0.1", "127.0.0.2"  # Asterisk's machine, the recorder's
NUMBER = "0612345678"
LINES = f"""
[from-outside](+)
exten => 440,1,Set(CALLERID(num)={NUMBER})
 same => n,Gosub(privacy-start,s,1(sales))
 same => n,Dial(PJSIP/agent,30,tkK)
 same => n,Hangup()
"""


@pytest.fixture(scope="module")
def stunnel() -> tuple[str, ...]:
    """The system's, or Debian's unpacked beside the lab's Asterisk."""
    found = shutil.which("stunnel4") or shutil.which("stunnel")
    if found:
        return (found,)
    try:
        root = unpacked("stunnel", ("stunnel4",))
    except OperatorError as error:
        pytest.skip(f"no stunnel: {error}")
    if not (root / "usr/bin/stunnel4").exists():
        pytest.skip(f"no stunnel in {root}")
    return (*aptroot.loader_argv(root), str(root / "usr/bin/stunnel4"))


class Wire:
    """A relay that keeps all that passes it, in pieces as long as one packet of audio, both ways."""

    def __init__(self, target: int, host: str = HERE) -> None:
        self._target, self._host = target, host
        self.port = 0
        self.seen = bytearray()
        self._serving = Serving(self._serve)

    async def __aenter__(self) -> Wire:
        await self._serving.start(self._host, self.port)
        self.port = self._serving.port
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._serving.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, out = await asyncio.open_connection(self._host, self._target)
            try:
                await asyncio.gather(self._pump(reader, out), self._pump(there, writer))
            finally:
                out.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                self.seen += data
                writer.write(data)
                await writer.drain()
        writer.close()


def documented() -> Iterator[str]:
    """Asterisk's machine, then the recorder's."""
    page = (DIALPLAN.parent / "docs/hosts.md").read_text()
    return (block for block in re.findall(r"^```ini\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if "PSKsecrets" in block)


def readable(seen: bytes, words: tuple[bytes, ...], voice: bytes) -> list[str]:
    """What of it somebody understands: words, or sixteen bytes in a row of what the recorder was given to hear."""
    found = [word.decode() for word in words if word in seen]
    pieces = {voice[at : at + 16] for at in range(0, len(voice) - 16, 16)} - {bytes(16)}
    return found + ["voice"] * any(piece in seen for piece in pieces)


def configured(folder: Path, addresses: tuple[dict[str, str], dict[str, str]]) -> list[Path]:
    """The two documented files, with a secret and with the addresses that these machines really have."""
    folder.mkdir()
    psk = folder / "privacy.psk"
    psk.write_text(f"privacy:{secrets.token_hex(32)}\n")
    psk.chmod(0o600)
    made = []
    for name, text, places in zip(("asterisk", "recorder"), documented(), addresses, strict=True):
        known = {**places, "/etc/stunnel/privacy.psk": str(psk)}
        assert all(written in text for written in known)
        pairs = [line.partition(" = ") for line in text.splitlines() if not line.startswith("setuid")]  # a user that Debian's package makes
        lines = [f"{setting}{equals}{known.get(value, value)}" for setting, equals, value in pairs]
        made.append(folder / f"{name}.conf")
        made[-1].write_text("\n".join([f"output = {folder}/{name}.log", *lines, ""]))
    return made


@asynccontextmanager
async def tunnel(stunnel: tuple[str, ...], configs: list[Path]) -> AsyncIterator[None]:
    ends = [await asyncio.create_subprocess_exec(*stunnel, str(config), stderr=asyncio.subprocess.DEVNULL) for config in configs]
    yield
    for end in ends:
        end.terminate()
        await end.wait()


async def test_a_call_is_kept_through_it_and_nothing_is_in_clear(install: Install, tmp_path: Path, stunnel: tuple[str, ...]) -> None:
    phone = free_port(socket.SOCK_DGRAM)
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    policy = ALWAYS + profile("sales", '"proof"')
    site = Site(
        tmp_path / "site", install, policy, settings={"keys.grace_seconds": "1"}, contacts={"agent": phone}, sounds=sounds, host=THERE,
        extra_dialplan=LINES,
    )  # fmt: skip
    agi, audio = (int(address.rpartition(":")[2]) for address in (site.agi, site.audio))
    ends = {name: free_port() for name in ("ari", "fastagi", "audiosocket")}  # where TLS is listened for
    doors = {name: free_port() for name in ends}  # and where it is asked for in clear
    async with AsyncExitStack() as stack:
        wires = {name: await stack.enter_async_context(Wire(port)) for name, port in ends.items()}
        inside = await stack.enter_async_context(Wire(audio, THERE))
        asterisks = {
            "192.0.2.5:18088": f"{HERE}:{ends['ari']}", "127.0.0.1:8088": f"{HERE}:{site.pbx.ari_port}",
            "127.0.0.1:4573": f"{HERE}:{doors['fastagi']}", "192.0.2.7:14573": f"{HERE}:{wires['fastagi'].port}",
            "127.0.0.1:9092": f"{HERE}:{doors['audiosocket']}", "192.0.2.7:19092": f"{HERE}:{wires['audiosocket'].port}",
        }  # fmt: skip
        recorders = {
            "127.0.0.1:8088": f"{THERE}:{doors['ari']}", "192.0.2.5:18088": f"{HERE}:{wires['ari'].port}",
            "192.0.2.7:14573": f"{HERE}:{ends['fastagi']}", "127.0.0.1:4573": f"{THERE}:{agi}",
            "192.0.2.7:19092": f"{HERE}:{ends['audiosocket']}", "127.0.0.1:9092": f"{THERE}:{inside.port}",
        }  # fmt: skip
        await stack.enter_async_context(tunnel(stunnel, configured(tmp_path / "stunnel", (asterisks, recorders))))
        site.config.write_text(site.config.read_text().replace(site.pbx.ari_url, f"http://{THERE}:{doors['ari']}"))
        await stack.enter_async_context(running(site))
        for name, port in (("PRIVACY_AGI", doors["fastagi"]), ("PRIVACY_AUDIOSOCKET", doors["audiosocket"])):
            site.pbx.cli(f"dialplan set global {name} {HERE}:{port}")
        server = site.pbx.sip_port
        async with (
            Phone("customer", 0, server, source=Tone(700)) as customer,
            Phone("agent", phone, server, source=Tone(1100), answer_after=0.0) as agent,
        ):
            await customer.dial("440")
            await agent.answered()
            await customer.talk(2.0)
            report = await asyncio.to_thread(site.status)
            await customer.hangup()
        await asyncio.to_thread(site.wait_for_calls, 1)
        await asyncio.to_thread(wait_until_quiet, site)
    assert report["alarms"] == {} and not [line for line in report["advice"] if "clear" in str(line)]  # type: ignore[attr-defined]
    (row,) = site.recordings()
    kept = site.listen(row.id)
    assert len(kept) > 1.7 * tones.RATE and tones.level(kept[:, 0], 700) > -25 and tones.level(kept[:, 1], 1100) > -25
    words = (NUMBER.encode(), b"agi_request", b"PRIVACY_", b"ChannelUserevent", b"privacy-tap", b"HTTP/1.1", site.pbx.ari_password.encode())
    assert all(len(wire.seen) > 2000 for wire in wires.values())
    assert [readable(bytes(wire.seen), words, bytes(inside.seen)) for wire in wires.values()] == [[], [], []]
    assert readable(bytes(inside.seen), words, bytes(inside.seen)) == ["voice"], "what the oracle is worth"
