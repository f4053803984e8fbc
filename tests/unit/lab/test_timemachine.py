"""The time machine runs a year in a second or two, and sees a purger that breaks a promise."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from asterisk_privacy.cli.simulate import simulate_
from asterisk_privacy.daemon import rights
from asterisk_privacy.lab.timemachine import office, persons
from asterisk_privacy.lab.timemachine.agenda import Agenda
from asterisk_privacy.lab.timemachine.run import Rows, simulate
from asterisk_privacy.lab.timemachine.sample import BOOK
from asterisk_privacy.registry import recordings
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.plan import Item

MONTHS = 0.22  # of a year: longer than half of the limits of the sample


class Blind(Rows):
    """Does not see holds and restrictions."""

    def maybe_due(self, now: datetime) -> Iterator[Item]:
        return (dataclasses.replace(item, blocks=()) for item in super().maybe_due(now))

    def item(self, item_id: str) -> Item | None:
        item = super().item(item_id)
        return None if item is None else dataclasses.replace(item, blocks=())


class Late(Rows):
    """Looks three days too late."""

    def maybe_due(self, now: datetime) -> Iterator[Item]:
        return super().maybe_due(now - timedelta(days=3))


class Early(Rows):
    """Takes each recording for two days older than it is."""

    def maybe_due(self, now: datetime) -> Iterator[Item]:
        return (self._aged(item) for item in super().maybe_due(now + timedelta(days=2)))

    def item(self, item_id: str) -> Item | None:
        item = super().item(item_id)
        return None if item is None else self._aged(item)

    def _aged(self, item: Item) -> Item:
        return dataclasses.replace(item, recorded_at=item.recorded_at - timedelta(days=2))


class Forgetful(Rows):
    """Passes over every fifth."""

    def maybe_due(self, now: datetime) -> Iterator[Item]:
        return (item for item in super().maybe_due(now) if int(item.item_id, 16) % 5)


def test_a_year_with_the_real_purger_breaks_no_promise(tmp_path: Path) -> None:
    result = CliRunner().invoke(simulate_, ["--years", "1", "--calls", "2000", "--output", str(tmp_path / "o"), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["broken"], told["audit_ok"], told["nights"]) == (0, True, 365)
    assert {row["purpose"] for row in told["purposes"] if row["kept"]} == set(BOOK.purposes)
    assert all(row["oldest_days"] <= row["limit_days"] for row in told["purposes"])
    assert told["deleted"] > 100 and told["stored"] > 5
    assert told["recorded"] == told["deleted"] + told["erased_on_request"] + told["stored"]
    assert told["promises_checked"] > 10 * told["recorded"] and 10 < told["peak_mib"] < 500
    assert (tmp_path / "o/simulation.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def eventful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few calls, and much happens to them."""
    monkeypatch.setattr(office, "FLAGGED", 0.4)
    monkeypatch.setattr(office, "HELD", 0.4)
    monkeypatch.setattr(office, "REVIEWED", 0.5)
    monkeypatch.setattr(office, "ASKS", 0.5)
    monkeypatch.setattr(persons, "CLAIMED", 0.3)


def seen(tmp_path: Path, rows: type[Rows]) -> str:
    outcome = simulate(BOOK, tmp_path / "r.sqlite", MONTHS, 300, 9, rows=rows)
    assert bool(outcome.watch.broken) == bool(outcome.watch.told)
    return "\n".join(outcome.watch.told)


def test_an_eventful_year_breaks_no_promise_either(tmp_path: Path, eventful: None) -> None:
    assert seen(tmp_path, Rows) == ""


@pytest.mark.parametrize(
    ("planner", "complaint"),
    [(Late, "still stored on"), (Early, "still needed it"), (Forgetful, "still stored on")],
)
def test_a_broken_planner_is_seen(tmp_path: Path, eventful: None, planner: type[Rows], complaint: str) -> None:
    assert complaint in seen(tmp_path, planner)


def test_a_planner_blind_for_holds_meets_a_second_net_and_is_seen(tmp_path: Path, eventful: None) -> None:
    assert "is under legal hold" in seen(tmp_path, Blind)


def test_with_both_nets_gone_the_watch_sees_it(tmp_path: Path, eventful: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings.consequences, "held", lambda db, recording_id: None)
    assert "under legal hold" in seen(tmp_path, Blind)


def test_a_request_that_passes_a_hold_is_seen(tmp_path: Path, eventful: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "held", lambda row: False)
    monkeypatch.setattr(recordings.consequences, "held", lambda db, recording_id: None)
    assert "at a person's request under legal hold" in seen(tmp_path, Rows)


def test_all_that_can_happen_happens_and_is_counted(tmp_path: Path, eventful: None, monkeypatch: pytest.MonkeyPatch) -> None:
    slowly = Agenda.days
    monkeypatch.setattr(Agenda, "days", lambda self, least, most: slowly(self, least, most) / 5)
    outcome = simulate(BOOK, tmp_path / "r.sqlite", 0.5, 400, 7)
    assert outcome.watch.told == []
    kinds = ("complaint", "escalation", "court")
    steps = ("discussed", "closed", "reopened", "judgment", "appeal", "final")
    requests = ("access", "erasure", "restriction", "objection", "extended", "answered")
    wanted = {"reviews", "lessons", "legal holds placed", "legal holds released", "recordings copied for the person"}
    wanted |= {f"cases opened: {kind}" for kind in kinds} | {f"cases: {step}" for step in steps} | {f"requests: {one}" for one in requests}
    wanted |= {"erasure: recordings erased", "erasure: recordings refused", "objection: recordings refused"}
    wanted |= {"objection: recordings purposes ended", "restriction: recordings restricted", "restriction: lifted again"}
    assert wanted - outcome.happened.keys() == set()
    with Registry.open(tmp_path / "r.sqlite") as registry:  # what was counted is what stands there
        told = Counter(entry.action for entry in registry.audit_entries(None))
        assert told["hold.place"] == outcome.happened["legal holds placed"] and told["milestone.reviewed"] == outcome.happened["reviews"]
        assert told["request.open"] == sum(outcome.happened[f"requests: {kind}"] for kind in requests[:4])
        assert told["case.reopened"] == outcome.happened["cases: reopened"] and told["case.final"] == outcome.happened["cases: final"]
        assert told["recording.purged"] == outcome.watch.deleted + outcome.watch.erased_on_request
        assert registry.sealed_count() == len(outcome.watch.living)


def test_the_same_seed_gives_the_same_years(tmp_path: Path) -> None:
    one, two, three = (simulate(BOOK, tmp_path / f"{n}.sqlite", 0.1, 300, seed).watch for n, seed in enumerate((5, 5, 6)))
    assert one.samples == two.samples != three.samples


def test_a_broken_promise_ends_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asterisk_privacy.cli.simulate.simulate", lambda *a, **k: simulate(*a, **k, rows=Late))
    result = CliRunner().invoke(simulate_, ["--years", "0.15", "--calls", "900"])
    assert result.exit_code == 1 and "BROKEN" in result.stderr and "promises broken" in result.stderr
