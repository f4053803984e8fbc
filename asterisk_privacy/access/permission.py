"""Who may see, hear and do what, and why not (R22). Pure: a viewer and what is known of a recording go in, a refusal or None comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from asterisk_privacy.call.participants import same_endpoint
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.policy.further import FurtherUse


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
    """What can be done with a recording, besides hearing it."""

    REVIEWED = "reviewed"
    LESSON = "lesson"
    DATE = "date"  # giving it a date of its own, which a purpose waits for
    CASE = "case"  # linking it to a case, and taking it off
    OBJECTION = "objection"
    COPY = "copy"  # for the person whose voice is in it
    ERASE = "erase"
    RESTRICT = "restrict"
    HOLD = "hold"  # placing a legal hold, and releasing it


class Standing(StrEnum):
    """On what somebody acts."""

    ACCOUNT = "account"
    ROOT = "root"  # without an account: nothing here can keep root from anything, so it says why, and the audit trail tells
    DISABLED = "disabled"  # an account that may do nothing, and look at nothing
    NOBODY = "nobody"  # a user of the machine without an account, such as the recorder's own


class Refusal(StrEnum):
    """Keys of review/texts_*.py, behind "refusal-"."""

    NO_ACCOUNT = "no-account"
    UNKNOWN = "unknown"  # there is none, or nobody may know that there is
    OWN = "own"  # R22: nobody reviews his own; seeing it would also tell him which of his calls chance picked (R7)
    GONE = "gone"
    NOT_SEALED = "not-sealed"
    NOT_SERVED = "not-served"  # the recording does not serve this purpose
    ENDED = "ended"  # it did, and another purpose keeps it now
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
    Act.DATE: frozenset({Role.REVIEWER, Role.INCIDENT_HANDLER, Role.PRIVACY_OFFICER}),
    Act.CASE: frozenset({Role.INCIDENT_HANDLER}),
    Act.OBJECTION: frozenset({Role.REVIEWER, Role.INCIDENT_HANDLER, Role.PRIVACY_OFFICER}),
    Act.COPY: frozenset({Role.PRIVACY_OFFICER}),
    Act.ERASE: frozenset({Role.PRIVACY_OFFICER}),
    Act.RESTRICT: frozenset({Role.PRIVACY_OFFICER}),
    Act.HOLD: frozenset({Role.PRIVACY_OFFICER}),
}
OF_THE_OFFICER = frozenset({Act.COPY, Act.ERASE, Act.RESTRICT, Act.HOLD})
"""About every recording, whatever it serves. Which state it must be in, the act itself says."""
SEES_ALL = Role.PRIVACY_OFFICER  # the facts, for the requests of persons; listening is another matter


@dataclass(frozen=True, slots=True)
class Viewer:
    """`purposes`: for which each of his roles may listen. `agents`: the endpoints that he is, such as PJSIP/anna."""

    name: str
    roles: frozenset[Role]
    purposes: Mapping[Role, frozenset[str]]
    agents: frozenset[str] = frozenset()
    standing: Standing = Standing.ACCOUNT

    @classmethod
    def root(cls, name: str) -> Viewer:
        """Without an account: every role, for whatever a recording serves. A legal hold names people, so it is for root too."""
        return cls(name, frozenset(Role), {}, standing=Standing.ROOT)

    @classmethod
    def without_rights(cls, name: str, standing: Standing) -> Viewer:
        return cls(name, frozenset(), {}, standing=standing)

    @property
    def unknown(self) -> bool:
        """Nobody who could be allowed anything by a role."""
        return self.standing in (Standing.NOBODY, Standing.DISABLED)

    @property
    def listens_for(self) -> frozenset[str]:
        return frozenset().union(*(self.purposes.get(role, frozenset()) for role in self.roles))


@dataclass(frozen=True, slots=True)
class Facts:
    """A recording as far as permission cares. `purposes`: those that still keep it; `ended`: those that did. `listeners`: of each legal
    hold in force. `excepted`: None where nothing restricts it. `further`: what it was not made for, and may be heard for nevertheless."""

    state: str
    agents: tuple[str, ...]  # all who spoke in its call
    purposes: tuple[str, ...]
    listeners: tuple[frozenset[str], ...] = ()
    excepted: frozenset[str] | None = None
    further: tuple[FurtherUse, ...] = ()
    ended: tuple[str, ...] = ()


def may_open(viewer: Viewer, page: Page) -> bool:
    return bool(viewer.roles & MENU[page])


def home(viewer: Viewer) -> Page | None:
    """The first page of the menu that is his."""
    return next((page for page in Page if may_open(viewer, page)), None)


def why_not_open(viewer: Viewer, page: Page) -> Refusal | None:
    """For what is about no recording: a case, a hold, a person's request."""
    if viewer.unknown:
        return Refusal.NO_ACCOUNT
    return None if may_open(viewer, page) else Refusal.NOT_YOUR_ACT


def why_not_know(viewer: Viewer, facts: Facts) -> Refusal | None:
    """By a command. An account binds whose it is; who has none and can read the registry all the same runs this machine."""
    return None if viewer.standing is Standing.NOBODY else why_not_see(viewer, facts)


