"""A small company in a large registry: its list must not walk over the recordings of all others."""

from __future__ import annotations

import psycopg
import pytest
from registry_users import LATER, Users, record, users

from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry import queue
from asterisk_privacy.registry.engine import Cursor, sql
from asterisk_privacy.registry.grants import Role

__all__ = ["users"]
MANY = 10_000
_OTHERS = (
    "SET session_replication_role = replica",
    f"""INSERT INTO calls (id, profile, direction, begun_at, ended_at, outcome, tenant, spans, marks)
    SELECT 'c' || n, 'sales', 'in', {LATER.timestamp() * 1000:.0f} + n, 0, 'kept', 'large', '[]', '[]' FROM generate_series(1, {MANY}) n""",
    """INSERT INTO recordings (id, call_id, part, state, recorded_at, truncated, marked, state_at, state_reason, tenant)
    SELECT 'r' || id, id, 1, 'sealed', begun_at, FALSE, FALSE, 0, '', tenant FROM calls WHERE tenant = 'large'""",
    """INSERT INTO recording_purposes (recording_id, name, title, basis, reasoning, criterion, added_at)
    SELECT id, 'complaint', '', 'contract', '', p.criterion, recorded_at
    FROM recordings, (SELECT criterion FROM recording_purposes LIMIT 1) p WHERE tenant = 'large'""",
    "ANALYZE",
)


@pytest.mark.parametrize("reviewed", [False, True])
def test_a_companys_list_reads_its_own_rows_only(users: Users, monkeypatch: pytest.MonkeyPatch, reviewed: bool) -> None:
    """Also when nothing waits: a list that is not full looks for more."""
    users.add("pbx", Role.RECORDER)
    users.add("page", Role.REVIEWER, tenant="small")
    record(users.open("pbx"), "one", "small")
    users.owner(*_OTHERS)
    page = users.open("page")
    if reviewed:
        page.milestone("r-one", Milestone.REVIEWED, LATER, "anna", "")
    read: list[int] = []

    def looked_at(db: psycopg.Connection[object], statement: str, values: tuple[object, ...] = ()) -> Cursor:
        plan = sql(db, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values).fetchone()[0][0]["Plan"]  # type: ignore[arg-type]
        read.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        return sql(db, statement, values)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "sql", looked_at)
    assert [row.id for row in page.unreviewed(["complaint"])] == ([] if reviewed else ["r-one"])
    assert len(read) == 1 and read[0] < 50, "one page for each of the others' would be more"
    assert users.open("pbx").unreviewed(["complaint"])[0].tenant == "large", "who is nobody's sees all"
