"""Who may see, hear and do what, and why not (R22). Pure: a viewer and what is known of a recording go in, a refusal or None comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from asterisk_privacy.daemon.review_settings import Role


class Page(StrEnum):
    """What the menu leads to."""

    QUEUE = "queue"
    CASES = "cases"
    REQUESTS = "requests"
    HOLDS = "holds"
    OVERDUE = "overdue"
    REGISTER = "register"
    AUDIT = "audit"


class Act(StrEnum):
    """What can be written down about a recording."""

    REVIEWED = "reviewed"
    LESSON = "lesson"
    CASE = "case"
    OBJECTION = "objection"


class Refusal(StrEnum):
    """Keys of review/texts_*.py, behind "refusal-"."""

    UNKNOWN = "unknown"  # there is none, or nobody may know that there is
    OWN = "own"  # R22: nobody reviews his own; seeing it would also tell him which of his calls chance picked (R7)
    GONE = "gone"
    NOT_SEALED = "not-sealed"
    NOT_SERVED = "not-served"  # the recording does not serve this purpose
    NOT_YOURS = "not-yours"  # the role does not listen for this purpose
    RESTRICTED = "restricted"  # GDPR art. 18
    HELD = "held"  # a legal hold names others
    NOT_YOUR_ACT = "not-your-act"


MENU: Mapping[Page, frozenset[Role]] = {
    Page.QUEUE: frozenset({Role.REVIEWER}),
    Page.CASES: frozenset({Role.INCIDENT_HANDLER}),
    Page.REQUESTS: frozenset({Role.PRIVACY_OFFICER}),
    Page.HOLDS: frozenset({Role.PRIVACY_OFFICER}),
    Page.OVERDUE: frozenset({Role.PRIVACY_OFFICER}),
    Page.REGISTER: frozenset({Role.PRIVACY_OFFICER, Role.AUDITOR}),
    Page.AUDIT: frozenset({Role.PRIVACY_OFFICER, Role.AUDITOR}),
}
ACTS: Mapping[Act, frozenset[Role]] = {
    Act.REVIEWED: frozenset({Role.REVIEWER}),
    Act.LESSON: frozenset({Role.REVIEWER}),
    Act.CASE: frozenset({Role.INCIDENT_HANDLER}),
    Act.OBJECTION: frozenset({Role.REVIEWER, Role.INCIDENT_HANDLER, Role.PRIVACY_OFFICER}),
}
SEES_ALL = Role.PRIVACY_OFFICER  # the facts, for the requests of persons; listening is another matter


@dataclass(frozen=True, slots=True)
class Viewer:
    """`purposes`: for which each of his roles may listen. `agents`: the endpoints that he is, such as PJSIP/anna."""

    name: str
    roles: frozenset[Role]
    purposes: Mapping[Role, frozenset[str]]
    agents: frozenset[str] = frozenset()

    @property
    def listens_for(self) -> frozenset[str]:
        return frozenset().union(*(self.purposes.get(role, frozenset()) for role in self.roles))


@dataclass(frozen=True, slots=True)
class Facts:
    """A recording as far as permission cares. `listeners`: of each legal hold in force. `excepted`: None where nothing restricts it."""

    state: str
    agent: str | None
    purposes: tuple[str, ...]
    listeners: tuple[frozenset[str], ...] = ()
    excepted: frozenset[str] | None = None


def may_open(viewer: Viewer, page: Page) -> bool:
    return bool(viewer.roles & MENU[page])


def home(viewer: Viewer) -> Page | None:
    """The first page of the menu that is his."""
    return next((page for page in Page if may_open(viewer, page)), None)


def why_not_see(viewer: Viewer, facts: Facts) -> Refusal | None:
    """Whether he may know that it exists. What served his purposes and is gone he may not either: nothing is left to review."""
    if _own(viewer, facts):
        return Refusal.OWN
    if SEES_ALL in viewer.roles:
        return None
    return None if viewer.listens_for & set(facts.purposes) else Refusal.UNKNOWN


def why_not_hear(viewer: Viewer, facts: Facts, purpose: str) -> Refusal | None:
    """For this purpose, at this moment."""
    unseen = why_not_see(viewer, facts)
    if unseen is not None:
        return unseen
    if facts.state != "sealed":
        return Refusal.NOT_SEALED if facts.state == "writing" else Refusal.GONE
    if purpose not in facts.purposes:
        return Refusal.NOT_SERVED
    if purpose not in viewer.listens_for:
        return Refusal.NOT_YOURS
    if facts.excepted is not None and purpose not in facts.excepted:
        return Refusal.RESTRICTED
    if any(viewer.name not in named for named in facts.listeners):
        return Refusal.HELD
    return None


def purposes_to_hear(viewer: Viewer, facts: Facts) -> tuple[str, ...]:
    return tuple(purpose for purpose in facts.purposes if why_not_hear(viewer, facts, purpose) is None)


def why_not_do(viewer: Viewer, facts: Facts, act: Act) -> Refusal | None:
    """A role writes down only what its own purposes are about; the privacy officer's word is about all."""
    unseen = why_not_see(viewer, facts)
    if unseen is not None:
        return unseen
    if facts.state != "sealed":
        return Refusal.NOT_SEALED if facts.state == "writing" else Refusal.GONE
    acting = viewer.roles & ACTS[act]
    about = SEES_ALL in acting or any(viewer.purposes.get(role, frozenset()) & set(facts.purposes) for role in acting)
    return None if about else Refusal.NOT_YOUR_ACT


def _own(viewer: Viewer, facts: Facts) -> bool:
    """Who is an agent is not shown a call of which nobody knows the agent: it may be his."""
    if not viewer.agents:
        return False
    return facts.agent is None or facts.agent.casefold() in {agent.casefold() for agent in viewer.agents}
