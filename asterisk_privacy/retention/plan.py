"""Which recordings go, which stay, and why. Pure: rows and the time in, a reason per recording out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from asterisk_privacy.policy.retention import CourtCase, Criterion, Facts, Milestone
from asterisk_privacy.policy.words import Clause, say


@dataclass(frozen=True, slots=True)
class Promise:
    """A purpose as far as retention cares: its words and what ends it."""

    title: str
    criterion: Criterion
    today: Criterion | None = None  # what the policy says by now, if that is something else
    promised_at: datetime | None = None  # None: when it was recorded

    def verdict(self, facts: Facts, now: datetime) -> tuple[bool, datetime, Clause]:
        """Ended, end and words. A recording keeps the promise of its day, unless the policy of today ends it earlier."""
        kept = self.criterion.verdict(facts, now)
        if self.today is None or self.today == self.criterion:
            return kept.ended, kept.ends_at, kept.clause
        stricter = self.today.verdict(facts, now)
        if stricter.ends_at < kept.ends_at:
            return stricter.ended, stricter.ends_at, ("stricter-now", stricter.clause)
        return kept.ended, kept.ends_at, ("as-promised", kept.clause, self.promised_at or facts.recorded_at)


@dataclass(frozen=True, slots=True)
class Item:
    item_id: str
    recorded_at: datetime
    promises: tuple[Promise, ...]
    milestones: Mapping[Milestone, datetime]
    blocks: tuple[Clause, ...] = ()  # what forbids its deletion, whatever its purposes say
    court: tuple[CourtCase, ...] = ()
    evaluation: datetime | None = None  # begin of the day of the agent's next one after the call; None: the next quarter's
    lesson: datetime | None = None  # until when a person decided to keep it for learning


@dataclass(frozen=True, slots=True)
class Planned:
    item_id: str
    delete: bool
    due: datetime  # when the last of its purposes ended, or ends at the latest as things stand
    clauses: tuple[tuple[str, Clause], ...]  # title and verdict of each purpose
    language: str = "en"
    blocked: bool = False  # a legal hold or a restriction keeps it, whatever is due

    @property
    def reason(self) -> str:
        """One clause for each purpose. Said when asked for: of a million planned recordings few are told about."""
        return "; ".join(f"{title}: {text}" if title else text for title, text in self._said())

    def _said(self) -> Iterator[tuple[str, str]]:
        for title, clause in self.clauses:
            yield title, say(clause, self.language)


@dataclass(frozen=True, slots=True)
class Plan:
    items: tuple[Planned, ...]  # the longest due first
    braked: bool  # too much at once for an ordinary night: a person should look first
    total: int  # of all that is kept, also of what was not judged because it cannot be due

    @property
    def deletions(self) -> tuple[Planned, ...]:
        return tuple(planned for planned in self.items if planned.delete)


def judge(item: Item, now: datetime, language: str = "en") -> Planned:
    """A recording goes when *all* its purposes ended, and stays while any lives, or while something blocks its
    deletion. One without a purpose has nothing to stay for."""
    blocks = tuple(("", block) for block in item.blocks)
    if not item.promises:
        return Planned(item.item_id, not blocks, min(item.recorded_at, now), (*blocks, ("", ("no-purpose",))), language, bool(blocks))
    facts = Facts(item.recorded_at, item.milestones, item.court, item.evaluation, item.lesson)
    verdicts = [(promise.title, promise.verdict(facts, now)) for promise in item.promises]
    return Planned(
        item_id=item.item_id,
        delete=not blocks and all(ended for _, (ended, _, _) in verdicts),
        due=max(ends_at for _, (_, ends_at, _) in verdicts),
        clauses=(*blocks, *((title, clause) for title, (_, _, clause) in verdicts)),
        language=language,
        blocked=bool(blocks),
    )


def plan(
    rows: Iterable[Item], now: datetime, brake_percent: int, brake_at_least: int, language: str = "en", total: int | None = None
) -> Plan:
    """The brake trips when at least `brake_at_least` go *and* they are more than `brake_percent` of all: of `total`, if it is given.
    Then `rows` are only those that can be due, and the plan holds only what goes."""
    judged = (judge(item, now, language) for item in rows)
    wanted = judged if total is None else (planned for planned in judged if planned.delete)
    items = tuple(sorted(wanted, key=lambda planned: (planned.due, planned.item_id)))
    going = sum(planned.delete for planned in items)
    if total is None:
        total = len(items)
    return Plan(items, going >= brake_at_least and exceeds(going, total, brake_percent), total)


def exceeds(part: int, whole: int, percent: int) -> bool:
    """Whether `part` is more than `percent` of `whole`; exactly that many is not."""
    return part * 100 > percent * whole
