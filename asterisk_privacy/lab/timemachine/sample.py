"""The policy that is simulated when no configuration is named: one purpose for each way in which retention ends."""

from __future__ import annotations

from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.purpose import Basis, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import AnyOf, Days, UntilCaseClosed, UntilCourtFinal, UntilDiscussed, UntilEvaluation, UntilReviewed

COMPLAINT = Purpose(
    "complaint", "handling complaints", Basis.LEGITIMATE_INTEREST, "both sides need it", Trigger.FLAG, UntilCaseClosed(730, 30, 30)
)
DISPUTE = Purpose("dispute", "legal claims", Basis.LEGITIMATE_INTEREST, "art. 17(3)(e)", Trigger.FLAG, UntilCourtFinal(1825, 0, 92, 30))
TRAINING = Purpose(
    "training", "training", Basis.LEGITIMATE_INTEREST, "practice", Trigger.SAMPLE, UntilReviewed(35, 0, lesson_days=365), one_in=20
)
EVALUATION = Purpose(
    "evaluation", "evaluation of agents", Basis.LEGITIMATE_INTEREST, "fair evaluation", Trigger.SAMPLE, UntilEvaluation(100), one_in=50
)
PROOF = Purpose("proof", "proof of orders", Basis.CONTRACT, "what was ordered", Trigger.ALWAYS, Days(90))
FOLLOW_UP = Purpose("follow-up", "calling back", Basis.LEGITIMATE_INTEREST, "both sides need it", Trigger.FLAG, UntilDiscussed(180, 14))
COACHING = Purpose(
    "coaching",
    "coaching of agents",
    Basis.LEGITIMATE_INTEREST,
    "practice",
    Trigger.SAMPLE,
    AnyOf(120, (UntilReviewed(120, 14), UntilEvaluation(120))),
    one_in=20,
)
QUALITY = Purpose("quality", "better service", Basis.CONSENT, "key 1", Trigger.ALWAYS, UntilReviewed(60, 7), agree_key="1")

_PROFILES = (
    Profile("sales", "Sales", "nl", "notice-optout", (TRAINING, EVALUATION, COMPLAINT, DISPUTE), "3"),
    Profile("service", "Service", "nl", "notice-optout", (COACHING, FOLLOW_UP), "3"),
    Profile("orders", "Orders", "de", "notice-proof", (PROOF, COMPLAINT), None),
    Profile("quality", "Quality line", "en", "notice-optin", (QUALITY,), None),
)
BOOK = Book({p.name: p for p in _PROFILES}, {p.name: p for profile in _PROFILES for p in profile.purposes})
