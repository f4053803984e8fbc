"""An upgrade of a registry on PostgreSQL, from each version that there was there: with rows in it, and an audit trail that stays sound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from postgres_server import PostgresServer
from registry_samples import COMPLAINT, LATER, T0

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.policy.retention import criterion_to_mapping
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.audit import entry_hash
from asterisk_privacy.registry.checkpoint import Checkpoint, read_file
from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.grants import Role, grants
from asterisk_privacy.registry.migrations import STEPS, m0015_participants, m0017_request_subjects
from asterisk_privacy.registry.migrations.m0001_first import GENESIS
from asterisk_privacy.registry.postgres_schema import POSTGRES_STEPS
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.registry.signing import Signer, Verifier, key_id
from asterisk_privacy.registry.verify import Copy

FIRST = 7  # steps of m0008, the first version that had a server
WITH_SUBJECTS = STEPS.index(m0017_request_subjects.STATEMENTS) + 1
WITH_PARTICIPANTS = STEPS.index(m0015_participants.STATEMENTS) + 1
SIGNER = Signer.generate()
VERIFIER = Verifier({key_id(SIGNER.key.public_key()): SIGNER.key.public_key()})
AT = to_ms(T0)


def as_of(server: Server, version: int, file: Path) -> None:
    """Two nodes' recordings, a trail of one chain that both wrote in, a checkpoint over it, and a user who may write."""
    promise = json.dumps(criterion_to_mapping(COMPLAINT.retention), sort_keys=True, separators=(",", ":"))
    with psycopg.connect(server.url) as db:
        db.execute("CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)")
        for number, statements in enumerate(POSTGRES_STEPS[:version], start=1):
            for statement in statements:
                db.execute(statement.encode())
            db.execute("INSERT INTO schema_version VALUES (%s, 0)", (number,))
        prev = GENESIS
        for seq in range(1, 9):
            node, name = f"pbx-{seq % 2 + 1}", f"r{seq}"
            call = (f"c{seq}", AT, AT, node)
            db.execute(
                "INSERT INTO calls (id, profile, direction, begun_at, ended_at, outcome, node)"
                " VALUES (%s, 'sales', 'in', %s, %s, 'kept', %s)",
                call,
            )
            if version < WITH_PARTICIPANTS:
                db.execute("UPDATE calls SET agent = 'PJSIP/anna'")
            else:
                db.execute("INSERT INTO participants (call_id, number, role, endpoint) VALUES (%s, 0, 'agent', 'PJSIP/anna')", call[:1])
            db.execute(
                "INSERT INTO recordings (id, call_id, part, state, recorded_at, state_at, state_reason, node, sha256, size, duration_ms,"
                " sealed_at, truncated) VALUES (%s, %s, 1, 'sealed', %s, %s, '', %s, 'ab', 1, 1000, %s, FALSE)",
                (name, f"c{seq}", AT, AT, node, AT),
            )
            db.execute(
                "INSERT INTO recording_purposes (recording_id, name, title, basis, reasoning, criterion, added_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (name, COMPLAINT.name, COMPLAINT.title, COMPLAINT.basis.value, COMPLAINT.reasoning, promise, AT),
            )
            action, detail = ("recording.seal", "{}") if seq < 8 else ("audit.checkpoint", '{"number":"1"}')
            digest = entry_hash(prev, seq, AT, node, action, name if seq < 8 else "", detail)
            db.execute(
                "INSERT INTO audit (seq, at, actor, action, subject, detail, prev, hash) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (seq, AT, node, action, name if seq < 8 else "", detail, prev, digest),
            )
            db.execute("UPDATE audit_head SET entries = %s, hash = %s", (seq, digest))
            prev = digest
        db.execute(
            "INSERT INTO requests (kind, about, subject, identity_check, received, due, opened_at, opened_by)"
            " VALUES ('access', 'agent', 'Anna', '', '2026-03-01', '2026-04-01', %s, 'cli:kim')",
            (AT,),
        )
        if version >= WITH_SUBJECTS:
            db.execute("INSERT INTO request_subjects (request_id, subject) SELECT id, 'pjsip/anna' FROM requests")
        unsigned = Checkpoint(1, 8, prev, T0.isoformat(), SIGNER.key_id, "")
        signed = replace(unsigned, signature=SIGNER.sign(unsigned.message))
        db.execute("INSERT INTO checkpoints VALUES (%s, %s, %s, %s, %s, %s)", (1, 8, prev, signed.at, signed.key, signed.signature))
    file.write_text(signed.line + "\n")


