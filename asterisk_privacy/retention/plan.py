"""Which recordings go, which stay, and why. Pure: rows and the time in, a reason per recording out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from asterisk_privacy.policy.retention import Criterion, Facts, Milestone


@dataclass(frozen=True, slots=True)
class Promise:
    """A purpose as far as retention cares: its words and what ends it."""

    title: str
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class Item:
    item_id: str
    recorded_at: datetime
    promises: tuple[Promise, ...]
    milestones: Mapping[Milestone, datetime]


@dataclass(frozen=True, slots=True)
class Planned:
    item_id: str
    delete: bool
    due: datetime  # when the last of its purposes ended, or ends at the latest as things stand
    reason: str  # one clause for each purpose


@dataclass(frozen=True, slots=True)
class Plan:
    items: tuple[Planned, ...]  # the longest due first
    braked: bool  # too much at once for an ordinary night: a person should look first

    @property
    def deletions(self) -> tuple[Planned, ...]:
        return tuple(planned for planned in self.items if planned.delete)


def judge(item: Item, now: datetime) -> Planned:
    """A recording goes when *all* its purposes ended, and stays while any lives. One without a purpose has nothing to stay for."""
    if not item.promises:
        return Planned(item.item_id, True, min(item.recorded_at, now), "it serves no purpose any more")
    facts = Facts(item.recorded_at, item.milestones)
    verdicts = [(promise.title, promise.criterion.verdict(facts, now)) for promise in item.promises]
    return Planned(
        item_id=item.item_id,
        delete=all(verdict.ended for _, verdict in verdicts),
        due=max(verdict.ends_at for _, verdict in verdicts),
        reason="; ".join(f"{title}: {verdict.reason}" for title, verdict in verdicts),
    )


def plan(rows: Iterable[Item], now: datetime, brake_percent: int, brake_at_least: int) -> Plan:
    """The brake trips when at least `brake_at_least` go *and* they are more than `brake_percent` of all."""
    items = tuple(sorted((judge(item, now) for item in rows), key=lambda planned: (planned.due, planned.item_id)))
    going = sum(planned.delete for planned in items)
    return Plan(items, braked=going >= brake_at_least and exceeds(going, len(items), brake_percent))


def exceeds(part: int, whole: int, percent: int) -> bool:
    """Whether `part` is more than `percent` of `whole`; exactly that many is not."""
    return part * 100 > percent * whole
