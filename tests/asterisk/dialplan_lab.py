"""An admin's dialplan around the include, with a toy recorder behind it. Its fixtures are handed out by conftest.py."""

from __future__ import annotations

import socket
import uuid
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from toy_agi import ANSWER, ToyAgi
from toy_ari import Told, ToyAri

from asterisk_privacy.lab.pbx import Pbx, free_port

NOTICE_SECONDS = 0.6
GOES_ON_WITHIN = 2.0
SLACK = 0.4  # a busy machine
TESTS = """
[test]
; an admin's line: an absolute time-out, an h and a T extension of his own
exten => line,1,UserEvent(Begun)
 same => n,Gosub(privacy-start,s,1(support))
 same => n,UserEvent(Passed,Consent: ${PRIVACY_CONSENT},State: ${CHANNEL(state)},Limit: ${TIMEOUT(absolute)},Exit: ${AGIEXITONHANGUP})
 same => n,Hangup()
exten => limited,1,Set(TIMEOUT(absolute)=20)
 same => n,Set(AGIEXITONHANGUP=no)
 same => n,Goto(line,1)
exten => short,1,Answer()
 same => n,Set(TIMEOUT(absolute)=0.5)
 same => n,Goto(line,1)
exten => answered,1,Answer()
 same => n,Goto(line,1)
exten => T,1,UserEvent(AdminT)
exten => h,1,UserEvent(AdminH)
exten => _out-.,1,Set(DIALLED=${EXTEN:4})
 same => n,Dial(Local/${DIALLED}@callee/n,10,gU(privacy-outbound^support))
 same => n,UserEvent(Done,Answered: ${ANSWEREDTIME})
[callee]
exten => quiet,1,Answer()
 same => n,Wait(5)
exten => _k.,1,Answer()
 same => n,Wait(0.2)
 same => n,SendDTMF(${EXTEN:1},400,80)
 same => n,Wait(5)
[caller]
exten => tone,1,Playback(${GLOBAL(TEST_TONE)}&${GLOBAL(TEST_TONE)}&${GLOBAL(TEST_TONE)}&${GLOBAL(TEST_TONE)})
exten => quiet,1,Wait(30)
exten => _bye.,1,Wait(0.${EXTEN:3})
; keys at a moment of one's own: at-MILLISECONDS-KEYS
exten => _at-.,1,Playtones(700)
 same => n,Set(MS=${CUT(EXTEN,-,2)})
 same => n,Wait(${MATH(${MS}/1000,f)})
 same => n,SendDTMF(${CUT(EXTEN,-,3)},400,80)
 same => n,Wait(20)
exten => _late.,1,Wait(1.5)
 same => n,SendDTMF(${EXTEN:4},400,80)
 same => n,Wait(20)
exten => _k.,1,Wait(0.7)
 same => n,SendDTMF(${EXTEN:1},400,80)
 same => n,Wait(20)
"""

# Asterisk calls itself over SIP, as a customer with a wideband phone: the toy phone speaks no G.722.
WIDEBAND = """
[wideband](lab-phone)
allow = !all,g722
from_user = customer
"""


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent", "agent2")}


@pytest.fixture(scope="module")
def pbx(pbx_factory: Callable[..., Pbx], ports: dict[str, int]) -> Pbx:
    return pbx_factory(extra_dialplan=TESTS, extra_pjsip=WIDEBAND, contacts=ports)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """notice, refused and agreed, all short, so that the tests are."""
    folder = tmp_path_factory.mktemp("sounds")
    _speak(folder, notice=NOTICE_SECONDS, refused=0.1, agreed=0.1)
    return folder


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A notice in a folder where both it and the word that one agreed take two seconds."""
    folder = tmp_path_factory.mktemp("longer")
    _speak(folder, notice=2.0, refused=0.1, agreed=2.0)
    return str(folder / "notice")


def _speak(folder: Path, **seconds: float) -> None:
    for name, hz in (("notice", 700), ("refused", 300), ("agreed", 500)):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            at = np.arange(int(8000 * seconds[name]))
            file.writeframes((6000 * np.sin(2 * np.pi * hz * at / 8000)).astype("<i2").tobytes())


@pytest.fixture
async def ari(pbx: Pbx) -> AsyncIterator[ToyAri]:
    async with ToyAri(pbx, f"toy-{uuid.uuid4().hex[:8]}") as ari:
        yield ari


class Line:
    """The PBX with a toy recorder behind it."""

    def __init__(self, ari: ToyAri, agi: ToyAgi, sounds: Path) -> None:
        self.ari = ari
        self.agi = agi
        self.answer("3", "", "0.4")
        self.sounds = sounds

    def answer(self, refuse: str, agree: str, seconds: str = "0.4", notice: str = "", plan: str = "announce") -> None:
        self._answer = (refuse, agree, seconds, notice, plan)

    async def ask_us(self, agi: str = "") -> None:
        """The next calls ask our toy recorder, or one at `agi`, and get the answer."""
        refuse, agree, seconds, notice, plan = self._answer
        self.agi.variables = {
            "PRIVACY_CALL": "c1",
            "PRIVACY_NOTICE": notice or str(self.sounds / "notice"),
            "PRIVACY_REFUSE_KEY": refuse,
            "PRIVACY_AGREE_KEYS": agree,
            "PRIVACY_KEY_SECONDS": seconds,
            "PRIVACY_NOTICE_ID": "n1",
            "PRIVACY_PLAN": plan,
        }
        await self.ari.post("asterisk/variable", variable="PRIVACY_AGI", value=agi or self.agi.address)

    async def dial(self, extension: str, caller: str = "quiet", agi: str = "") -> None:
        await self.ask_us(agi)
        await self.ari.post("channels", endpoint=f"Local/{extension}@test/n", context="caller", extension=caller, priority="1")

    async def plan_nothing(self) -> None:
        """The recorder takes no interest in the next call."""
        self.agi.variables = {"PRIVACY_PLAN": "none"}
        await self.ari.post("asterisk/variable", variable="PRIVACY_AGI", value=self.agi.address)

    async def call(self, extension: str = "line", caller: str = "quiet", agi: str = "") -> Told:
        """One whole call; returns what the admin's dialplan sees after the Gosub."""
        await self.dial(extension, caller, agi)
        passed = await self.ari.until_told("Passed")
        await self.ari.until_told("AdminH")
        return passed

    def seconds(self, passed: Told) -> float:
        return passed.at - next(t for t in self.ari.told if t.name == "Begun").at


@pytest.fixture
async def line(ari: ToyAri, sounds: Path) -> AsyncIterator[Line]:
    async with ToyAgi(ANSWER) as agi:
        yield Line(ari, agi, sounds)
