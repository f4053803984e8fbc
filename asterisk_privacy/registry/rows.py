"""What the registry hands out: frozen values, all times aware UTC. No peewee object leaves this room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from asterisk_privacy.call.commands import ConsentKind, Outcome
from asterisk_privacy.call.participants import Participant, agents_of
from asterisk_privacy.call.timeline import Mark, Span
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Basis
from asterisk_privacy.policy.retention import Criterion, Milestone
from asterisk_privacy.registry.case_rows import NOTHING, Circumstances
from asterisk_privacy.registry.checkpoint import Checkpoint


class WrongState(OperatorError):
    """The step does not fit the state of the call or recording (or it does not exist); nothing was changed."""


class Protected(WrongState):
    """A legal hold or a restriction forbids to delete it."""


class State(StrEnum):
    WRITING = "writing"
    SEALED = "sealed"
    PURGING = "purging"  # its deletion was decided; the file may or may not be there
    PURGED = "purged"  # the file is gone, evidence in hand
    ERASED = "erased"  # refused, objected or broken off before it was sealed


MAY_FOLLOW: Mapping[State, frozenset[State]] = {
    State.WRITING: frozenset({State.SEALED, State.ERASED}),
    State.SEALED: frozenset({State.PURGING}),
    State.PURGING: frozenset({State.PURGED}),
    State.PURGED: frozenset(),
    State.ERASED: frozenset(),
}
LIVING = (State.WRITING, State.SEALED, State.PURGING)


@dataclass(frozen=True, slots=True)
class KeptPurpose:
    """A purpose as it was promised when the recording took it on; later policy changes do not reach it."""

    name: str
    title: str
    basis: Basis
    reasoning: str
    criterion: Criterion
    added_at: datetime


@dataclass(frozen=True, slots=True)
class MilestoneNote:
    kind: Milestone
    at: datetime
    by: str
    note: str  # emptied when the recording is purged


@dataclass(frozen=True, slots=True)
class RestrictionRow:
    """GDPR art. 18: nobody listens but for the purposes excepted, and nothing deletes it."""

    recording_id: str
    at: datetime
    by: str
    reason: str
    except_for: tuple[str, ...]  # names of purposes for which it may still be listened to


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Of a person, and it stands in the way of deleting what it concerns. Who asks for a copy, or that it be kept, must not hear that it
    was just deleted."""

    id: int
    due: date

    @property
    def until(self) -> datetime:
        """From then on it stands in no way any more: its last day is over, in the office's time."""
        return datetime.combine(self.due + timedelta(days=1), time()).astimezone()


@dataclass(frozen=True, slots=True)
class RecordingRow:
    id: str
    call_id: str
    profile: str
    participants: tuple[Participant, ...]  # of its call: who spoke, and when
    state: State
    recorded_at: datetime
    sealed_at: datetime | None
    duration_ms: int | None
    size: int | None  # bytes of the encrypted file
    sha256: str | None  # of the encrypted file
    truncated: bool
    part: int
    purposes: tuple[KeptPurpose, ...]  # those that were objected to are not among them
    milestones: Mapping[Milestone, datetime]  # as retention looks at them: see effective_milestones()
    history: tuple[MilestoneNote, ...]
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    state_at: datetime
    state_reason: str
    evidence: str | None  # JSON of the shredding, once purged
    marked: bool = False  # it holds only what the agent marked; `spans` say so
    restriction: RestrictionRow | None = None  # the one in force
    circumstances: Circumstances = NOTHING  # its cases, legal holds, and whether it is a lesson
    deidentified: str | None = None  # how a person was taken out of it: customer-removed, voice-masked
    node: str | None = None  # on whose disk it is, or was last; None: there is one
    place: str | None = None  # the address of the bucket that it is in; None: on its node's disk, or never anywhere else
    objected: frozenset[str] = frozenset()  # names of purposes that somebody in it objected to, served or not, or that were taken from it
    tenant: str | None = None  # the company whose it is
    requests: tuple[OpenRequest, ...] = ()  # of persons, that stand in the way of its deletion until their last day is over

    @property
    def agents(self) -> tuple[str, ...]:
        """Endpoints of all who spoke as agents, in the order in which they came."""
        return agents_of(self.participants)


@dataclass(frozen=True, slots=True)
class ConsentNote:
    at: datetime
    kind: ConsentKind
    key: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class CallRow:
    id: str
    profile: str
    direction: str  # "in" or "out"
    begun_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    participants: tuple[Participant, ...]  # without the customer on whose channel it began
    customer_hash: str | None
    customer_sealed: bytes | None
    consent: tuple[ConsentNote, ...]
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    tenant: str | None = None  # whose line it was

    @property
    def agents(self) -> tuple[str, ...]:
        return agents_of(self.participants)


@dataclass(frozen=True, slots=True)
class PurgeRow:
    at: datetime
    planned: int
    deleted: int
    failed: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class AuditRow:
    seq: int  # 1, 2, 3 ... without a gap
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, str]
    hash: str
    chain: str = ""  # in which `seq` counts


@dataclass(frozen=True, slots=True)
class ChainReport:
    chain: str  # '': the first one
    entries: int
    head: str  # hash of the last
    ok: bool


@dataclass(frozen=True, slots=True)
class AuditReport:
    entries: int  # of all chains
    ok: bool
    first_bad: int | None  # seq of the first entry that cannot be trusted; None when the fault is not in an entry
    why: str
    faults: tuple[str, ...] = ()  # all that is wrong, one sentence each
    checkpoints: int = 0
    last_checkpoint: Checkpoint | None = None
    counted: int = 0  # entries of all chains that the last checkpoint counts
    since: int = 0  # entries that no checkpoint counts yet
    first_bad_chain: str = ""
    chains: tuple[ChainReport, ...] = ()


NO_MILESTONES: Mapping[Milestone, datetime] = {}


def effective_milestones(
    history: Iterable[MilestoneNote], of_cases: Mapping[Milestone, datetime] = NO_MILESTONES
) -> dict[Milestone, datetime]:
    """The latest review of a recording, the date that was given it last, and what its cases give (policy.cases). `history` is in the order
    in which it was written down."""
    notes = tuple(history)
    latest = {note.kind: note.at for note in sorted(notes, key=lambda n: n.at)}
    latest |= {note.kind: note.at for note in notes if note.kind == Milestone.DATE_GIVEN}
    return {**latest, **of_cases}
