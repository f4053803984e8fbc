"""What the audit trail notices. Each forger works on the file itself, guards (triggers) lifted for the moment."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_database import Raw

from asterisk_privacy.registry.audit import entry_hash
from asterisk_privacy.registry.migrations import GUARDS
from asterisk_privacy.registry.registry import Registry


@pytest.fixture
def trail(registry: Registry) -> Registry:
    """In the first chain, as in a file; what is different in a node's is in test_chains.py."""
    registry._engine.chain = ""
    for n in range(1, 7):
        registry.audit("anna", "listen", f"r{n}", {"purpose": "training", "n": str(n)})
    assert registry.verify_audit().ok and registry.verify_audit().entries == 6
    return registry


@pytest.mark.parametrize("column", ["at", "actor", "action", "subject", "detail", "prev", "hash"])
@pytest.mark.parametrize("seq", [1, 3, 6])
def test_a_changed_column_is_seen(trail: Registry, raw: Raw, column: str, seq: int) -> None:
    value = 1 if column == "at" else "{}" if column == "detail" else "else"
    raw(f"UPDATE audit SET {column} = ? WHERE seq = ?", value, seq, unguarded=True)
    report = trail.verify_audit()
    assert not report.ok and report.first_bad == seq, report


@pytest.mark.parametrize("seq", [1, 3])
def test_a_removed_row_is_seen(trail: Registry, raw: Raw, seq: int) -> None:
    raw("DELETE FROM audit WHERE seq = ?", seq, unguarded=True)
    report = trail.verify_audit()
    assert not report.ok and report.first_bad == seq and "missing" in report.why


def test_a_removed_row_with_the_rest_renumbered_is_seen(trail: Registry, raw: Raw) -> None:
    raw("DELETE FROM audit WHERE seq = 3", unguarded=True)
    for seq in (4, 5, 6):
        raw("UPDATE audit SET seq = ? WHERE seq = ?", seq - 1, seq, unguarded=True)
    report = trail.verify_audit()
    assert not report.ok and report.first_bad == 3


def test_a_cut_tail_is_seen(trail: Registry, raw: Raw) -> None:
    raw("DELETE FROM audit WHERE seq > 4", unguarded=True)
    report = trail.verify_audit()
    assert not report.ok and report.first_bad == 5 and "tail" in report.why


def test_a_cut_tail_with_the_count_in_the_head_lowered_is_seen(trail: Registry, raw: Raw) -> None:
    raw("DELETE FROM audit WHERE seq > 4", unguarded=True)
    raw("UPDATE audit_head SET entries = 4", unguarded=True)
    report = trail.verify_audit()
    assert not report.ok and "head names" in report.why


def test_a_well_made_row_added_past_the_head_is_seen(trail: Registry, raw: Raw) -> None:
    last = raw("SELECT hash FROM audit WHERE seq = 6")[0][0]
    forged = entry_hash(str(last), 7, 1, "anna", "listen", "r9", "{}")
    raw("INSERT INTO audit VALUES (7, 1, 'anna', 'listen', 'r9', '{}', ?, ?, '')", last, forged, unguarded=True)
    report = trail.verify_audit()
    assert not report.ok and report.first_bad == 7


def test_an_inserted_row_is_seen(trail: Registry, raw: Raw) -> None:
    for seq in (6, 5, 4):
        raw("UPDATE audit SET seq = ? WHERE seq = ?", seq + 1, seq, unguarded=True)
    prev = str(raw("SELECT hash FROM audit WHERE seq = 3")[0][0])
    forged = entry_hash(prev, 4, 1, "anna", "listen", "r9", "{}")
    raw("INSERT INTO audit VALUES (4, 1, 'anna', 'listen', 'r9', '{}', ?, ?, '')", prev, forged, unguarded=True)
    report = trail.verify_audit()
    assert not report.ok and report.first_bad == 5


