"""The policy of today against promises of the day: the stricter holds, the reason says which, and the quick plan finds it too."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.daemon.config import load, parse
from asterisk_privacy.daemon.purging import RegistryRows, Rules, make_purger, to_item
from asterisk_privacy.policy.evaluations import Calendar, Rhythm
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Criterion, Days, Milestone, UntilEvaluation, UntilReviewed
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.retention.plan import Item, judge, plan
from asterisk_privacy.retention.purger import Purger
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

T0 = datetime(2026, 1, 10, 9, tzinfo=UTC)
SAMPLE = Path(__file__).parents[3] / "examples" / "config.toml"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(tmp_path / "registry.sqlite") as opened:
        yield opened


def record(registry: Registry, name: str, criterion: Criterion, at: datetime = T0, agent: str = "PJSIP/anna") -> str:
    recording_id = secrets.token_hex(16)
    registry.begin_call(recording_id, "sales", at, None, None, "in")
    registry.begin_recording(recording_id, recording_id, at, [Purpose(name, name, Basis.CONTRACT, "b", Trigger.ALWAYS, criterion)], 1)
    registry.seal_recording(recording_id, at, 1, "ab" * 32, 1000, False)
    registry.end_call(recording_id, at, "kept", [Participant.agent(agent)] if agent else (), (), ())
    return recording_id


def day(number: float) -> datetime:
    return T0 + timedelta(days=number)


@pytest.mark.parametrize(
    ("promised", "today", "ends", "words"),
    [
        (Days(30), Days(10), 10, "(by the stricter policy of today)"),
        (Days(30), Days(90), 30, "(as promised on 2026-01-10)"),
        (Days(30), UntilReviewed(90), 5, "reviewed on 2026-01-15 (by the stricter policy of today)"),
        (UntilReviewed(90), Days(30), 5, "(as promised on 2026-01-10)"),
        (Days(30), Days(30), 30, "kept for 30 days after the call; it ends on 2026-02-09"),
        (Days(30), None, 30, "kept for 30 days after the call; it ends on 2026-02-09"),  # the purpose is no more: its promise is
    ],
)
def test_the_stricter_holds_and_says_so(registry: Registry, promised: Criterion, today: Criterion | None, ends: float, words: str) -> None:
    recording = record(registry, "p", promised)
    registry.milestone(recording, Milestone.REVIEWED, day(5), "anna")
    rules = Rules({"other": Days(1)} if today is None else {"p": today, "other": Days(1)})
    row = registry.recording(recording)
    assert row is not None
    planned = judge(to_item(row, rules), day(1))
    assert planned.due == day(ends) and words in (planned.reason if ends > 5 else judge(to_item(row, rules), day(6)).reason)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(),
        Rules({"p": Days(10), "q": Days(200)}),
        Rules({"p": UntilEvaluation(300)}, Calendar(Rhythm.MONTHLY)),
        Rules({}, Calendar(agents={"PJSIP/anna": [date(2026, 2, 3)]})),
        Rules({"q": Days(3)}, Calendar(Rhythm.YEARLY, {"PJSIP/piet": [date(2026, 1, 20)]})),
    ],
)
def test_the_quick_plan_knows_the_policy_of_today(registry: Registry, rules: Rules) -> None:
    for age in (0, 20, 80):
        for name in ("p", "q"):
            for criterion in (Days(30), UntilEvaluation(150, 3), UntilReviewed(60)):
                record(registry, name, criterion, T0 + timedelta(days=age), "PJSIP/anna" if age else "PJSIP/piet")
    rows = RegistryRows(registry, rules)
    found = 0
    for night in range(0, 250, 7):
        quick = plan(rows.maybe_due(day(night)), day(night), 100, 1, total=rows.count())
        full = plan(rows.items(), day(night), 100, 1)
        assert [(p.item_id, p.reason) for p in quick.items] == [(p.item_id, p.reason) for p in full.deletions]
        found += len(quick.items)
    assert found > 50


def test_the_purger_obeys_the_policy_of_today(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "recipients.txt").write_text(Identity.generate().public + "\n")
    vault = Vault(tmp_path / "recordings", Recipients.load(tmp_path / "recipients.txt"))
    recording = record(registry, "p", Days(30))
    path = vault.path(recording)
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"age")
    assert make_purger(registry, vault).run(day(15), dry_run=False).deleted == ()
    assert make_purger(registry, vault, rules=Rules({"p": Days(10)})).run(day(15), dry_run=False).deleted == (recording,)
    row = registry.recording(recording)
    assert row is not None and row.state is State.PURGED and "stricter policy of today" in row.state_reason


def test_rules_come_from_the_configuration() -> None:
    text = SAMPLE.read_text().replace("#agents = {}", 'agents = { "PJSIP/anna" = ["2026-02-03"] }')
    rules = Rules.of(load(SAMPLE))
    assert rules.purposes["training"] == UntilReviewed(35) and rules.evaluation(T0, ("PJSIP/anna",)) is None
    own = parse(text.replace('#default = "quarterly"', 'default = "monthly"'))
    assert Rules.of(own).evaluation(T0, ("PJSIP/anna",)) == datetime(2026, 2, 3, tzinfo=UTC)
    assert Rules.of(own).evaluation(day(30), "PJSIP/anna") == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_hold_placed_while_the_purger_runs_is_obeyed(registry: Registry, tmp_path: Path) -> None:
    """Between the plan and the deletion, as a person at the command line would."""
    (tmp_path / "recipients.txt").write_text(Identity.generate().public + "\n")
    vault = Vault(tmp_path / "recordings", Recipients.load(tmp_path / "recipients.txt"))
    recording = record(registry, "p", Days(30))
    path = vault.path(recording)
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"age")

    class Interrupted(RegistryRows):
        def count(self) -> int:
            registry.place_hold(day(40), "anna", "claim", ["anna"], recording_id=recording)
            return super().count()

        def maybe_due(self, now: datetime) -> list[Item]:  # type: ignore[override]
            return list(super().maybe_due(now))  # read before the hold was placed

    report = Purger(Interrupted(registry), vault, 100, 9).run(day(50), dry_run=False)
    assert [p.item_id for p in report.plan.deletions] == [recording]
    assert (report.deleted, report.failed, report.overdue) == ((), (), ()) and path.exists()
    assert [spared.item_id for spared in report.spared] == [recording] and "legal hold" in report.spared[0].why
    again = make_purger(registry, vault).run(day(50), dry_run=False)
    assert (again.plan.deletions, again.overdue, again.clean) == ((), (), True)
