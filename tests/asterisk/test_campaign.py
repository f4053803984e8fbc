"""A line-fault campaign on real calls: designated, counted, over by itself, handed over with a note."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sites import call_over, profile, two_phones

from asterisk_privacy.cli.main import main
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.rows import RecordingRow, State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(60)]

POLICY = """
[purposes.fault]
title = "finding a fault on the line"
basis = "legitimate-interest"
reasoning = "a handful of calls, for the provider"
trigger = "campaign"
retention = { until = "days", latest_days = 14 }
""" + profile("sales", '"fault"') + profile("support", '"fault"')  # fmt: skip


def asked(site: Site, *words: str, code: int = 0) -> str:
    """What the command says."""
    result = CliRunner().invoke(main, ["campaign", *words, "--config", str(site.config)])
    assert result.exit_code == code, result.output
    return result.output


async def a_call(site: Site, customer: Phone, agent: Phone, calls: int) -> list[RecordingRow]:
    known = len(agent.legs)
    await customer.dial("110")
    while len(agent.legs) == known:
        await customer.talk(0.02)
    await agent.answered()
    await agent.talk(0.7)
    return await call_over(site, customer, calls)


async def test_a_campaign_takes_so_many_calls_and_is_over(install: Install, tmp_path: Path) -> None:
    async with two_phones(install, tmp_path, POLICY) as (site, customer, agent):
        assert await a_call(site, customer, agent, 1) == []  # no campaign yet

        now = utc_now().astimezone()
        window = ("--from", f"{now - timedelta(minutes=2):%Y-%m-%dT%H:%M}", "--to", f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M}")
        about = ("--count", "1", "--provider", "Telco", "--reason", "echo")
        asked(site, "open", "--extensions", "somebody", *window, *about)
        assert await a_call(site, customer, agent, 2) == []  # of another extension

        asked(site, "open", "--extensions", "agent", *window, *about)
        [taken] = await a_call(site, customer, agent, 3)
        assert taken.state is State.SEALED and [p.name for p in taken.purposes] == ["fault"]
        audio = site.listen(taken.id)
        assert tones.seconds_of(audio[:, 0], {"customer": tones.CUSTOMER})["customer"] > 0.3
        assert tones.seconds_of(audio[:, 1], {"agent": tones.AGENT})["agent"] > 0.3

        assert await a_call(site, customer, agent, 4) == []  # it was full
        assert "full" in asked(site, "list")

        assert "Telco" in asked(site, "hand-over", taken.id, "--to", "Other", code=3)
        asked(site, "hand-over", taken.id, "--to", "Telco")
        with site.registry() as registry:
            assert registry.verify_audit().ok