@pytest.mark.parametrize("mended", [False, True])
def test_a_changed_row_with_a_new_hash_is_seen_in_the_next_one(trail: Registry, raw: Raw, mended: bool) -> None:
    _, at, _, action, subject, detail, prev, _, _ = raw("SELECT * FROM audit WHERE seq = 3")[0]
    forged = entry_hash(str(prev), 3, int(str(at)), "nobody", str(action), str(subject), str(detail))
    raw("UPDATE audit SET actor = 'nobody', hash = ? WHERE seq = 3", forged, unguarded=True)
    if mended:
        raw("UPDATE audit SET prev = ? WHERE seq = 4", forged, unguarded=True)
    report = trail.verify_audit()
    assert not report.ok and report.first_bad == 4


def test_the_hash_is_what_the_manual_says() -> None:
    """So that somebody else's program can check a trail, and an old trail stays sound."""
    text = '["00ff",7,1772355600000,"anna","listen","r1","{\\"purpose\\":\\"caf\\u00e9\\"}"]'
    assert entry_hash("00ff", 7, 1772355600000, "anna", "listen", "r1", '{"purpose":"café"}') == hashlib.sha256(text.encode()).hexdigest()


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(order=st.permutations(range(1, 7)))
def test_rows_in_another_order_are_seen(trail: Registry, raw: Raw, order: list[int]) -> None:
    raw("UPDATE audit SET seq = seq + 100", unguarded=True)
    for place, seq in enumerate(order, start=1):
        raw("UPDATE audit SET seq = ? WHERE seq = ?", place, seq + 100, unguarded=True)
    assert trail.verify_audit().ok == (order == sorted(order))
    raw("UPDATE audit SET seq = cast(substr(subject, 2) AS INTEGER) + 100", unguarded=True)
    raw("UPDATE audit SET seq = seq - 100", unguarded=True)
    assert trail.verify_audit().ok


def test_a_missing_head_is_seen(trail: Registry, raw: Raw) -> None:
    raw("DELETE FROM audit_head", unguarded=True)
    assert not trail.verify_audit().ok


@pytest.mark.parametrize("guard", GUARDS)
def test_a_missing_guard_is_seen(trail: Registry, raw: Raw, guard: str) -> None:
    raw.drop_guard(guard)
    report = trail.verify_audit()
    assert not report.ok and guard in report.why


def test_there_are_no_other_guards(trail: Registry, raw: Raw, path: Path) -> None:
    assert {name for (name,) in raw("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'")} == set(GUARDS)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'x' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 6",
        "DELETE FROM audit",
        "INSERT INTO audit SELECT seq, at, 'x', action, subject, detail, prev, hash, chain FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT 9, at, actor, action, subject, detail, prev, hash, chain FROM audit WHERE seq = 6",
        "UPDATE audit_head SET entries = 5",
        "UPDATE audit_head SET hash = 'x', entries = 7",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head (chain, entries, hash) VALUES ('x', 0, '')",
    ],
)
def test_the_file_itself_refuses(trail: Registry, raw: Raw, statement: str) -> None:
    with pytest.raises(raw.refusal):
        raw(statement)
    assert trail.verify_audit().ok


def test_an_empty_trail_is_sound(registry: Registry) -> None:
    report = registry.verify_audit()
    assert report.ok and report.entries == 0 and report.first_bad is None


def test_insert_or_replace_is_refused(trail: Registry, raw: Raw, path: Path) -> None:
    """SQLite's way to delete without a delete trigger."""
    for statement in (
        "INSERT OR REPLACE INTO audit SELECT seq, at, 'x', action, subject, detail, prev, hash, chain FROM audit WHERE seq = 2",
        "INSERT OR REPLACE INTO audit_head (chain, entries, hash) VALUES ('', 0, '')",
    ):
        with pytest.raises(raw.refusal):
            raw(statement)
    assert trail.verify_audit().ok


def test_a_file_has_one_chain(trail: Registry, raw: Raw, path: Path) -> None:
    with pytest.raises(raw.refusal):
        raw("INSERT INTO audit SELECT 7, at, actor, action, subject, detail, prev, hash, 'x' FROM audit WHERE seq = 6", unguarded=True)
    assert [one.chain for one in trail.verify_audit().chains] == [""]
