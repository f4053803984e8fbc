"""Joins registry and store to the purger, which knows neither."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from functools import partial

from asterisk_privacy.daemon.config import Config, PurgerSettings
from asterisk_privacy.policy.evaluations import Calendar
from asterisk_privacy.policy.retention import Criterion
from asterisk_privacy.policy.words import Clause
from asterisk_privacy.registry.case_rows import Circumstances
from asterisk_privacy.registry.due import AGE_ONLY, NO_BORDERS, Borders, Candidate, Promised, PromiseSet
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import KeptPurpose, OpenRequest, Protected, RecordingRow, State
from asterisk_privacy.retention.border import border
from asterisk_privacy.retention.plan import Item, Promise
from asterisk_privacy.retention.purger import Forbidden, Purger
from asterisk_privacy.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about retention by now, beside what was promised to each recording."""

    purposes: Mapping[str, Criterion] = field(default_factory=dict)  # by name of the purpose
    calendar: Calendar = field(default_factory=Calendar)

    @classmethod
    def of(cls, config: Config) -> Rules:
        return cls({name: purpose.retention for name, purpose in config.book.purposes.items()}, config.evaluations.calendar)

    def today(self, purpose: KeptPurpose | Promised) -> Criterion | None:
        """None where the policy says what was promised, or nothing any more."""
        now = self.purposes.get(purpose.name)
        return None if now == purpose.criterion else now

    def evaluation(self, call: datetime, agents: Collection[str]) -> datetime | None:
        """None where the criterion's own default says the same."""
        return None if self.calendar == Calendar() else self.calendar.after(call, agents)


AS_PROMISED = Rules()


def make_purger(
    registry: Registry, vault: Vault, settings: PurgerSettings | None = None, rules: Rules = AS_PROMISED, here: bool = False
) -> Purger:
    """`here`: it compares only this node's disk with the rows, since another node has done that with the bucket. That one has also taken
    what was due, and millions need not be counted again."""
    settings = settings or PurgerSettings()
    rows = RegistryRows(registry, rules, here=here)
    return Purger(
        rows, OnDisk(vault) if here else vault, settings.brake_percent, settings.brake_at_least, registry.only_one, counts=not here
    )


def to_item(row: RecordingRow, rules: Rules = AS_PROMISED) -> Item:
    around = row.circumstances
    return Item(
        item_id=row.id,
        recorded_at=row.recorded_at,
        promises=tuple(Promise(purpose.title, purpose.criterion, rules.today(purpose), purpose.added_at) for purpose in row.purposes),
        milestones=row.milestones,
        blocks=blocks_of(row),
        court=around.court,
        evaluation=rules.evaluation(row.recorded_at, row.agents),
        lesson=None if around.lesson is None else around.lesson.until,
        waits=waits_of(row.requests),
    )


def blocks_of(row: RecordingRow) -> tuple[Clause, ...]:
    """What forbids to delete it: legal holds, a restriction."""
    return _blocks(row.circumstances, None if row.restriction is None else row.restriction.at)


def _blocks(circumstances: Circumstances, restricted_at: datetime | None) -> tuple[Clause, ...]:
    held = tuple(("held", hold.placed_by, hold.placed_at) for hold in circumstances.holds)
    return held if restricted_at is None else (*held, ("restricted", restricted_at))


def waits_of(requests: Iterable[OpenRequest]) -> tuple[tuple[datetime, Clause], ...]:
    """What is asked for is there until it was answered; but no longer than there is for the answer, or nobody would ever answer."""
    return tuple((one.until, ("asked-for", str(one.id), datetime.combine(one.due, time()))) for one in requests)


def latest_lesson(row: RecordingRow, rules: Rules) -> datetime | None:
    """Until when the promise of its day and the policy of today both allow it; the purpose that allows most decides."""
    allowed = []
    for purpose in row.purposes:
        limits = [criterion.lesson_limit() for criterion in (purpose.criterion, rules.today(purpose) or purpose.criterion)]
        if None not in limits:
            allowed.append(min(limit for limit in limits if limit is not None))
    return row.recorded_at + timedelta(days=max(allowed)) if allowed else None


class OnDisk:
    """A store whose bucket is not listed; a deletion still means both places."""

    def __init__(self, vault: Vault) -> None:
        self.shred, self.has, self.sealed = vault.shred, vault.has, vault.sealed_here
        self.unfinished, self.is_unfinished, self.half_shredded = vault.unfinished, vault.is_unfinished, vault.half_shredded


