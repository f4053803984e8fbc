"""Holds of which Asterisk tells nothing, or tells an unhold that is none: by an endpoint's option, and by a re-INVITE without SDP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from sites import ALWAYS, profile, short_sounds, wait_until_quiet

from asterisk_privacy.asterisk.release import told_release
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(90)]

HIDING = """
[hiding](lab-phone,privacy-agent)
context = from-agents
aors = hiding
suppress_moh_on_sendonly = yes
[hiding](lab-contact)
contact = sip:hiding@127.0.0.1:{port}
[hiding-trunk](lab-phone)
context = from-outside
suppress_moh_on_sendonly = yes
"""
LINES = """
[from-outside](+)
exten => 180,1,Gosub(privacy-start,s,1(support))
 same => n,Dial(PJSIP/hiding,30,tkK)
"""
PRIVATE = {"customer": 940.0, "agent": 1560.0}


class Calls:
    """One site; `call` plays a call between two of its phones, in which `waiting` happens while both say other tones."""

    def __init__(self, site: Site, ports: dict[str, int]) -> None:
        self.site = site
        self.ports = ports
        self.made = 0

    @asynccontextmanager
    async def talk(self, customer: str, agent: str, line: str) -> AsyncIterator[tuple[Phone, Phone]]:
        sip = self.site.pbx.sip_port
        async with (
            Phone(customer, 0, sip, source=Tone(tones.CUSTOMER)) as caller,
            Phone(agent, self.ports[agent], sip, source=Tone(tones.AGENT), answer_after=0.0) as answers,
        ):
            await caller.dial(line)
            await answers.answered()
            await answers.talk(2.0)
            yield caller, answers
            await caller.hangup()
        self.made += 1
        await asyncio.to_thread(self.site.wait_for_calls, self.made)
        await asyncio.to_thread(wait_until_quiet, self.site)

    def kept(self) -> tuple[float, float]:
        """Seconds of the last call's recordings: talk, and what was said in private; of the louder side each."""
        call = self.site.calls()[-1].id
        talk = private = 0.0
        for recording in self.site.recordings():
            if recording.call_id == call:
                samples = self.site.listen(recording.id)
                for leg, (side, tone) in enumerate((("customer", tones.CUSTOMER), ("agent", tones.AGENT))):
                    heard = tones.seconds_of(samples[:, leg], {"talk": tone, "private": PRIVATE[side]})
                    talk, private = max(talk, heard.get("talk", 0.0)), max(private, heard.get("private", 0.0))
        return talk, private


@pytest.fixture(scope="module")
def calls(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    work = tmp_path_factory.mktemp("hidden")
    ports = {name: free_port(socket.SOCK_DGRAM) for name in ("agent", "hiding")}
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    settings, phones = {"keys.grace_seconds": "0"}, HIDING.format(port=ports["hiding"])
    policy, own = ALWAYS + profile("support", '"proof"'), {"agent": ports["agent"]}
    site = Site(work / "site", install, policy, settings=settings, contacts=own, sounds=sounds, extra_pjsip=phones, extra_dialplan=LINES)
    with site:
        yield Calls(site, ports)


async def private(customer: Phone, agent: Phone, seconds: float) -> None:
    """Both talk to whoever is beside them."""
    customer.say(Tone(PRIVATE["customer"]))
    agent.say(Tone(PRIVATE["agent"]))
    await asyncio.sleep(seconds)
    customer.say(Tone(tones.CUSTOMER))
    agent.say(Tone(tones.AGENT))
    await asyncio.sleep(0.1)


@pytest.mark.parametrize(("customer", "agent", "line"), [("customer", "hiding", "180"), ("hiding-trunk", "agent", "100")])
async def test_an_endpoint_that_hides_its_holds_is_not_recorded(calls: Calls, customer: str, agent: str, line: str) -> None:
    if told_release(calls.site.pbx.install.version) < (20, 11):
        pytest.skip("this release does not have the option yet")
    before = calls.site.status()["alarms"]
    async with calls.talk(customer, agent, line) as (caller, answers):
        holds = answers if agent == "hiding" else caller
        await holds.hold()
        await private(caller, answers, 1.5)
        await holds.unhold()
        await answers.talk(1.0)
    assert calls.kept() == (0.0, 0.0)
    alarms = calls.site.status()["alarms"]
    assert isinstance(before, dict) and isinstance(alarms, dict)
    assert alarms["holds_hidden"] == before.get("holds_hidden", 0) + 1
    assert set(alarms) == {"holds_hidden"}


@pytest.mark.parametrize("who", ["agent", "customer"])
@pytest.mark.parametrize("unhold", [Phone.unhold, Phone.unhold_late], ids=["unhold", "unhold by a late offer"])
async def test_a_hold_that_is_refreshed_without_sdp_goes_on(calls: Calls, who: str, unhold: Callable[[Phone], Awaitable[float]]) -> None:
    """Asterisk says ChannelUnhold at each, and lets both hear each other; the phone holds on."""
    async with calls.talk("customer", "agent", "100") as (caller, answers):
        holds = answers if who == "agent" else caller
        await holds.hold()
        await private(caller, answers, 0.6)
        await holds.refresh()
        await private(caller, answers, 1.0)
        await holds.refresh()
        await private(caller, answers, 0.6)
        await unhold(holds)
        await answers.talk(2.5)
    talk, kept_private = calls.kept()
    assert kept_private == 0.0
    assert talk > 2.6, "of 2 s before and 2.5 s after"


async def test_a_refresh_in_mid_talk_costs_nothing(calls: Calls) -> None:
    async with calls.talk("customer", "agent", "100") as (caller, answers):
        for phone in (answers, caller):
            await phone.refresh()
            await answers.talk(0.7)
    talk, _ = calls.kept()
    assert talk > 2.8, "of 3.4 s"