def why_not_see(viewer: Viewer, facts: Facts) -> Refusal | None:
    """Whether he may know that it exists. What served his purposes and is gone he may not either, nor what others keep and his purposes no
    longer: nothing is left to review."""
    if is_own(viewer, facts):
        return Refusal.OWN
    if SEES_ALL in viewer.roles:
        return None
    known = viewer.listens_for & {*_opening(viewer, facts), *(use.purpose for use in facts.further)}
    return None if known else Refusal.UNKNOWN


def why_not_hear(viewer: Viewer, facts: Facts, purpose: str) -> Refusal | None:
    """For this purpose, at this moment: one of its own, or one that its own are compatible with."""
    if viewer.unknown:
        return Refusal.NO_ACCOUNT
    unseen = why_not_see(viewer, facts)
    if unseen is not None:
        return unseen
    if facts.state != "sealed":
        return Refusal.NOT_SEALED if facts.state == "writing" else Refusal.GONE
    own = purpose in _opening(viewer, facts)
    if not own and further_use(facts, purpose) is None:
        return Refusal.ENDED if purpose in facts.ended else Refusal.NOT_SERVED
    if viewer.standing is Standing.ROOT and not own:
        return Refusal.NO_ACCOUNT  # what it was not made for is heard by whose role listens for that
    if viewer.standing is not Standing.ROOT and purpose not in viewer.listens_for:
        return Refusal.NOT_YOURS
    if facts.excepted is not None and (not own or purpose not in facts.excepted):
        return Refusal.RESTRICTED  # what is excepted is what it was made for
    if any(viewer.name not in named for named in facts.listeners):
        return Refusal.HELD
    return None


def purposes_to_hear(viewer: Viewer, facts: Facts) -> tuple[str, ...]:
    """What it was made for; this alone puts a recording before somebody."""
    return tuple(purpose for purpose in _opening(viewer, facts) if why_not_hear(viewer, facts, purpose) is None)


def further_to_hear(viewer: Viewer, facts: Facts) -> tuple[FurtherUse, ...]:
    return tuple(use for use in facts.further if why_not_hear(viewer, facts, use.purpose) is None)


def further_use(facts: Facts, purpose: str) -> FurtherUse | None:
    return next((use for use in facts.further if use.purpose == purpose), None)


def told_of(facts: Facts | None, purpose: str) -> dict[str, str]:
    """What the audit row of a listen says beside its purpose, where the recording was not made for that."""
    use = None if facts is None else further_use(facts, purpose)
    return {} if use is None else {"compatible_with": use.made_for, "because": use.because}


def why_not_do(viewer: Viewer, facts: Facts, act: Act) -> Refusal | None:
    """A role writes down only what its own purposes are about; the privacy officer's word is about all. For whom it is only compatible
    with his own he ends and prolongs nothing: he may note that somebody objects to just that."""
    if viewer.unknown:
        return Refusal.NO_ACCOUNT
    if act in OF_THE_OFFICER:
        return _why_not_officer(viewer, facts, act)
    unseen = why_not_see(viewer, facts)
    if unseen is not None:
        return unseen
    if facts.state != "sealed":
        return Refusal.NOT_SEALED if facts.state == "writing" else Refusal.GONE
    about = _about(viewer, facts, act) or (act is Act.OBJECTION and bool(objectionable(viewer, facts)))
    return None if about else Refusal.NOT_YOUR_ACT


def _why_not_officer(viewer: Viewer, facts: Facts, act: Act) -> Refusal | None:
    """A person's copy is made whether or not the recording is restricted, and under a legal hold by whom that names."""
    if is_own(viewer, facts):
        return Refusal.OWN
    if not viewer.roles & ACTS[act]:
        return Refusal.NOT_YOUR_ACT
    held = act is Act.COPY and any(viewer.name not in named for named in facts.listeners)
    return Refusal.HELD if held else None


def objectionable(viewer: Viewer, facts: Facts) -> tuple[str, ...]:
    """The purposes, its own and others, to which he may note an objection."""
    further = tuple(use.purpose for use in facts.further)
    if _about(viewer, facts, Act.OBJECTION):
        return (*facts.purposes, *facts.ended, *further)
    return tuple(purpose for purpose in further if purpose in _of(viewer, Act.OBJECTION))


def _opening(viewer: Viewer, facts: Facts) -> tuple[str, ...]:
    """Only what still keeps a recording opens it; another purpose that keeps the file opens it for that one alone. Under a legal hold it is
    kept for a claim, whatever has ended: whom every hold names may hear it for what it was made for."""
    named = bool(facts.listeners) and all(viewer.name in listeners for listeners in facts.listeners)
    return (*facts.purposes, *facts.ended) if named else facts.purposes


def _about(viewer: Viewer, facts: Facts, act: Act) -> bool:
    return viewer.standing is Standing.ROOT or SEES_ALL in viewer.roles & ACTS[act] or bool(_of(viewer, act) & set(facts.purposes))


def _of(viewer: Viewer, act: Act) -> frozenset[str]:
    """The purposes of those of his roles that may do it."""
    return frozenset().union(*(viewer.purposes.get(role, frozenset()) for role in viewer.roles & ACTS[act]))


def is_own(viewer: Viewer, facts: Facts) -> bool:
    """A call is theirs who spoke in it, however short. Who is an agent is not shown a call of which nobody knows any agent: it may be
    theirs."""
    if not viewer.agents:
        return False
    return not facts.agents or any(same_endpoint(one, mine) for one in facts.agents for mine in viewer.agents)