@pytest.fixture
def old(postgres: PostgresServer) -> Iterator[Server]:
    database = postgres.new_database("template1")
    yield postgres.place(database)
    postgres.drop(database)


@pytest.mark.parametrize("version", range(FIRST, len(STEPS)))
def test_nothing_is_lost_and_the_trail_goes_on(old: Server, version: int, tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    as_of(old, version, file)
    with Registry.open(replace(old, backed_up=True)) as registry, Registry.open(replace(old, node="pbx-2")) as two:
        assert len(registry.recordings()) == 8 and len(registry.promise_sets()) == 1
        assert {row.participants for row in registry.recordings()} == {(Participant.agent("PJSIP/anna"),)}  # nobody knows when
        assert {one.id for row in registry.recordings() for one in row.requests} == {1}  # they wait for who asks since before
        upgrade, begins, *before = registry.audit_entries(None)
        assert (upgrade.action, upgrade.chain, upgrade.seq) == ("registry.upgrade", "pbx-1", 1)
        assert upgrade.detail["from"] == str(version) and (begins.action, begins.chain, begins.seq) == ("audit.chain", "", 9)
        assert [(e.seq, e.chain) for e in before] == [(seq, "") for seq in range(8, 0, -1)]
        two.mark_purging("r1", LATER, "due")
        two.begin_call("c9", "sales", T0, None, None, "in")
        two.begin_recording("r9", "c9", T0, [COMPLAINT], 1)
        assert registry.state("r9") is State.WRITING and len(registry.promise_sets()) == 1
        registry.soundness.checkpoint(SIGNER, file)
        report = two.verify_audit([Copy("FILE", *read_file(file), own=True)], VERIFIER)
        assert report.ok and report.checkpoints == 2, report.faults
        assert {c.chain: c.entries for c in report.chains} == {"": 11, "pbx-1": 1, "pbx-2": 3}


def test_a_trail_that_was_changed_before_is_still_found_changed(old: Server, tmp_path: Path) -> None:
    as_of(old, FIRST, tmp_path / "checkpoints.jsonl")
    with psycopg.connect(old.url, autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        db.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 3")
    with Registry.open(replace(old, backed_up=True)) as registry:
        assert registry.verify_audit().why == "the first chain: entry 3 was changed: its hash does not fit it"


def test_who_could_write_before_can_begin_a_chain(old: Server, postgres: PostgresServer, tmp_path: Path) -> None:
    as_of(old, FIRST, tmp_path / "checkpoints.jsonl")
    postgres.let_in("local all all trust")
    postgres.execute("SELECT pg_reload_conf()")
    postgres.execute("CREATE ROLE pbx LOGIN")
    try:
        with psycopg.connect(old.url, autocommit=True) as db:
            for statement in grants(Role.RECORDER, "pbx"):
                there = statement.replace(", audit_head", "", 1) if statement.startswith("GRANT INSERT") else statement  # as it was then
                for later in (" participants,", " request_subjects,", " nodes,", " places,", " writers,", " claims,"):
                    there = there.replace(later, "")
                db.execute(there.encode())
        Registry.open(replace(old, backed_up=True)).close()
        with Registry.open(replace(old, url=old.url.replace("tester@", "pbx@"), node="pbx-3")) as recorder:
            recorder.begin_call("c9", "sales", T0, None, None, "in")
            recorder.tell_call("c9", [Participant.agent("PJSIP/anna", 0)], (), ())  # a table that came later
            recorder.end_call("c9", T0, "not-kept", [Participant.agent("PJSIP/anna", 0, 9)], (), ())
    finally:
        with psycopg.connect(old.url, autocommit=True) as db:
            db.execute("DROP OWNED BY pbx")
        postgres.execute("DROP ROLE pbx")
        postgres.let_in("local all tester trust", "local all all scram-sha-256")
        postgres.execute("SELECT pg_reload_conf()")
