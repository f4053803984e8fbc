"""Purposes and moments that the tests of this room share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days, UntilCaseClosed, UntilReviewed

T0 = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LATER = T0 + timedelta(days=100)
COMPLAINT = Purpose(
    "complaint", "Handling complaints", Basis.LEGITIMATE_INTEREST, "we must know what was said", Trigger.FLAG, UntilCaseClosed(730, 30)
)
TRAINING = Purpose("training", "Training", Basis.CONSENT, "pressed 1", Trigger.SAMPLE, UntilReviewed(35), one_in=20, agree_key="1")
PROOF = Purpose("proof", "Proof of sale", Basis.CONTRACT, "the contract was made by voice", Trigger.ALWAYS, Days(90))


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now
