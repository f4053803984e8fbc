"""The time machine runs a year in a second or two, and sees a purger that breaks a promise."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from asterisk_privacy.cli.simulate import simulate_
from asterisk_privacy.lab.timemachine import office
from asterisk_privacy.lab.timemachine.run import Rows, simulate
from asterisk_privacy.lab.timemachine.sample import BOOK
from asterisk_privacy.registry import recordings
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
    assert (tmp_path / "o/simulation.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def eventful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few calls, and much happens to them."""
    monkeypatch.setattr(office, "FLAGGED", 0.4)
    monkeypatch.setattr(office, "HELD", 0.4)
    monkeypatch.setattr(office, "RESTRICTED", 0.2)


def seen(tmp_path: Path, rows: type[Rows]) -> str:
    outcome = simulate(BOOK, tmp_path / "r.sqlite", MONTHS, 200, 7, rows=rows)
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


def test_the_same_seed_gives_the_same_years(tmp_path: Path) -> None:
    one, two, three = (simulate(BOOK, tmp_path / f"{n}.sqlite", 0.1, 300, seed).watch for n, seed in enumerate((5, 5, 6)))
    assert one.samples == two.samples != three.samples


def test_a_broken_promise_ends_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asterisk_privacy.cli.simulate.simulate", lambda *a, **k: simulate(*a, **k, rows=Late))
    result = CliRunner().invoke(simulate_, ["--years", "0.15", "--calls", "300"])
    assert result.exit_code == 1 and "BROKEN" in result.stderr and "promises broken" in result.stderr
