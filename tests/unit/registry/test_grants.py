"""Each user of a shared registry can do its work, and nothing that would hide what was done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from postgres_server import PostgresServer
from registry_samples import COMPLAINT, LATER, T0, TRAINING

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.policy.cases import Step
from asterisk_privacy.policy.row_life import RowLife
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.campaigns import Designation
from asterisk_privacy.registry.grants import Role, grants
from asterisk_privacy.registry.nodes import Told
from asterisk_privacy.registry.registry import Registry

As = Callable[..., Registry]


@pytest.fixture
def user(postgres: PostgresServer, server: Server) -> Iterator[As]:
    """user(role, ...) -> the registry as somebody with these roles sees it."""
    made: list[str] = []
    opened: list[Registry] = []
    postgres.let_in("local all all trust")
    postgres.execute("SELECT pg_reload_conf()")

    def open_(*roles: Role) -> Registry:
        name = f"user_{len(made)}"
        postgres.execute(f"CREATE ROLE {name} LOGIN")
        made.append(name)
        with psycopg.connect(server.url, autocommit=True) as db:
            for role in roles:
                for statement in grants(role, name):
                    db.execute(statement.encode())
        opened.append(
            Registry.open(replace(server, url=server.url.replace("tester@", f"{name}@")), clock=lambda: LATER + timedelta(days=900))
        )
        return opened[-1]

    yield open_
    for registry in opened:
        registry.close()
    with psycopg.connect(server.url, autocommit=True) as db:
        for name in made:
            db.execute(f"DROP OWNED BY {name}".encode())
    for name in made:
        postgres.execute(f"DROP ROLE {name}")
    postgres.let_in("local all tester trust", "local all all scram-sha-256")
    postgres.execute("SELECT pg_reload_conf()")


def test_recorder_reviewer_and_purger_can_do_their_work(user: As) -> None:
    recorder, reviewer, purger = user(Role.RECORDER), user(Role.REVIEWER), user(Role.RECORDER, Role.PURGER)
    reviewer.open_campaign(Designation("fault", ["anna"], ["sales"], (T0, LATER), 2, "Telco", "echo"))
    recorder.claim_node()
    for n in ("1", "2"):
        recorder.begin_call(f"c{n}", "sales", T0, "hash", b"sealed", "in")
        recorder.note_consent(f"c{n}", T0, "notice-heard", None)
        recorder.begin_recording(f"r{n}", f"c{n}", T0, [COMPLAINT, TRAINING], 1)
    assert recorder.join_campaign("fault", "c1", "sales", "PJSIP/anna", T0)
    place = recorder.draw_place("training", "PJSIP/anna", "2026-03", 1, lambda n: 0)
    recorder.withdraw_purpose("r2", "training", T0, "the customer asked")
    recorder.erase_recording("r2", T0, "refused")
    recorder.seal_recording("r1", T0, 1, "ab", 1, False)
    assert place is not None and recorder.take_place(place, "r1") is None
    assert recorder.nodes.tell(Told("1.0", T0, 0, None, 0, 0)) is not None and recorder.nodes.brought("r1", "ab", "https://s3.example/")
    for n in ("1", "2"):
        recorder.end_call(f"c{n}", T0, "kept", [Participant.agent("PJSIP/anna")], (), ())
    reviewer.milestone("r1", "reviewed", LATER, "anna", "well done")
    reviewer.open_case("complaint", "K-1", LATER, "anna", "angry")
    reviewer.link_case("K-1", "r1", LATER, "anna")
    reviewer.unlink_case("K-1", "r1", LATER, "anna", "mistaken")
    reviewer.link_case("K-1", "r1", LATER, "anna")
    reviewer.case_step("K-1", Step.CLOSED, LATER, "anna")
    reviewer.release_hold(reviewer.place_hold(LATER, "anna", "claim", ["anna"], recording_id="r1").id, LATER, "anna", "settled")
    reviewer.lesson("r1", LATER + timedelta(days=9), LATER, "anna", "good")
    reviewer.restrict("r1", LATER, "contested")
    reviewer.lift_restriction("r1", LATER, "settled")
    number = reviewer.open_request("access", "agent", "PJSIP/anna", "seen", T0.date(), LATER.date())
    reviewer.extend_request(number, LATER.date(), "much")
    reviewer.close_request(number, "answered")
    reviewer.withdraw_purpose("r1", "training", LATER, "the customer asked")
    with purger.only_one():
        purger.mark_purging("r1", LATER, "due")
        purger.mark_purged("r1", LATER, "due", json.dumps({"found": True}))
        purger.note_purge(LATER, 1, 1, 0, False)
    purger.nodes.retire(LATER, "burnt", {})
    purger.nodes.readmit(LATER, "a new one")
    later = LATER + timedelta(days=800)
    assert purger.expire(later, RowLife(10, 400)).evidence == 1 and purger.calls() == []
    assert recorder.verify_audit().ok and reviewer.verify_audit().ok


UNTOUCHED = (
    "UPDATE audit SET actor = 'x'",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "ALTER TABLE audit DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "DROP TABLE audit",
    "DELETE FROM audit_head",
    "DELETE FROM checkpoints",
    "CREATE TABLE mine (x int)",
)
NOT_THEIRS = {
    Role.RECORDER: (
        "DELETE FROM calls",
        "DELETE FROM recordings",
        "UPDATE legal_holds SET released_at = 1",
        "INSERT INTO milestones (recording_id, kind, at, by, note) VALUES ('r', 'reviewed', 1, 'x', '')",
    ),
    Role.REVIEWER: (
        "UPDATE recordings SET state = 'purged', evidence = '{}'",
        "DELETE FROM recordings",
        "DELETE FROM legal_holds",
        "UPDATE calls SET customer_hash = 'x'",
    ),
    Role.PURGER: ("UPDATE legal_holds SET released_at = 1", "UPDATE recording_purposes SET criterion = '{}'"),
}


@pytest.mark.parametrize("role", Role)
def test_nobody_of_them_can_touch_the_trail_or_do_anothers_work(user: As, role: Role) -> None:
    session = user(role)._engine._raw
    for statement in (*UNTOUCHED, *NOT_THEIRS[role]):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement)
            pytest.fail(statement)
