"""What the registry hands out about cases, legal holds and lessons: frozen values, all times aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from asterisk_privacy.policy.cases import Case, CaseKind, Step
from asterisk_privacy.policy.facts import CourtCase, Milestone


@dataclass(frozen=True, slots=True)
class CaseNote:
    step: Step
    at: datetime
    by: str
    note: str  # emptied when the case is closed and none of its recordings is left


@dataclass(frozen=True, slots=True)
class CaseRow:
    id: int
    kind: CaseKind
    reference: str  # unique; the number in the office's own system
    opened_at: datetime
    reopened_at: datetime | None
    closed_at: datetime | None  # also when it became final
    history: tuple[CaseNote, ...]  # in the order in which it was written down
    recordings: tuple[str, ...]  # ids, also of those that are gone

    @property
    def case(self) -> Case:
        return Case(self.kind, tuple((note.step, note.at) for note in self.history))


@dataclass(frozen=True, slots=True)
class HoldRow:
    id: int
    recording_id: str | None  # of one recording,
    case: str | None  # or of every recording linked to the case with this reference
    placed_at: datetime
    placed_by: str
    reason: str
    listeners: tuple[str, ...]  # who may listen meanwhile
    released_at: datetime | None
    released_by: str | None
    release_reason: str | None


@dataclass(frozen=True, slots=True)
class LessonRow:
    until: datetime
    at: datetime
    by: str
    reason: str  # emptied when the recording is purged


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What cases, holds and lessons mean for one recording."""

    cases: tuple[str, ...] = ()  # references
    milestones: Mapping[Milestone, datetime] = field(default_factory=dict)
    court: tuple[CourtCase, ...] = ()
    holds: tuple[HoldRow, ...] = ()  # those in force, the oldest first
    lesson: LessonRow | None = None  # the latest decision


NOTHING = Circumstances()
