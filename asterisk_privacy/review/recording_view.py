"""A recording as its page tells of it: only what is of the viewer's own purposes; the privacy officer is told all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import (
    SEES_ALL,
    Act,
    Facts,
    Refusal,
    Viewer,
    further_to_hear,
    objectionable,
    purposes_to_hear,
    why_not_do,
    why_not_hear,
)
from asterisk_privacy.call.timeline import Span, SpanKind
from asterisk_privacy.daemon.purging import latest_lesson, to_item
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.policy.cases import CaseKind
from asterisk_privacy.policy.words import say
from asterisk_privacy.registry.case_rows import HoldRow, LessonRow
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import ConsentNote, MilestoneNote, RecordingRow, RestrictionRow, State
from asterisk_privacy.registry.subjects import ListenRow
from asterisk_privacy.retention.plan import Planned, judge


@dataclass(frozen=True, slots=True)
class PurposeView:
    name: str
    title: str
    basis: str
    reasoning: str
    verdict: str  # until when, and why


@dataclass(frozen=True, slots=True)
class FurtherView:
    """What it was not made for, and may be heard for now."""

    name: str
    title: str
    made_for: str  # title
    because: str


@dataclass(frozen=True, slots=True)
class SpanView:
    kind: str  # a value of SpanKind; only "talk" is in the audio
    start_ms: int
    end_ms: int
    left: float  # per cent of the timeline
    width: float


@dataclass(frozen=True, slots=True)
class RecordingView:
    id: str
    line: str
    agents: str
    recorded_at: datetime
    duration_ms: int | None
    state: str
    state_reason: str
    state_at: datetime
    truncated: bool
    marked: bool
    purposes: tuple[PurposeView, ...]
    others: int  # purposes of other roles that it serves as well
    until: datetime | None  # at the latest, or when it ended
    due: bool  # the purger takes it next
    held: bool  # something keeps it, whatever is due
    why: tuple[str, ...]  # until when and why, a sentence each
    spans: tuple[SpanView, ...]
    timeline_ms: int
    consent: tuple[ConsentNote, ...]
    listens: tuple[ListenRow, ...]
    history: tuple[MilestoneNote, ...]
    cases: tuple[str, ...]
    holds: tuple[HoldRow, ...]
    lesson: LessonRow | None
    lesson_until: datetime | None  # the latest date that the policy allows; None: it cannot be a lesson
    restriction: RestrictionRow | None
    hear: tuple[tuple[str, str], ...]  # (name, title) of the purposes for which he may listen now
    further: tuple[FurtherView, ...]  # for which else, because the policy calls it compatible
    why_not: Refusal | None  # why for none
    acts: frozenset[Act]
    objectionable: tuple[tuple[str, str], ...]  # (name, title) of the purposes to which he may note an objection
    open_cases: tuple[str, ...]  # references to which it can be linked


def seen(desk: Desk, viewer: Viewer, row: RecordingRow, language: str) -> RecordingView:
    now, facts, registry = desk.now(), desk.facts(row), desk.registry
    everything = SEES_ALL in viewer.roles
    incidents = everything or Role.INCIDENT_HANDLER in viewer.roles
    mine = {p.name for p in row.purposes if everything or p.name in viewer.listens_for}
    own = mine | {use.made_for for use in facts.further if use.purpose in viewer.listens_for}
    book = desk.config.book.purposes
    titles = {p.name: p.title for p in row.purposes} | {use.purpose: book[use.purpose].title_in(language) for use in facts.further}
    judged = judge(to_item(row, desk.rules), now, language) if row.state in (State.WRITING, State.SEALED) else None
    call = registry.call(row.call_id)
    end = max((span.end_ms for span in row.spans), default=0)
    hear, further = purposes_to_hear(viewer, facts), further_to_hear(viewer, facts)
    acts = frozenset(act for act in Act if why_not_do(viewer, facts, act) is None)
    return RecordingView(
        id=row.id,
        line=row.profile,
        agents=", ".join(row.agents),
        recorded_at=row.recorded_at,
        duration_ms=row.duration_ms,
        state=row.state.value,
        state_reason=row.state_reason if everything else "",
        state_at=row.state_at,
        truncated=row.truncated,
        marked=row.marked,
        purposes=_purposes(row, judged, own, language),
        others=len(row.purposes) - len(own),
        until=None if judged is None else judged.due,
        due=judged is not None and judged.delete,
        held=judged is not None and judged.blocked,
        why=() if judged is None else _why(row, judged, own),
        spans=spans_of(row.spans),
        timeline_ms=end,
        consent=() if call is None else call.consent,
        listens=tuple(one for one in registry.listens(row.id) if everything or one.purpose in viewer.listens_for),
        history=row.history if everything or Act.REVIEWED in acts else (),
        cases=row.circumstances.cases if incidents else (),
        holds=row.circumstances.holds,
        lesson=row.circumstances.lesson,
        lesson_until=latest_lesson(row, desk.rules),
        restriction=row.restriction,
        hear=tuple((name, titles[name]) for name in hear),
        further=tuple(FurtherView(use.purpose, titles[use.purpose], titles[use.made_for], use.because) for use in further),
        why_not=None if hear or further else _why_not(viewer, facts),
        acts=acts,
        objectionable=tuple((name, titles[name]) for name in objectionable(viewer, facts) if name in mine or name not in facts.purposes),
        open_cases=_open_cases(registry, row) if Act.CASE in acts else (),
    )


def spans_of(spans: Sequence[Span]) -> tuple[SpanView, ...]:
    """With at least a third of a per cent for what would be too short to be seen."""
    end = max((span.end_ms for span in spans), default=0)
    if not end:
        return ()
    return tuple(
        SpanView(
            s.kind.value,
            s.start_ms,
            s.end_ms,
            round(s.start_ms * 100 / end, 3),
            round(max((s.end_ms - s.start_ms) * 100 / end, 0.0 if s.kind is SpanKind.TALK else 0.33), 3),
        )
        for s in spans
    )


CASE_KINDS = tuple(kind.value for kind in CaseKind)


def _purposes(row: RecordingRow, judged: Planned | None, own: set[str], language: str) -> tuple[PurposeView, ...]:
    says: list[str] = [purpose.criterion.in_words(language) for purpose in row.purposes]
    if judged is not None and row.purposes:  # what blocks the deletion stands in front
        says = [say(clause, language) for _, clause in judged.clauses[-len(row.purposes) :]]
    return tuple(
        PurposeView(p.name, p.title, p.basis.value, p.reasoning, words)
        for p, words in zip(row.purposes, says, strict=True)
        if p.name in own
    )


def _why(row: RecordingRow, judged: Planned, own: set[str]) -> tuple[str, ...]:
    mine = {p.title for p in row.purposes if p.name in own}
    told = ((title, say(clause, judged.language)) for title, clause in judged.clauses)
    return tuple(f"{title}: {words}" if title else words for title, words in told if not title or title in mine)


def _why_not(viewer: Viewer, facts: Facts) -> Refusal | None:
    """The best reason: the one that stands in the way of a purpose that is his."""
    order: Callable[[str], bool] = lambda name: name not in viewer.listens_for  # noqa: E731
    for name in sorted((*facts.purposes, *facts.ended, *(use.purpose for use in facts.further)), key=order):
        return why_not_hear(viewer, facts, name)
    return Refusal.NOT_SERVED if facts.state == State.SEALED.value else Refusal.GONE


def _open_cases(registry: Registry, row: RecordingRow) -> tuple[str, ...]:
    return tuple(case.reference for case in registry.cases() if case.closed_at is None and row.id not in case.recordings)
