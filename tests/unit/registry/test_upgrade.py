"""An upgrade from each schema that there ever was: a copy first, then nothing is lost, and the evidence names the copy."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from registry_samples import COMPLAINT, LATER, T0

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.retention import criterion_to_mapping
from asterisk_privacy.registry.audit import entry_hash
from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.db import RegistryFile, sql
from asterisk_privacy.registry.migrate import migrate
from asterisk_privacy.registry.migrations import STEPS, m0015_participants, m0017_request_subjects
from asterisk_privacy.registry.migrations.m0001_first import GENESIS
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State

OLDER = range(1, len(STEPS))
WITH_SUBJECTS = STEPS.index(m0017_request_subjects.STATEMENTS) + 1
WITH_PARTICIPANTS = STEPS.index(m0015_participants.STATEMENTS) + 1


_REQUEST = """INSERT INTO requests (kind, about, subject, identity_check, received, due, opened_at, opened_by)
    VALUES (?, ?, ?, '', ?, ?, ?, ?)"""
_AGENT = "INSERT INTO participants (call_id, number, role, endpoint) VALUES ('c1', 0, 'agent', 'PJSIP/anna')"


def as_of(path: Path, version: int) -> None:
    """A registry as that version of the program left it: a call with its recording, and the audit trail of it."""
    file = RegistryFile(path, "old", lambda: T0, 1)
    file.connect()
    migrate(file, STEPS[:version])
    at = to_ms(T0)
    call = ("c1", "sales", "in", at, at, "kept", "hash-of-c1", b"sealed number")
    with file.change() as db:
        sql(
            db,
            "INSERT INTO calls (id, profile, direction, begun_at, ended_at, outcome, customer_hash, customer_sealed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            call,
        )
        sql(db, "UPDATE calls SET agent = 'PJSIP/anna'" if version < WITH_PARTICIPANTS else _AGENT)
        sql(
            db,
            "INSERT INTO recordings (id, call_id, part, state, recorded_at, sealed_at, duration_ms, size, sha256, state_at, state_reason)"
            " VALUES ('r1', 'c1', 1, 'sealed', ?, ?, 1000, 10, 'ab', ?, 'sealed')",
            (at, at, at),
        )
        promise = json.dumps(criterion_to_mapping(COMPLAINT.retention))
        values = ("r1", COMPLAINT.name, COMPLAINT.title, COMPLAINT.basis.value, COMPLAINT.reasoning, promise, at)
        sql(
            db,
            "INSERT INTO recording_purposes (recording_id, name, title, basis, reasoning, criterion, added_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        if version > 2:
            sql(db, _REQUEST, ("access", "agent", "Anna", "2026-03-01", "2026-04-01", at, "cli:kim"))
        if version >= WITH_SUBJECTS:
            sql(db, "INSERT INTO request_subjects (request_id, subject) SELECT id, 'pjsip/anna' FROM requests")
        entry = (1, at, "old", "recording.seal", "r1", "{}", GENESIS)
        digest = entry_hash(GENESIS, *entry[:-1])
        sql(db, "INSERT INTO audit (seq, at, actor, action, subject, detail, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*entry, digest))
        sql(db, "UPDATE audit_head SET entries = 1, hash = ?", (digest,))
    file.close()


def copies(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.schema-*"))


@pytest.fixture(params=OLDER)
def version(request: pytest.FixtureRequest) -> Iterator[int]:
    yield int(request.param)


def test_nothing_is_lost_and_the_copy_is_the_file_as_it_was(path: Path, version: int) -> None:
    as_of(path, version)
    with Registry.open(path, clock=lambda: datetime(2026, 11, 22, 9, 15, tzinfo=UTC)) as registry:
        call, recording = registry.call("c1"), registry.recording("r1")
        assert call is not None and (call.agents, call.outcome, call.customer_hash) == (("PJSIP/anna",), "kept", "hash-of-c1")
        assert recording is not None and recording.participants == (Participant.agent("PJSIP/anna"),)  # nobody knows when
        assert recording.state is State.SEALED and recording.duration_ms == 1000
        assert [one.id for one in recording.requests] == ([1] if version > 2 else [])  # it waits for who asks since before
        assert [(p.name, p.criterion) for p in recording.purposes] == [(COMPLAINT.name, COMPLAINT.retention)]
        assert registry.verify_audit().ok
        [copy] = copies(path)
        told = registry.audit_entries(1)[0]
        assert (told.action, told.detail) == ("registry.upgrade", {"from": str(version), "to": str(len(STEPS)), "copy": copy.name})
    assert copy.name == f"{path.name}.schema-{version}-20261122T091500Z"
    assert copy.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)] and db.execute("PRAGMA foreign_key_check").fetchall() == []
    with sqlite3.connect(copy) as db:
        assert db.execute("SELECT max(version) FROM schema_version").fetchone() == (version,)
        assert db.execute("SELECT id, customer_hash FROM calls").fetchall() == [("c1", "hash-of-c1")]
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert [p.name for p in path.parent.iterdir() if p.name.endswith(".new")] == []


def test_a_deletion_names_the_copy_until_it_is_gone(path: Path, version: int) -> None:
    as_of(path, version)
    with Registry.open(path) as registry:
        registry.mark_purging("r1", LATER, "due")
        registry.mark_purged("r1", LATER, "due", "{}")
        recording = registry.recording("r1")
        assert recording is not None and recording.evidence is not None
        assert re.search(rf"registry\.sqlite\.schema-{version}-\d{{8}}T\d{{6}}Z", recording.evidence)
        [copy] = copies(path)
        os.utime(copy, times=(0, 0))
        registry.note_purge(LATER, 1, 1, 0, False)
        assert copies(path) == []


def test_where_no_copy_can_be_written_nothing_is_changed(path: Path) -> None:
    as_of(path, 1)
    clock = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
    in_the_way = path.with_name(f"{path.name}.schema-1-20261122T091500Z")
    in_the_way.mkdir()
    (in_the_way / "x").touch()
    with pytest.raises(OperatorError, match=r"copy before the upgrade.*nothing was changed") as error:
        Registry.open(path, clock=lambda: clock)
    assert "\n" not in str(error.value)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT max(version) FROM schema_version").fetchone() == (1,)


def test_several_that_open_an_old_file_at_once_make_one_copy(path: Path) -> None:
    as_of(path, 2)

    def opens(_n: int) -> bool:
        with Registry.open(path) as registry:
            return registry.call("c1") is not None

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(opens, range(6)))
    assert len(copies(path)) == 1
