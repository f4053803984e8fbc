"""The whole daemon in this process: everything that `serve` puts together, but for the link to an Asterisk, of which there is none."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

from asterisk_privacy.daemon.assembly import assemble
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.report import Running
from asterisk_privacy.store.identity import Identity

CONFIG = """
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
        yield running
        await running.service.supervisor.close()
