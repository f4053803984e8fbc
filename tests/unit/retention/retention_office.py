"""A registry in which one of each thing happened, and whether the quick plan over it is the full plan, night after night."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.daemon.purging import RegistryRows, Rules, to_item
from asterisk_privacy.policy.cases import Step
from asterisk_privacy.policy.evaluations import Calendar
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import (
    AnyOf,
    Criterion,
    Days,
    Milestone,
    UntilCaseClosed,
    UntilCourtFinal,
    UntilDiscussed,
    UntilEvaluation,
    UntilReviewed,
)
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.retention.plan import plan

BEGIN = datetime(2028, 2, 20, 9, tzinfo=UTC)  # before a leap day and the night of summer time
ANNA, PIET = "PJSIP/anna", "PJSIP/piet"
RULES = Rules(
    {"shorter": Days(10), "longer": Days(90), "by-review": UntilReviewed(90), "was-review": Days(40)},
    Calendar(agents={ANNA: [date(2028, 3, 2), date(2028, 5, 20)]}),
)
NIGHTS = [BEGIN + timedelta(days=day, hours=hours) for day in range(0, 130, 5) for hours in (0,)]


def at(day: float) -> datetime:
    return BEGIN + timedelta(days=day)


class Office:
    def __init__(self, path: Path, without: str | None = None) -> None:
        """`without` this trigger."""
        Registry.open(path).close()
        if without is not None:
            with sqlite3.connect(path) as db:
                db.execute(f"DROP TRIGGER {without}")
        self.registry = Registry.open(path, clock=lambda: at(999))
        self._made = 0
        with self.registry._engine.change() as db:  # all in one transaction: quick
            self._all()
            row = "('bare', 'bare', 1, 'sealed', 0, 0, '')"  # without a purpose: no way of the registry leads there
            db.execute_sql("INSERT INTO calls (id, profile, direction, begun_at) VALUES ('bare', 'sales', 'in', 0)")
            db.execute_sql(f"INSERT INTO recordings (id, call_id, part, state, recorded_at, state_at, state_reason) VALUES {row}")

    def _record(self, purposes: dict[str, Criterion], day: float = 0, *agents: str) -> str:
        self._made += 1
        recording, moment = f"{self._made:032x}", at(day)
        self.registry.begin_call(recording, "sales", moment, None, None, "in")
        self.registry.begin_recording(recording, recording, moment, [_purpose(*one) for one in purposes.items()], 1)
        self.registry.seal_recording(recording, moment, 11, "ab" * 32, 1000, False)
        self.registry.end_call(recording, moment, "kept", [Participant.agent(agent) for agent in agents or (PIET,)], (), ())
        return recording

    def _case(self, kind: str, recording: str, steps: Sequence[tuple[Step, float]], opened: float = 5) -> str:
        reference = f"C-{recording[-4:]}"
        self.registry.open_case(kind, reference, at(opened), "anna")
        self.registry.link_case(reference, recording, at(opened), "anna")
        for step, day in steps:
            self.registry.case_step(reference, step, at(day), "anna")
        return reference

    def _all(self) -> None:
        registry = self.registry
        for day in range(0, 60, 19):
            self._record({"a": Days(30)}, day)
            self._record({"a": Days(30), "b": UntilReviewed(60, 3)}, day)
            self._record({"e": UntilEvaluation(80, 1)}, day, ANNA if day % 2 else PIET)
            self._record({"e": UntilEvaluation(80, 1)}, day, PIET, ANNA)  # passed on: the earlier of their evaluations
            for name, criterion in (
                ("shorter", Days(30)),
                ("longer", Days(30)),
                ("by-review", Days(30)),
                ("was-review", UntilReviewed(60)),
            ):
                self._record({name: criterion}, day)
        for promises in (
            {"r": UntilReviewed(60)},
            {"a": Days(30)},
            {"by-review": Days(30)},
            {"was-review": UntilReviewed(60)},
            {"f": AnyOf(70, (UntilReviewed(70, 2), Days(50)))},
            {"l": UntilReviewed(35, 0, 200)},
        ):
            registry.milestone(self._record(promises, 1), Milestone.REVIEWED, at(6), "anna")
        for until in (3, 100):
            registry.lesson(self._record({"l": UntilReviewed(35, 0, 200)}), at(until), at(2), "anna", "good")
        closed = UntilCaseClosed(100, 2, 30)
        self._case("complaint", self._record({"c": closed}), [])
        self._case("complaint", self._record({"c": closed}), [(Step.CLOSED, 12)])
        self._case("complaint", self._record({"c": closed}), [(Step.CLOSED, 12), (Step.REOPENED, 20), (Step.CLOSED, 61)])
        self._case("escalation", self._record({"d": UntilDiscussed(90, 1)}), [(Step.DISCUSSED, 9)])
        self._case("court", self._record({"k": UntilCourtFinal(120, 0, 20, 10)}), [(Step.JUDGMENT, 30)])
        held = self._record({"a": Days(20)})
        registry.place_hold(at(1), "lawyer", "claim", ["lawyer"], recording_id=held)
        registry.place_hold(at(6), "lawyer", "claim", ["lawyer"], case=self._case("complaint", self._record({"a": Days(20)}), []))
        released = registry.place_hold(at(1), "lawyer", "claim", ["lawyer"], recording_id=self._record({"a": Days(20)}))
        registry.release_hold(released.id, at(50), "lawyer", "settled")
        registry.restrict(self._record({"a": Days(20)}), at(1), "contested")
        for promises in ({"x": Days(300)}, {"x": Days(300), "a": Days(30)}):
            registry.withdraw_purpose(self._record(promises), "x", at(3), "objected")
        registry.add_purpose(self._record({"a": Days(20)}), _purpose("longer", Days(60)), at(4))

    def differences(self) -> Iterator[str]:
        """Of the quick plan and the explained plan from the plan over whole rows; all three are to say the same in the same words."""
        rows = RegistryRows(self.registry, RULES)
        items = [to_item(row, RULES) for row in self.registry.recordings(state=State.SEALED)]
        for now in (*NIGHTS, at(30), at(30) - timedelta(milliseconds=1)):
            quick, full = plan(rows.maybe_due(now), now, 100, 1, total=rows.count()), plan(items, now, 100, 1)
            if [(p.item_id, p.due, p.reason) for p in quick.items] != [(p.item_id, p.due, p.reason) for p in full.deletions]:
                yield f"{now:%Y-%m-%d %H:%M}: the quick plan is another"
            told = plan(rows.items(), now, 100, 1)
            if [(p, p.reason) for p in told.items] != [(p, p.reason) for p in full.items]:
                yield f"{now:%Y-%m-%d %H:%M}: the explained plan is another"


def unreadable(path: Path) -> bool:
    """Whether a recording of which a newer version wrote the promise stays, and is told."""
    with Registry.open(path) as registry:
        registry.begin_call("c", "sales", BEGIN, None, None, "in")
        registry.begin_recording("r", "c", BEGIN, [_purpose("a", Days(30))], 1)
        registry.seal_recording("r", BEGIN, 11, "ab" * 32, 1000, False)
        with sqlite3.connect(path) as db:
            db.execute('UPDATE recording_purposes SET criterion = \'{"until": "doomsday"}\'')
        try:
            made = plan(RegistryRows(registry).maybe_due(BEGIN), BEGIN + timedelta(days=900), 100, 1, total=1)
        except AssertionError:
            return False
        return made.items == () and ["cannot be read" in planned.reason for planned in made.unjudged] == [True]


def _purpose(name: str, criterion: Criterion) -> Purpose:
    return Purpose(name, name, Basis.CONTRACT, "because", Trigger.ALWAYS, criterion)
