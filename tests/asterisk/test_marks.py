"""Marked parts, an objection by key and a quota, on real calls."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import call_over, profile, two_phones

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(60)]

POLICY = """
[purposes.agreement]
title = "proof of what you agree to"
basis = "contract"
reasoning = "only the moment of agreement is needed"
trigger = "marked"
retention = { until = "days", latest_days = 90 }

[purposes.training]
title = "training"
basis = "legitimate-interest"
reasoning = "a few calls of each agent"
trigger = "sample"
quota = { calls = 1, per = "month" }
retention = { until = "reviewed", latest_days = 35 }
""" + profile("sales", '"agreement"') + profile("support", '"training"')  # fmt: skip


async def test_only_what_lies_between_the_marks_is_kept(install: Install, tmp_path: Path) -> None:
    async with two_phones(install, tmp_path, POLICY) as (site, customer, agent):
        customer.say(Tone(tones.CUSTOMER_HELD))
        await customer.dial("110")
        await agent.answered()
        await agent.talk(1.0)
        await agent.press("*91")
        await agent.talk(0.3)
        customer.say(Tone(tones.CUSTOMER))
        await agent.talk(1.0)
        customer.say(Tone(tones.CUSTOMER))
        await agent.press("*92")
        await agent.talk(0.3)
        customer.say(Tone(800.0))
        await agent.talk(1.0)
        [recording] = await call_over(site, customer, 1)
        assert recording.state is State.SEALED and [p.name for p in recording.purposes] == ["agreement"]
        heard = tones.seconds_of(site.listen(recording.id)[:, 0], {"marked": 700.0, "before": 900.0, "after": 800.0})
        assert "after" not in heard
        assert heard["marked"] > 0.9
        assert heard.get("before", 0.0) < 0.5  # said between the key and the change of tone


async def test_an_objection_by_key_erases_the_drawn_call(install: Install, tmp_path: Path) -> None:
    async with two_phones(install, tmp_path, POLICY) as (site, customer, agent):
        await customer.dial("100")
        await agent.answered()
        await agent.talk(0.8)
        [drawn] = await call_over(site, customer, 1)
        assert drawn.state is State.SEALED and [p.name for p in drawn.purposes] == ["training"]  # the first of a quota is always drawn

        await customer.dial("100")
        while len(agent.legs) < 2:
            await customer.talk(0.02)
        await agent.answered()
        await agent.talk(0.6)
        await agent.press("*93")
        await agent.talk(0.4)
        for recording in await call_over(site, customer, 2):
            assert recording.state is not State.SEALED
        assert len(list((site.state / "recordings").rglob("*.age"))) == 1
