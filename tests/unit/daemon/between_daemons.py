"""An Asterisk that goes on while daemons come and go: what each daemon leaves behind is what the next one reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from whole_daemon import POLICY, installed, whole_daemon

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk import ari_snapshots as snap
from asterisk_privacy.asterisk.ari import Announced, Reading
from asterisk_privacy.asterisk.fastagi import AgiRequest
from asterisk_privacy.call import pbx
from asterisk_privacy.daemon.remembered import Reminders
from asterisk_privacy.daemon.report import Running
from asterisk_privacy.daemon.runner import CallRunner
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow

ALWAYS = """
[purposes.proof]
title = "proving what was agreed"
basis = "legitimate-interest"
reasoning = "Orders are placed by telephone."
trigger = "always"
retention = { until = "days", latest_days = 30 }
[profiles.asked]
title = "Orders"
language = "nl"
announcement = "notice-optout"
purposes = ["proof"]
refuse_key = "3"
[purposes.rare]
title = "training our staff"
basis = "legitimate-interest"
reasoning = "Practice on real calls."
trigger = "sample"
one_in = 1000000
retention = { until = "reviewed", latest_days = 35 }
[profiles.chance]
title = "Chance"
language = "nl"
announcement = "notice-optout"
purposes = ["rare"]
refuse_key = "3"
"""
BOTH = """
[profiles.both]
title = "Orders and complaints"
language = "nl"
announcement = "notice-optout"
purposes = ["proof", "complaint"]
refuse_key = "3"
"""
NAMES = {
    "cora": "PJSIP/trunk-0001",
    "bea": "PJSIP/trunk-0002",
    "anna": "PJSIP/agent1-0009",
    "front": "Local/s@x-1;1",
    "line": "Local/s@x-1;2",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return installed(tmp_path, POLICY + ALWAYS, "[keys]\ngrace_seconds = 1\n")


class Pbx:
    """What Asterisk holds while daemons come and go: channels, bridges, and what each channel remembers."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.reminders = Reminders(bytes.fromhex((config.parent / "number.key").read_text()))
        self.bridges: dict[str, set[str]] = {}
        self.announced: dict[str, Announced] = {}
        self.notices: dict[str, str] = {}  # by call: the name of its announcement
        self.alone: set[str] = set()  # channels in no bridge
        self.pressed: dict[str, str] = {}  # PRIVACY_HUSH of agents' channels
        self.pressed_at: dict[str, float] = {}
        self.running: Running

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Running]:
        """It reads what there is, and leaves behind what it remembered just before it ends."""
        async with whole_daemon(self.config) as self.running:
            await self.is_read()
            yield self.running
            self.keeps()

    async def is_read(self) -> None:
        inside = {channel for members in self.bridges.values() for channel in members}
        channels = tuple(snap.Channel(c, NAMES[c], "Up") for c in inside | self.alone)
        bridges = tuple(snap.Bridge(name, "mixing", channels=sorted(members)) for name, members in self.bridges.items())
        told = Reading(monotonic(), channels, bridges, frozenset(), announced=self.announced)
        self.running.service.supervisor.link_up(replace(told, pressed=self.pressed, pressed_at=self.pressed_at))
        await asyncio.sleep(0)

    def keeps(self) -> None:
        """What the daemon had written down."""
        memories = {r.customer or r.channel: r.memory for r in self.running.service.supervisor.runners}
        said = {channel: self.announced.get(channel, Announced("", "none")) for channel in memories}
        self.announced = {c: replace(said[c], state=self.reminders.write(c, memory)) for c, memory in memories.items()}

    def tell(self, event: ae.AriEvent) -> None:
        self.running.service.supervisor.pbx_told(event)

    def joins(self, channel: str, bridge: str) -> None:
        self.tell(pbx.ChannelSeen(monotonic(), channel, NAMES[channel], True))
        self.tell(pbx.BridgeSeen(monotonic(), bridge, True))
        self.tell(pbx.Entered(monotonic(), bridge, channel))
        self.bridges.setdefault(bridge, set()).add(channel)

    def leaves(self, channel: str, bridge: str) -> None:
        self.tell(pbx.Left(monotonic(), bridge, channel))
        self.tell(pbx.ChannelGone(monotonic(), channel))
        self.bridges[bridge].discard(channel)

    def asks(self, channel: str, profile: str = "asked") -> str:
        self.tell(pbx.ChannelSeen(monotonic(), channel, NAMES[channel], True))
        plan = self.running.service.supervisor.answer(AgiRequest(channel, "start", {"profile": profile}, ""))
        self.notices[plan["PRIVACY_CALL"]] = plan["PRIVACY_NOTICE_ID"]
        return plan["PRIVACY_CALL"]

    def notice(self, channel: str, call: str, *stages: str) -> None:
        for stage in stages:
            self.tell(ae.NoticeStage(monotonic(), channel, call, self.notices[call], stage, stage == "end"))

    def chooses(self, channel: str, call: str, key: str, refuses: bool = False) -> None:
        self.tell(ae.NoticeKey(monotonic(), channel, call, self.notices[call], key, refuses))

    def announced_to(self, channel: str, profile: str = "asked") -> str:
        call = self.asks(channel, profile)
        self.notice(channel, call, "begin", "end")
        self.announced[channel] = Announced("", "notice", heard=(self.notices[call],))
        return call

    def call_of(self, channel: str) -> CallRunner:
        (found,) = [r for r in self.running.service.supervisor.runners if channel in (r.customer, r.channel)]
        return found

    def rows(self) -> list[RecordingRow]:
        with closing(Registry.open(self.config.parent / "registry.sqlite")) as registry:
            return registry.recordings()


async def heard_behind_a_local_channel(asterisk: Pbx) -> str:
    call = asterisk.asks("line")
    asterisk.joins("front", "outer")
    asterisk.notice("line", call, "begin")
    asterisk.joins("cora", "outer")
    asterisk.notice("line", call, "end")
    asterisk.joins("line", "inner")
    asterisk.joins("anna", "inner")
    return call