class RegistryRows:
    """`away`: in place of what this node can delete, what only these nodes could; to be looked at. `here`: `states` are those of what is on
    this node's disk."""

    def __init__(self, registry: Registry, rules: Rules = AS_PROMISED, away: Collection[str] = (), here: bool = False) -> None:
        self._registry = registry
        self._here = here
        self._away = away
        self._rules = rules
        self._own_calendar = rules.calendar != Calendar()

    def items(self) -> Iterator[Item]:
        return self._read({one.number: NO_BORDERS for one in self._registry.promise_sets()})

    def maybe_due(self, now: datetime) -> Iterator[Item]:
        borders: dict[Criterion, datetime] = {}
        return self._read({one.number: self._borders(one, now, borders) for one in self._registry.promise_sets()})

    def _read(self, borders: Mapping[int, Borders]) -> Iterator[Item]:
        """A chunk at a time, so that memory does not grow with the registry."""
        promises: dict[PromiseSet, tuple[Promise, ...]] = {}
        for candidate in self._registry.maybe_due(borders, self._own_calendar, self._away):
            if candidate.kept_for.unreadable is not None:
                yield Item(candidate.id, candidate.recorded_at, (), {}, unreadable=candidate.kept_for.unreadable)
                continue
            known = promises.get(candidate.kept_for)
            if known is None:
                known = promises[candidate.kept_for] = tuple(self._promise(promised) for promised in candidate.kept_for.promises)
            yield self._item(candidate, known)

    def _promise(self, promised: Promised) -> Promise:
        assert promised.criterion is not None, "what cannot be read is not judged"
        return Promise(promised.title, promised.criterion, self._rules.today(promised))

    def _item(self, candidate: Candidate, promises: tuple[Promise, ...]) -> Item:
        """As `to_item` makes it of the whole row."""
        evaluation = self._rules.evaluation(candidate.recorded_at, candidate.agents) if self._own_calendar else None
        own = candidate.own
        if own is AGE_ONLY:
            return Item(candidate.id, candidate.recorded_at, promises, own.milestones, evaluation=evaluation, found_due=candidate.found_due)
        if own.added:
            dated = zip(candidate.kept_for.promises, promises, strict=True)
            promises = tuple(replace(promise, promised_at=own.added.get(promised.name)) for promised, promise in dated)
        return Item(
            candidate.id,
            candidate.recorded_at,
            promises,
            own.milestones,
            _blocks(own.circumstances, own.restricted_at),
            own.circumstances.court,
            evaluation,
            None if own.circumstances.lesson is None else own.circumstances.lesson.until,
            waits=waits_of(own.requests),
            found_due=candidate.found_due,
        )

    def _borders(self, promised: PromiseSet, now: datetime, known: dict[Criterion, datetime]) -> Borders:
        """Of each promise the youngest of what was promised and what the policy says today; of all promises the oldest. `known` are borders
        of this night."""
        by_age, whatever = [], []
        for one in promised.promises:
            if one.criterion is None:
                return NO_BORDERS
            wordings = {one.criterion, self._rules.today(one) or one.criterion}
            for criterion in wordings - known.keys():
                known[criterion] = self._youngest(criterion, now)
            by_age.append(max(known[criterion] for criterion in wordings))
            if all(criterion.by_age_alone() for criterion in wordings):
                whatever.append(by_age[-1])
        return Borders(min(by_age, default=None), min(whatever, default=None))

    def _youngest(self, criterion: Criterion, now: datetime) -> datetime:
        """For every agent with dates of their own. A call of several ends with the first of their evaluations, so it is never younger than
        the youngest of theirs."""
        agents = ((), *((agent,) for agent in self._rules.calendar.agents))
        return max(border(criterion, now, partial(self._rules.evaluation, agents=one)) for one in agents)

    def count(self) -> int:
        return self._registry.sealed_count()

    def item(self, item_id: str) -> Item | None:
        row = self._registry.recording(item_id)
        return to_item(row, self._rules) if row is not None and row.state is State.SEALED else None

    def purging(self) -> Mapping[str, str]:
        return self._registry.purging()

    def states(self) -> Iterator[tuple[str, str]]:
        return ((recording_id, state.value) for recording_id, state in self._registry.soundness.files.states(self._here))

    def state(self, item_id: str) -> str | None:
        state = self._registry.state(item_id)
        return None if state is None else state.value

    def mark_purging(self, item_id: str, at: datetime, reason: str) -> None:
        try:
            self._registry.mark_purging(item_id, at, reason, unless_asked_for=True)
        except Protected as why:
            raise Forbidden(str(why)) from why

    def mark_purged(self, item_id: str, at: datetime, reason: str, evidence: str) -> None:
        self._registry.mark_purged(item_id, at, reason, evidence)

    def note_purge(self, at: datetime, planned: int, deleted: int, failed: int, dry_run: bool) -> None:
        self._registry.note_purge(at, planned, deleted, failed, dry_run)

    def note_found_due(self, ends: Sequence[tuple[str, datetime]]) -> None:
        self._registry.note_found_due(ends)

    def last_run(self) -> datetime | None:
        last = self._registry.last_purge()
        return None if last is None else last.at
