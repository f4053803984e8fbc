"""Why a call may be recorded: purpose, legal basis with its reasoning, what starts it and what ends it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from asterisk_privacy.policy.retention import Criterion


class Basis(StrEnum):
    """GDPR art. 6(1), points (a) to (f)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal-obligation"
    VITAL_INTERESTS = "vital-interests"
    PUBLIC_TASK = "public-task"
    LEGITIMATE_INTEREST = "legitimate-interest"


class Trigger(StrEnum):
    """What makes this purpose want the call kept."""

    FLAG = "flag"  # the agent's keep key, during the call or within the grace time
    SAMPLE = "sample"  # the system draws 1 in N before the call is answered, or by a quota once the agent is known
    ALWAYS = "always"
    MARKED = "marked"  # only what lies between the agent's from-here and to-here
    CAMPAIGN = "campaign"  # designated extensions or lines, in a window, up to a hard count (R11)


class Period(StrEnum):
    """The stretch of the calendar for which a quota counts; weeks are those of ISO 8601."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True)
class Quota:
    """So many calls of each agent in each period, whichever of them: R7."""

    calls: int
    per: Period


@dataclass(frozen=True, slots=True)
class Compatible:
    """Another purpose for which recordings of this one may be heard too (GDPR art. 5(1)(b), 6(4)), and why it is compatible: the
    assessment of art. 6(4) in a sentence, shown in the register of processing and in the audit trail of each such listen."""

    purpose: str  # its name
    because: str


@dataclass(frozen=True, slots=True)
class Purpose:
    name: str
    title: str  # in words a caller understands
    basis: Basis
    reasoning: str  # why this basis holds; shown in the register of processing
    trigger: Trigger
    retention: Criterion
    one_in: int | None = None  # Trigger.SAMPLE only: 1 in N
    agree_key: str | None = None  # opt-in: without this key the purpose is off for the call
    quota: Quota | None = None  # Trigger.SAMPLE only, instead of one_in
    titles: tuple[tuple[str, str], ...] = ()  # (language, title): for announcements in other languages
    compatible: tuple[Compatible, ...] = ()  # in this direction only, and no further: see policy/further.py

    def title_in(self, language: str) -> str:
        return dict(self.titles).get(language, self.title)


@dataclass(frozen=True, slots=True)
class Profile:
    """A line or queue: which purposes its calls may serve and how the caller is told."""

    name: str
    title: str
    language: str  # nl, en, de: folder below the sounds directory
    announcement: str  # sound file without extension, relative to <sounds>/<language>/ or absolute
    purposes: tuple[Purpose, ...]
    refuse_key: str | None
    tenant: str | None = None  # the company whose line it is, where there are several

    def joined(self, other: Profile) -> Profile:
        """With the purposes of another line, as far as it has none of that name."""
        known = {p.name for p in self.purposes}
        return replace(self, purposes=(*self.purposes, *(p for p in other.purposes if p.name not in known)))
