"""A configured place on disk with a registry, a store and a reviewer's key, and the commands run in it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.testing import CliRunner, Result
from policies import SALES

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Criterion, Days, UntilCaseClosed
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

NOW = datetime.now(UTC)
COMPLAINT = UntilCaseClosed(latest_days=700, plus_days=0, link_within_days=30)
CONFIG = """
[store]
directory = "{folder}/recordings"
recipients = "{folder}/recipients.txt"
[registry]
path = "{folder}/registry.sqlite"
[purger]
brake_at_least = 3
"""
SECOND = np.stack([np.arange(8000), np.zeros(8000)], axis=1).astype(np.int16)
SPANS = (
    Span(SpanKind.NOTICE, 0, 4000),
    Span(SpanKind.TALK, 4000, 40_000),
    Span(SpanKind.HOLD, 40_000, 41_000),
    Span(SpanKind.TALK, 41_000, 60_000),
)


WHY = "said by root"


def _asks_root(command: click.Command, arguments: Sequence[str]) -> bool:
    """Whether root without an account, who runs most of the tests, must say why."""
    for word in arguments:
        if isinstance(command, click.Group):
            command = command.commands.get(word, command)
    return any(one.name == "reason" and not one.required for one in command.params)


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identity = Identity.generate()
        (folder / "identity.txt").write_text(self.identity.secret + "\n")
        (folder / "recipients.txt").write_text(self.identity.public + "\n")
        (folder / "config.toml").write_text(CONFIG.format(folder=folder) + SALES)
        self.vault = Vault(folder / "recordings", Recipients.load(folder / "recipients.txt"))
        self.registry = Registry.open(folder / "registry.sqlite")

    def record(
        self, age_days: float, criterion: Criterion = COMPLAINT, samples: Stereo = SECOND, call: str | None = None, part: int = 1,
        spans: tuple[Span, ...] = SPANS,
    ) -> str:  # fmt: skip
        """A sealed recording of one second: a ramp on the customer's side, silence on the agents'. `call`: of that earlier one."""
        recording_id = secrets.token_hex(16)
        at = NOW - timedelta(days=age_days)
        purpose = Purpose("complaint", "handling your complaint", Basis.LEGITIMATE_INTEREST, "because", Trigger.FLAG, criterion)
        if call is None:
            self.registry.begin_call(recording_id, "sales", at, "hash", b"x", "in")
        self.registry.begin_recording(recording_id, call or recording_id, at, [purpose], part)
        writer = self.vault.create(recording_id)
        writer.write(samples)
        sealed = writer.seal()
        pieces = sealed.content.pieces
        self.registry.seal_recording(recording_id, at, sealed.size, sealed.sha256, 1000, sealed.truncated, pieces=pieces)
        if call is None:
            self.registry.end_call(recording_id, at, "kept", [Participant.agent("PJSIP/anna")], spans, [Mark(MarkKind.KEEP, 30_000)])
        return recording_id

    def run(self, command: click.Command, *arguments: str) -> Result:
        """Without the standard error mixed in: `.stdout`, `.stderr`, `.exit_code`."""
        words = [*arguments, "--config", str(self.folder / "config.toml")]
        if _asks_root(command, arguments) and "--reason" not in arguments:
            words += ["--reason", WHY]
        result = CliRunner().invoke(command, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def json(self, command: click.Command, *arguments: str, code: int = 0) -> Any:
        result = self.run(command, *arguments, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)


__all__ = ["COMPLAINT", "NOW", "SPANS", "Days", "Place"]
