"""Each planted bug must be seen by the checks below; else they prove nothing about it. The list stands in retention_mutants.py."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from retention_dice import check_ends, check_replayed
from retention_histories import run
from retention_mutants import NOTATIONS, PURE, STORED
from retention_office import Office, unreadable
from retention_planting import plant

from asterisk_privacy.policy.cases import Case, CaseKind, Step, objection
from asterisk_privacy.policy.evaluations import Calendar, next_turn
from asterisk_privacy.policy.facts import CourtCase
from asterisk_privacy.policy.retention import AnyOf, Days, Facts, Milestone, UntilCaseClosed, UntilEvaluation, UntilReviewed
from asterisk_privacy.registry import due
from asterisk_privacy.registry.numbers import lookup_hashes, normalised, number_hash
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.border import MILLISECOND, border
from asterisk_privacy.retention.plan import Item, Promise, plan

CALL = datetime(2028, 2, 28, 23, 30, tzinfo=UTC)  # the next day is the 29th
DAY = timedelta(days=1)
Mutant = tuple[str, str, str, str]


def check_calendar() -> None:
    """Leap days, summer time, the day of an evaluation."""
    amsterdam = ZoneInfo("Europe/Amsterdam")
    for call in (CALL, datetime(2028, 3, 25, 20, tzinfo=amsterdam), datetime(2028, 10, 28, 20, tzinfo=amsterdam)):
        ends = Days(2).verdict(Facts(call, {}), call).ends_at
        assert ends == call.astimezone(UTC) + 2 * DAY and ends.tzinfo is UTC, "a day is 24 hours"
        reviewed = Facts(call, {Milestone.REVIEWED: call})
        assert UntilReviewed(30, 2).verdict(reviewed, call).ends_at == ends
    assert UntilCaseClosed(90, 0, 20).verdict(Facts(CALL, {}), CALL + 20 * DAY).reason == "no case was opened within 20 days"
    assert Days(1).verdict(Facts(CALL, {}), CALL).ends_at.date() == date(2028, 2, 29)
    assert next_turn(date(2028, 3, 31)) == date(2028, 4, 1) and next_turn(date(2028, 4, 1)) == date(2028, 7, 1)
    assert Calendar(agents={"a": [CALL.date(), date(2028, 2, 29)]}).after(CALL, ("a",)).date() == date(2028, 2, 29)


def check_cases() -> None:
    """What may be written down of a case that is closed, final, open."""
    closed = Case(CaseKind.COURT, ((Step.OPENED, CALL), (Step.CLOSED, CALL + DAY)))
    now = CALL + 9 * DAY
    assert objection(closed, Step.DISCUSSED, now, now) is not None and objection(closed, Step.REOPENED, now, now) is None
    reopened = Case(CaseKind.COURT, (*closed.steps, (Step.REOPENED, CALL + 2 * DAY)))
    assert reopened.closed_at is None and objection(reopened, Step.REOPENED, now, now) is not None
    final = Case(CaseKind.COURT, ((Step.OPENED, CALL), (Step.FINAL, CALL + DAY)))
    assert objection(final, Step.REOPENED, now, now) is not None and objection(final, Step.APPEAL, now, now) is not None
    at_once = CourtCase(((Milestone.APPEAL, CALL), (Milestone.JUDGMENT, CALL)))
    assert at_once.final_on(3) is None, "an appeal at the moment of the judgment is against it"
    assert CourtCase(((Milestone.JUDGMENT, CALL), (Milestone.APPEAL, CALL + 3 * DAY))).final_on(3) is None, "on the last day"
    after = CourtCase(((Milestone.JUDGMENT, CALL), (Milestone.APPEAL, CALL + 4 * DAY)))
    assert after.final_on(3) == CALL + 3 * DAY, "final stays final"


def check_borders() -> None:
    def quarter(at: datetime) -> datetime:
        return Calendar(agents={"a": [date(2028, 3, 9)]}).after(at, ("a",))

    now = CALL + 20 * DAY
    for criterion in (Days(30), UntilReviewed(60), UntilEvaluation(60), UntilCaseClosed(60, 0, 10), AnyOf(60, (Days(30), Days(31)))):
        edge = border(criterion, now, quarter)
        for at in (edge, edge + MILLISECOND):
            assert criterion.verdict(Facts(at, {}, evaluation=quarter(at)), now).ended == (at == edge)
    assert Days(3).by_age_alone() and UntilEvaluation(9).by_age_alone() and AnyOf(9, (Days(3), Days(4))).by_age_alone()
    assert not AnyOf(9, (Days(3), UntilReviewed(9))).by_age_alone() and not UntilReviewed(9).by_age_alone()


def check_plans() -> None:
    def item(name: str, *days: int, held: bool = False) -> Item:
        return Item(name, CALL, tuple(Promise(f"p{n}", Days(n)) for n in days), {}, (("held", "anna", CALL),) if held else ())

    rows = [item("b", 3), item("a", 3), item("c", 2), item("d", 9), item("e"), item("f", held=True), item("g", 1, 8)]
    made = plan(rows, CALL + 5 * DAY, 50, 4)
    assert [p.item_id for p in made.items] == ["e", "f", "c", "a", "b", "g", "d"]
    assert [p.item_id for p in made.deletions] == ["e", "c", "a", "b"] and made.braked
    assert {p.item_id: p.reason.count("p3") for p in made.items if p.delete} == {"e": 0, "c": 0, "a": 1, "b": 1}
    assert not plan(rows, CALL + 5 * DAY, 50, 5).braked and not plan(rows[:1] + rows[3:4], CALL + 5 * DAY, 50, 1).braked
    quick = plan(rows, CALL + 5 * DAY, 50, 4, total=9)
    assert [p.item_id for p in quick.items] == ["e", "c", "a", "b"] and not quick.braked


def check_histories() -> None:
    assert run(100)


def check_numbers() -> None:
    for number in (
        "+31 6 12345678",
        "06-12345678",
        "0031612345678",
        "+31 (0)6 12345678",
        "+31 06 12345678",
        "0612345678x12",
        "31612345678",
    ):
        assert normalised(number, "31") == "31612345678", number
    assert normalised("00 31 (0)6 12345678", "31") == "31612345678" and normalised("06 6982", "39") == "39066982"
    assert normalised("+49 (0)30 901820", "31") == "4930901820" == normalised("+49 030 901820", "31")
    assert normalised("612345678", "34") == "34612345678" and normalised("612345678", "31") == "612345678"
    assert number_hash("0612345678", bytes(32)) in lookup_hashes("+31 6 12345678", bytes(32), "31")


PURE_CHECKS = (check_calendar, check_cases, check_borders, check_plans, check_ends, check_replayed, check_histories)


def named(mutants: tuple[Mutant, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("mutant", mutants, ids=[mutant[0] for mutant in mutants])


def planted(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    _, module, text, instead = mutant
    plant(monkeypatch, importlib.import_module(module), text, instead)


@named(PURE)
def test_is_seen(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, mutant)
    with pytest.raises((AssertionError, BaseExceptionGroup, TypeError, ValueError)):
        for check in PURE_CHECKS:
            check()


def test_without_a_bug_all_is_green() -> None:
    for check in (*PURE_CHECKS, check_numbers):
        check()


@named(NOTATIONS)
def test_a_notation_that_is_missed_is_seen(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, mutant)
    with pytest.raises(AssertionError):
        check_numbers()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("office") / "r.sqlite")
    yield made
    made.registry.close()


@pytest.fixture
def in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "CHUNK", 7)


@pytest.mark.usefixtures("in_chunks")
def test_the_quick_plan_over_one_of_each_is_the_full_plan(office: Office, tmp_path: Path) -> None:
    assert list(office.differences()) == [] and unreadable(tmp_path / "u.sqlite")


@named(STORED)
@pytest.mark.usefixtures("in_chunks")
def test_a_quick_plan_that_errs_is_seen(mutant: Mutant, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, mutant)
    assert any(office.differences()) or not unreadable(tmp_path / "u.sqlite")


def triggers(folder: Path) -> list[str]:
    Registry.open(folder / "t.sqlite").close()
    with sqlite3.connect(folder / "t.sqlite") as db:
        return [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%eventful%'")]


def test_a_trigger_that_is_missing_is_seen(tmp_path: Path) -> None:
    names = triggers(tmp_path)
    assert len(names) == 7
    for name in names:
        without = Office(tmp_path / f"{name}.sqlite", without=name)
        assert any(without.differences()), f"{name} is not missed"
        without.registry.close()
