"""A place where callers' numbers are hashed and sealed as the daemon does it, with two voices in each recording."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
from cli_samples import NOW, SPANS, Days, Place

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import Mark, MarkKind
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.registry.numbers import generate_key, number_hash
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.seal_text import seal_text

ANNA, BEN = "+31612345678", "0201234567"
TRAINING = Purpose("training", "training our staff", Basis.LEGITIMATE_INTEREST, "practice", Trigger.SAMPLE, Days(400), one_in=20)
COMPLAINT = Purpose("complaint", "handling your complaint", Basis.LEGITIMATE_INTEREST, "disputes", Trigger.FLAG, Days(400))
ORDER = Purpose("order", "proof of your order", Basis.CONTRACT, "the contract", Trigger.ALWAYS, Days(400))
TAX = Purpose("tax", "records that the law demands", Basis.LEGAL_OBLIGATION, "the law", Trigger.ALWAYS, Days(2555))
CHECK = ("--reason", "request of 2026-03-05", "--identity-check", "called back on the number in the contract")


class House(Place):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.key = generate_key()
        (folder / "number.key").write_text(self.key.hex())
        (folder / "number.key").chmod(0o600)
        config = (folder / "config.toml").read_text()
        more = f'[registry]\nnumber_key = "{folder}/number.key"\ncountry_code = "31"\n'
        (folder / "config.toml").write_text(config.replace("[registry]\n", more))
        self.identity_file = str(folder / "identity.txt")

    def call(
        self,
        number: str,
        *purposes: Purpose,
        days_ago: float = 1,
        agent: str = "PJSIP/anna",
        people: Sequence[Participant] = (),
        country_code: str = "31",
    ) -> str:
        """A sealed recording of one second: the customer a rising ramp, the agents a falling one. `people`: in place of the one agent."""
        recording_id = secrets.token_hex(16)
        at = NOW - timedelta(days=days_ago)
        sealed = seal_text(number, Recipients.load(self.folder / "recipients.txt"))
        self.registry.begin_call(recording_id, "sales", at, number_hash(number, self.key, country_code), sealed, "in")
        self.registry.begin_recording(recording_id, recording_id, at, purposes or (COMPLAINT,), 1)
        writer = self.vault.create(recording_id)
        writer.write(np.stack([np.arange(8000), -np.arange(8000)], axis=1).astype(np.int16))
        done = writer.seal()
        self.registry.seal_recording(recording_id, at, done.size, done.sha256, 1000, done.truncated, pieces=done.content.pieces)
        self.registry.end_call(recording_id, at, "kept", people or [Participant.agent(agent)], SPANS, [Mark(MarkKind.KEEP, 30_000)])
        return recording_id

    def actions(self, subject: str) -> list[str]:
        return [entry.action for entry in reversed(self.registry.audit_entries(None, subject=subject))]

    def everything_written(self) -> bytes:
        """What a thief of the registry gets."""
        self.registry.close()
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob("registry.sqlite*")))
