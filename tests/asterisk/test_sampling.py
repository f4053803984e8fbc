"""Neither phone, nor the agent's channel, tells whether chance has picked the call (R7)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from sites import FLAG, call_over, profile, two_phones

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(120)]

POLICY = """
[purposes.training]
title = "training"
basis = "legitimate-interest"
reasoning = "some calls"
trigger = "sample"
one_in = 2
retention = { until = "reviewed", latest_days = 35 }
""" + FLAG + profile("sales", '"training", "complaint"')  # fmt: skip
MOST_CALLS = 12


def _channels(site: Site) -> dict[str, list[str]]:
    """Every variable of each phone's channel by name; of ours also the value, if it is no id and nothing sealed, else how long it is."""
    shown = {}
    for name in re.findall(r"^(PJSIP/(?:agent|customer)-\w+)", site.pbx.cli("core show channels concise"), re.MULTILINE):
        text = site.pbx.cli(f"core show channel {name}")
        variables = text[text.index("Variables:") :].split("CDR Variables")[0]
        told = [line.partition("=") for line in variables.splitlines() if "=" in line]
        shown[name.split("/")[1].split("-")[0]] = sorted(
            f"{key}={value if len(value) < 16 else len(value)}" if key.startswith("PRIVACY_") else key for key, _, value in told
        )
    return shown


async def _call(site: Site, customer: Phone, agent: Phone, calls: int) -> tuple[bool, object]:
    """Whether it was picked, and all that could be seen and heard of it."""
    known = len(agent.legs)
    await customer.dial("110")
    while len(agent.legs) == known:
        await customer.talk(0.02)
    await agent.answered()
    await agent.talk(0.6)
    seen = await asyncio.to_thread(_channels, site)
    since = agent.leg.answered_at
    pressed = await agent.press("*5")
    await agent.talk(0.8)
    digits = customer.leg.media.keys(since)
    answer = agent.leg.media.heard(pressed)
    spoken = {hz for hz in range(300, 1600, 50) if tones.level(answer, hz) > -35.0}
    rows = await call_over(site, customer, calls)
    return bool(rows), (seen, digits, spoken)


async def test_a_picked_call_looks_and_sounds_like_any_other(install: Install, tmp_path: Path) -> None:
    found: dict[bool, list[object]] = {True: [], False: []}
    async with two_phones(install, tmp_path, POLICY) as (site, customer, agent):
        for number in range(1, MOST_CALLS + 1):
            picked, seen = await _call(site, customer, agent, number)
            found[picked].append(seen)
            if min(map(len, found.values())) >= 2:
                break
    assert found[True] and found[False]
    first = found[False][0]
    assert "PRIVACY_STATE" in str(first)
    assert [seen for calls in found.values() for seen in calls if seen != first] == []
