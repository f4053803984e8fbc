"""Which recordings go, which stay, and why. Pure: rows and the time in, a reason per recording out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from asterisk_privacy.policy.retention import CourtCase, Criterion, Facts, Milestone
from asterisk_privacy.policy.words import Clause, say

Clauses = tuple[tuple[str, Clause], ...]
DIFFERENT = 1000  # reasons of a night that are remembered
NO_PURPOSE: Clause = ("no-purpose",)
SEVERAL_DAYS = timedelta(hours=36)
"""Ends further apart are of more than one day, also where the purger ran some hours late."""


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
    unreadable: str | None = None  # the purpose of which nobody can read what was promised; then nobody can say when it ends
    waits: tuple[tuple[datetime, Clause], ...] = ()  # what forbids its deletion until that moment, and no longer
    found_due: datetime | None = None  # its end, as a run found it that let it lie: held, or its deletion failed


@dataclass(frozen=True, slots=True)
class Planned:
    item_id: str
    delete: bool
    due: datetime  # when the last of its purposes ended, or ends at the latest as things stand
    clauses: Clauses  # title and verdict of each purpose
    language: str = "en"
    blocked: bool = False  # a legal hold, a restriction or an open request keeps it, whatever is due
    known: bool = False  # an earlier run found it due, as it is now

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
    held: int = 0  # of these: due, but for what blocks their deletion
    unjudged: tuple[Planned, ...] = ()  # nobody can read what was promised of them
    newly_held: tuple[tuple[str, datetime], ...] = ()  # due for the first time and held: with their ends

    @property
    def deletions(self) -> tuple[Planned, ...]:
        return tuple(planned for planned in self.items if planned.delete)


def judge(item: Item, now: datetime, language: str = "en", same: Callable[[Clauses], Clauses] = lambda clauses: clauses) -> Planned:
    """A recording goes when *all* its purposes ended, and stays while any lives, or while something blocks its
    deletion. One without a purpose has nothing to stay for. `same` may give back equal words that are in memory already."""
    if item.unreadable is not None:
        return Planned(item.item_id, False, max(item.recorded_at, now), (("", ("unreadable", item.unreadable)),), language, True)
    blocks = (*item.blocks, *(clause for until, clause in item.waits if now < until))
    blocked = bool(blocks)
    clauses: list[tuple[str, Clause]] = [("", block) for block in blocks]
    if not item.promises:
        known = _known(item, min(item.recorded_at, now))
        return Planned(item.item_id, not blocked, min(item.recorded_at, now), (*clauses, ("", NO_PURPOSE)), language, blocked, known)
    facts = _facts(item)
    all_ended, due = True, item.recorded_at
    for promise in item.promises:
        ended, ends_at, clause = promise.verdict(facts, now)
        all_ended, due = all_ended and ended, max(due, ends_at)
        clauses.append((promise.title, clause))
    return Planned(item.item_id, all_ended and not blocked, due, same(tuple(clauses)), language, blocked, _known(item, due))


def _known(item: Item, due: datetime) -> bool:
    return item.found_due is not None and due <= item.found_due


def living(item: Item, now: datetime) -> tuple[bool, ...]:
    """For each promise whether it still keeps the recording, by itself."""
    facts = _facts(item)
    return tuple(not promise.verdict(facts, now)[0] for promise in item.promises)


def _facts(item: Item) -> Facts:
    return Facts(item.recorded_at, item.milestones, item.court, item.evaluation, item.lesson)


def plan(
    rows: Iterable[Item],
    now: datetime,
    brake_percent: int,
    brake_at_least: int,
    language: str = "en",
    total: int | Callable[[int], int] | None = None,
) -> Plan:
    """The brake trips when at least `brake_at_least` go *and* they are more than `brake_percent` of all: of `total`, if it is given, or of
    what it says once it is known how many go. Then `rows` are only those that can be due, and the plan holds only what goes."""
    same, held, items, unjudged, newly_held = _Same(), 0, [], [], []
    for item in rows:
        planned = judge(item, now, language, same)
        if planned.blocked and planned.due <= now:
            held += 1
            if not planned.known and item.unreadable is None:
                newly_held.append((planned.item_id, planned.due))
        if item.unreadable is not None:
            unjudged.append(planned)
        if total is None or planned.delete:
            items.append(planned)
    items.sort(key=attrgetter("item_id"))
    items.sort(key=attrgetter("due"))  # one after the other: a pair as the key of each of a million is 70 MB
    going = sum(planned.delete for planned in items)
    if total is None:
        total = len(items)
    elif not isinstance(total, int):
        total = total(going)
    braked = going >= brake_at_least and exceeds(going, total, brake_percent)
    return Plan(tuple(items), braked, total, held, tuple(unjudged), tuple(newly_held))


def all_of_several_days(made: Plan, last_run: datetime | None) -> bool:
    """Whether nothing would be left, and not because a day has passed: a run before this one (`last_run`) did not find due what ends
    before it, so the policy, the calendar or the clock is another one now. However few there are. A store whose recordings all end in
    the ordinary way, on one day or since the last run, is emptied; so is what was objected to, and what an earlier run found due and let
    lie: it was held then, or its deletion failed."""
    if len(made.deletions) + made.held < made.total:
        return False
    ends = [planned.due for planned in made.deletions if ("", NO_PURPOSE) not in planned.clauses and not planned.known]
    surprising = last_run is None or any(end < last_run for end in ends)
    return bool(ends) and surprising and max(ends) - min(ends) > SEVERAL_DAYS


class _Same:
    """Of many recordings of one night most go for one of a few reasons: each is in memory once."""

    def __init__(self) -> None:
        self._known: dict[Clauses, Clauses] = {}

    def __call__(self, clauses: Clauses) -> Clauses:
        return self._known.setdefault(clauses, clauses) if len(self._known) < DIFFERENT else self._known.get(clauses, clauses)


def exceeds(part: int, whole: int, percent: int) -> bool:
    """Whether `part` is more than `percent` of `whole`; exactly that many is not."""
    return part * 100 > percent * whole
