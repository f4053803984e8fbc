"""A case (complaint, escalation, court): what may happen to it in which order, and what it means for the recordings linked to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from asterisk_privacy.policy.facts import CourtCase, Milestone


class CaseKind(StrEnum):
    COMPLAINT = "complaint"
    ESCALATION = "escalation"
    COURT = "court"


class Step(StrEnum):
    """What happens to a case. Only a court case has the middle four; final is final, and needs no closing."""

    OPENED = "opened"
    DISCUSSED = "discussed"  # with the customer
    LODGED = "lodged"  # with the court; the criterion does not look at it
    JUDGMENT = "judgment"
    APPEAL = "appeal"
    FINAL = "final"
    CLOSED = "closed"
    REOPENED = "reopened"


EVENTS = (Step.DISCUSSED, Step.LODGED, Step.JUDGMENT, Step.APPEAL, Step.FINAL)
COURT_ONLY = frozenset({Step.LODGED, Step.JUDGMENT, Step.APPEAL, Step.FINAL})
OPENING = (Step.OPENED, Step.REOPENED)
_COURT_EVENTS = {
    Step.JUDGMENT: Milestone.JUDGMENT,
    Step.APPEAL: Milestone.APPEAL,
    Step.FINAL: Milestone.FINAL,
    Step.CLOSED: Milestone.FINAL,  # withdrawn or settled
}


@dataclass(frozen=True, slots=True)
class Case:
    """`steps` in the order in which they were written down: the first is OPENED, and what closes or reopens stands after it."""

    kind: CaseKind
    steps: tuple[tuple[Step, datetime], ...]

    @property
    def opened_at(self) -> datetime:
        """For the last time."""
        return next(at for step, at in reversed(self.steps) if step in OPENING)

    @property
    def closed_at(self) -> datetime | None:
        """Also a court case that is final is closed."""
        last = next((step_at for step_at in reversed(self.steps) if step_at[0] in (*OPENING, Step.CLOSED, Step.FINAL)), None)
        return last[1] if last is not None and last[0] in (Step.CLOSED, Step.FINAL) else None

    def happened(self, step: Step) -> datetime | None:
        """The latest such step since the case was last opened."""
        since = max((n for n, (kind, _) in enumerate(self.steps) if kind in OPENING), default=0)
        return max((at for kind, at in self.steps[since:] if kind is step), default=None)

    def in_court(self) -> CourtCase:
        """What was closed and reopened was not final."""
        since = max((n for n, (kind, _) in enumerate(self.steps) if kind in OPENING), default=0)
        counted = (
            (_COURT_EVENTS[step], at)
            for n, (step, at) in enumerate(self.steps)
            if step in _COURT_EVENTS and (step is not Step.CLOSED or n > since)
        )
        return CourtCase(tuple(counted))


def objection(case: Case, step: Step, at: datetime, now: datetime) -> str | None:
    """Why this cannot be written down of that case, in words that follow 'case K-1: '; None if it can."""
    closed, opened = case.closed_at, case.opened_at
    if at > now:
        return f"{at:%Y-%m-%d %H:%M} is still to come; write down what happened"
    if step in COURT_ONLY and case.kind is not CaseKind.COURT:
        return f"{step} is of a court case, and this is a case of kind {case.kind}; open a case of kind court for it"
    final = case.happened(Step.FINAL)
    if final is not None:
        return f"is final since {final:%Y-%m-%d} and stays so; what comes after that is a new case"
    if step is Step.REOPENED:
        if closed is None:
            return "is open already"
        return None if at >= closed else f"cannot be reopened on {at:%Y-%m-%d}, before it was closed ({closed:%Y-%m-%d})"
    if closed is not None:
        return f"is closed since {closed:%Y-%m-%d}; reopen it first"
    if at < opened:
        return f"{at:%Y-%m-%d} is before it was opened ({opened:%Y-%m-%d})"
    judgments = [moment for kind, moment in case.steps if kind is Step.JUDGMENT]
    if step is Step.APPEAL and not any(moment <= at for moment in judgments):
        return f"there is no judgment before {at:%Y-%m-%d} to appeal against; write the judgment down first"
    return None


def milestones_of(cases: Iterable[Case]) -> dict[Milestone, datetime]:
    """What all cases of one recording mean: as long as one is open none counts as closed, and as long as an open one was not discussed
    none counts as discussed."""
    cases = tuple(cases)
    if not cases:
        return {}
    found = {Milestone.CASE_OPENED: max(case.opened_at for case in cases)}
    closings = [closed for case in cases if (closed := case.closed_at) is not None]
    if len(closings) == len(cases):
        found[Milestone.CASE_CLOSED] = max(*closings, found[Milestone.CASE_OPENED])
    open_ones = [case for case in cases if case.closed_at is None]
    talks = [talk for case in cases if (talk := case.happened(Step.DISCUSSED)) is not None]
    if talks and all(case.happened(Step.DISCUSSED) is not None for case in open_ones):
        found[Milestone.DISCUSSED] = max(talks)
    return found


def court_of(cases: Sequence[Case]) -> tuple[CourtCase, ...]:
    return tuple(case.in_court() for case in cases if case.kind is CaseKind.COURT)
