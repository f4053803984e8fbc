"""The whole daemon in this process: everything that `serve` puts together, but for the link to an Asterisk, of which there is none."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk.ari import Reading
from asterisk_privacy.asterisk.fastagi import AgiRequest
from asterisk_privacy.call import pbx
from asterisk_privacy.daemon.assembly import assemble
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.report import Running
from asterisk_privacy.store.identity import Identity

CONFIG = """
[agents]
endpoints = ["PJSIP/agent*", "PJSIP/bert"]
[asterisk]
ari_url = "http://127.0.0.1:1"
ari_password_file = "{folder}/ari.secret"
[fastagi]
listen = "127.0.0.1:{agi}"
[capture]
listen = "127.0.0.1:{audio}"
[metrics]
listen = "127.0.0.1:{metrics}"
[store]
directory = "{folder}/recordings"
recipients = "{folder}/recipients.txt"
[registry]
path = "{folder}/registry.sqlite"
number_key = "{folder}/number.key"
[control]
socket = "{folder}/run/control.sock"
"""
POLICY = """
[purposes.complaint]
title = "handling your complaint"
basis = "legitimate-interest"
reasoning = "Both sides need to know what was said."
trigger = "flag"
retention = { until = "case-closed", latest_days = 700 }
[purposes.training]
title = "training our staff"
basis = "legitimate-interest"
reasoning = "Practice on real calls."
trigger = "sample"
one_in = 20
retention = { until = "reviewed", latest_days = 35 }
[profiles.sales]
title = "Sales"
language = "nl"
announcement = "notice-optout"
purposes = ["complaint", "training"]
refuse_key = "3"
"""


def free_ports(count: int) -> list[int]:
    """All different: held at once, then let go."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in held]


def installed(folder: Path, policy: str = POLICY, more: str = "") -> Path:
    """Keys, passwords and a configuration with ports of its own; the path of the latter."""
    (folder / "ari.secret").write_text("secret\n")
    (folder / "number.key").write_text(secrets.token_hex(32) + "\n")
    (folder / "number.key").chmod(0o600)
    (folder / "recipients.txt").write_text(Identity.generate().public + "\n")
    agi, audio, metrics = free_ports(3)
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder, agi=agi, audio=audio, metrics=metrics) + more + policy)
    return path


@asynccontextmanager
async def whole_daemon(config: Path) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        running = await assemble(load(config), config, stack)
        try:
            yield running
        finally:
            await running.service.supervisor.close()


def linked(running: Running) -> None:
    running.service.supervisor.link_up(Reading(monotonic(), (), (), frozenset()))


class Somebody:
    """One call of a customer and an agent whom nobody has seen before."""

    def __init__(self, running: Running, profile: str = "sales") -> None:
        self.running = running
        self.supervisor = running.service.supervisor
        self.number = "06" + "".join(secrets.choice("0123456789") for _ in range(8))
        self.agent = "agent" + secrets.token_hex(4)
        self.channel = secrets.token_hex(6)
        self.plan = self.asks(profile)

    def asks(self, profile: str) -> Mapping[str, str]:
        return self.supervisor.answer(AgiRequest(self.channel, "start", {"profile": profile}, self.number))

    def presses(self, key: str) -> None:
        self.tell(ae.AgentPressed(monotonic(), f"{self.channel}-a", f"PJSIP/{self.agent}-0001", key))

    def tell(self, event: ae.AriEvent) -> None:
        self.supervisor.pbx_told(event)

    def talks(self) -> None:
        now, call, theirs = monotonic(), self.plan["PRIVACY_CALL"], f"{self.channel}-a"
        self.tell(pbx.ChannelSeen(now, self.channel, f"PJSIP/trunk{secrets.token_hex(3)}-{self.channel}", True))
        notice = self.plan["PRIVACY_NOTICE_ID"]
        self.tell(ae.NoticeStage(now, self.channel, call, notice, "begin", False))
        self.tell(ae.NoticeStage(now, self.channel, call, notice, "end", True))
        self.tell(pbx.ChannelSeen(now, theirs, f"PJSIP/{self.agent}-0001", True))
        self.tell(pbx.BridgeSeen(now, f"b{self.channel}", True))
        for one in (self.channel, theirs):
            self.tell(pbx.Entered(now, f"b{self.channel}", one))

    def holds(self) -> None:
        self.tell(pbx.Held(monotonic(), f"{self.channel}-a"))

    def ends(self) -> None:
        self.tell(pbx.ChannelGone(monotonic(), self.channel))
        self.tell(pbx.ChannelGone(monotonic(), f"{self.channel}-a"))
