"""An announcement that Asterisk cannot play: calls go on, and the recorder tells it, by line."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from sites import ALWAYS, profile, short_sounds

from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(120)]

LINES = {
    "good": "short",
    "missing": "no-such-sound",
    "wide": "wide",
}
FAILS = {"missing": True, "wide": True, "good": False}


@pytest.fixture(scope="module")
def port() -> int:
    return free_port(socket.SOCK_DGRAM)


@pytest.fixture(scope="module")
def site(install: Install, tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("site")
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    soundfile.write(sounds / "en/wide.wav", np.zeros((4410, 2), dtype=np.int16), 44100, "PCM_16")
    policy = ALWAYS + "".join(profile(name, '"proof"', "3", announcement=sound) for name, sound in LINES.items())
    lines = "".join(f"exten => {name},1,Gosub(privacy-start,s,1({name}))\n same => n,Dial(PJSIP/agent,30,tkK)\n" for name in FAILS)
    dialplan = f"[from-outside](+)\n{lines}"
    with Site(work, install, policy, contacts={"agent": port}, sounds=sounds, extra_dialplan=dialplan) as made:
        yield made


async def connected(site: Site, port: int, line: str) -> None:
    async with Phone("agent", port, site.pbx.sip_port, answer_after=0) as agent, Phone("customer", 0, site.pbx.sip_port) as customer:
        await customer.dial(line)
        await agent.answered()
        await customer.talk(0.3)
        there = site.pbx.cli("core show channels concise")
        assert "PJSIP/agent-" in there and "PJSIP/customer-" in there


def failed(site: Site) -> dict[str, int]:
    calls = site.status()["calls"]
    assert isinstance(calls, dict)
    found: dict[str, int] = calls["notices_failed"]
    return found


@pytest.mark.parametrize("line", FAILS)
async def test_its_calls_go_on_and_are_counted(site: Site, port: int, line: str) -> None:
    before = failed(site).get(line, 0)
    await connected(site, port, line)
    assert failed(site).get(line, 0) - before == FAILS[line]
    alarms = site.status()["alarms"]
    assert isinstance(alarms, dict) and ("notice_failed" in alarms) is (sum(failed(site).values()) > 0)


def test_the_daemon_says_so_before_any_call(site: Site) -> None:
    told = [line for line in list(site.status()["advice"]) if "announcement" in line]  # type: ignore[call-overload]
    assert {line.partition("]")[0] for line in told} == {"[profiles.missing", "[profiles.wide"}


async def test_a_refusal_whose_confirmation_is_missing(site: Site, port: int) -> None:
    sounds = site.workdir / "sounds/en"
    shutil.move(sounds / "refused.wav", sounds / "away.wav")
    try:
        before = failed(site).get("good", 0)
        async with Phone("customer", 0, site.pbx.sip_port) as customer, Phone("agent", port, site.pbx.sip_port, answer_after=0) as agent:
            dialled = customer.dial("good")
            await dialled
            await customer.press("3")
            await agent.answered()
            await customer.talk(0.2)
        assert failed(site).get("good", 0) == before + 1
    finally:
        shutil.move(sounds / "away.wav", sounds / "refused.wav")
