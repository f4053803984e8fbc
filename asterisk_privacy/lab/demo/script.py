"""The four calls: who says what when, and what must come of it.

Every party sends its own tone, and another whenever it is not in conversation, so that what a recording holds is a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.sipp import HangUp, Held, Hold, Key, Step, Talk, WaitForBye

CUSTOMER_BEFORE = 800.0
"""What the customer says while the announcement plays."""

POLICY = """\
[purposes.complaint]
title = "handling complaints"
basis = "legitimate-interest"
reasoning = "Settling what was said in a complaint; the caller is told, may refuse, and is not recorded on hold."
trigger = "flag"
retention = { until = "case-closed", plus_days = 30, link_within_days = 30, latest_days = 730 }

[purposes.training]
title = "training of our staff"
basis = "legitimate-interest"
reasoning = "A few calls, picked at random by the system, to coach on; reviewed within the week."
trigger = "sample"
one_in = 1                       # the demo wants each call of this line drawn; a real line has 20 or 100
retention = { until = "reviewed", latest_days = 35 }

[profiles.support]
title = "Support line"
language = "en"
announcement = "notice-optout"
purposes = ["complaint"]
refuse_key = "3"

[profiles.sales]
title = "Sales line"
language = "en"
announcement = "notice-optout"
purposes = ["complaint", "training"]
refuse_key = "3"
"""

NOTICE_SECONDS = 14.46
KEY_SECONDS = 2.0
ANSWER_AFTER = 0.5
AROUND = 0.4
"""The two sipp processes know nothing of each other: their scripts agree to within less than this."""


@dataclass(frozen=True, slots=True)
class DemoCall:
    """`agent` is played from the moment of answer. `kept`: a recording must come of it."""

    title: str
    slug: str
    extension: str
    kept: bool
    outcome: str
    purposes: tuple[str, ...]
    customer: tuple[Step, ...]
    agent: tuple[Step, ...]


def _customer(before: tuple[Step, ...], talk: float, held: float, then: float) -> tuple[Step, ...]:
    """Talks, waits while held (on a tone of its own), talks until the agent hangs up."""
    return (*before, Talk(talk + AROUND), Held(held - 2 * AROUND), Talk(then + 10), WaitForBye())


_THROUGH_NOTICE = (Talk(NOTICE_SECONDS + KEY_SECONDS / 2, CUSTOMER_BEFORE), Talk(KEY_SECONDS / 2 + ANSWER_AFTER))
_TALK_HOLD_TALK = _customer(_THROUGH_NOTICE, talk=3, held=3, then=5)

CALLS: tuple[DemoCall, ...] = (
    DemoCall(
        "Kept afterwards: the agent presses *1 near the end",
        "kept",
        "100",
        True,
        "kept",
        ("complaint",),
        _TALK_HOLD_TALK,
        (Talk(3), Hold(3), Talk(2.5), Key("*1"), Talk(1.5), HangUp()),
    ),
    DemoCall(
        "Not kept: the same, and nobody presses a key",
        "not-kept",
        "100",
        False,
        "not-kept",
        (),
        _TALK_HOLD_TALK,
        (Talk(3), Hold(3), Talk(4), HangUp()),
    ),
    DemoCall(
        "Refused: the caller presses 3 during the announcement",
        "refused",
        "100",
        False,
        "refused",
        (),
        (Talk(3, CUSTOMER_BEFORE), Key("3"), Talk(30), WaitForBye()),
        (Talk(2.5), Key("*1"), Talk(1.5), HangUp()),
    ),
    DemoCall(
        "Sampled: the system drew this call for training",
        "sampled",
        "110",
        True,
        "kept",
        ("training",),
        _TALK_HOLD_TALK,
        (Talk(3), Hold(3), Talk(4), HangUp()),
    ),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """Tones by name: what must be heard in each leg of a kept call, and what must not."""

    customer: Mapping[str, float] = field(default_factory=lambda: {"conversation": tones.CUSTOMER})
    agent: Mapping[str, float] = field(default_factory=lambda: {"conversation": tones.AGENT})
    forbidden: Mapping[str, float] = field(
        default_factory=lambda: {
            "customer on hold": tones.CUSTOMER_HELD,
            "agent while holding": tones.AGENT_HOLDING,
            "music": tones.MUSIC,
            "customer during the announcement": CUSTOMER_BEFORE,
        }
    )
