"""What is different where several nodes share the registry: each is its own, and none claims what another does."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from postgres_server import PostgresServer
from registry_samples import COMPLAINT, LATER, T0

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.due import NO_BORDERS
from asterisk_privacy.registry.migrations import STEPS
from asterisk_privacy.registry.postgres_schema import POSTGRES_STEPS
from asterisk_privacy.registry.reading import Ours
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State, WrongState

Says = Callable[..., None]


@pytest.fixture
def one(server: Server) -> Iterator[Registry]:
    with Registry.open(server, actor="recorder") as registry:
        yield registry


@pytest.fixture
def two(server: Server) -> Iterator[Registry]:
    with Registry.open(replace(server, node="pbx-2"), actor="recorder") as registry:
        yield registry


def begin(registry: Registry, name: str, sealed: bool = False) -> None:
    registry.begin_call(f"c-{name}", "sales", T0, None, None, "in")
    registry.begin_recording(f"r-{name}", f"c-{name}", T0, [COMPLAINT], 1)
    if sealed:
        registry.seal_recording(f"r-{name}", T0, 1000, "ab" * 32, 1000, False)


def test_what_a_node_has_begun_is_its_own_and_everybody_sees_it(one: Registry, two: Registry) -> None:
    begin(one, "1")
    begin(two, "2")
    for registry, own, other in ((one, "1", "2"), (two, "2", "1")):
        assert registry.open_calls() == [f"c-{own}"]
        assert [row.id for row in registry.recordings(state=State.WRITING, ours=Ours.OWN)] == [f"r-{own}"]
        assert {row.id for row in registry.recordings()} == {"r-1", "r-2"} and registry.call(f"c-{other}") is not None
        with pytest.raises(WrongState, match="its file is on node pbx-"):
            registry.erase_recording(f"r-{other}", T0, "left over")
        with pytest.raises(WrongState, match="its file is on node pbx-"):
            registry.seal_recording(f"r-{other}", T0, 1, "ab", 1, True)
    assert {row.state for row in one.recordings()} == {State.WRITING}


def test_a_purger_plans_and_deletes_only_what_lies_on_its_node(one: Registry, two: Registry) -> None:
    begin(one, "1", sealed=True)
    begin(two, "2", sealed=True)
    for registry, own, other in ((one, "r-1", "r-2"), (two, "r-2", "r-1")):
        assert registry.sealed_count() == 1 and [found for found, _ in registry.soundness.files.states()] == [own]
        borders = {one_set.number: NO_BORDERS for one_set in registry.promise_sets()}
        assert [found.id for found in registry.maybe_due(borders, False)] == [own]
        with pytest.raises(WrongState, match="do this there"):
            registry.mark_purging(other, LATER, "due")
        registry.mark_purging(own, LATER, "due")
        assert list(registry.purging()) == [own]
        registry.note_purge(LATER, 1, 1, 0, False)
    with pytest.raises(WrongState, match="do this there"):
        two.mark_purged("r-1", LATER, "due", "{}")
    one.mark_purged("r-1", LATER, "due", "{}")
    assert one.audit_entries(1)[0].action == "recording.purged" and one.verify_audit().ok


SHA = "ab" * 32
BUCKET = "https://s3.example/recordings/it's 100 %/"


def test_what_is_in_the_bucket_every_node_deletes_and_what_waits_only_its_own(one: Registry, two: Registry, server: Server) -> None:
    for name in ("1", "2"):
        begin(one, name, sealed=True)
    begin(one, "3")
    assert one.nodes.brought("r-1", SHA, BUCKET)
    assert not one.nodes.brought("r-3", SHA, BUCKET) and not two.nodes.brought("r-2", SHA, BUCKET)
    with Registry.open(replace(server, node="pbx-2", bucket=BUCKET)) as other:
        assert other.sealed_count() == 1 and [found for found, _ in other.soundness.files.states()] == ["r-1"]
        borders = {one_set.number: NO_BORDERS for one_set in other.promise_sets()}
        assert [found.id for found in other.maybe_due(borders, False)] == ["r-1"]
        other.mark_purging("r-1", LATER, "due")
        assert list(other.purging()) == ["r-1"]
        other.mark_purged("r-1", LATER, "due", "{}")
        row = other.recording("r-1")
        assert row is not None and row.evidence == '{"node": "pbx-2"}'
        with pytest.raises(WrongState, match="its file is on node pbx-1, not on pbx-2; do this there"):
            other.mark_purging("r-2", LATER, "due")
        with pytest.raises(WrongState, match="its file is on node pbx-1"):
            other.erase_recording("r-3", LATER, "what is being written is its writer's")
    begin(one, "4", sealed=True)
    assert one.nodes.brought("r-4", SHA, BUCKET)
    with Registry.open(replace(server, node="pbx-2", bucket="https://s3.example/others/")) as apart:
        assert apart.sealed_count() == 0
        with pytest.raises(WrongState, match=r"in https://s3.example/recordings/it's 100 %/, which pbx-2 does not use"):
            apart.mark_purging("r-4", LATER, "due")


def test_a_version_made_elsewhere_waits_on_the_disk_of_who_made_it(one: Registry, server: Server) -> None:
    begin(one, "1", sealed=True)
    one.nodes.brought("r-1", SHA, BUCKET)
    assert list(one.nodes.astray(BUCKET)) == []
    with Registry.open(replace(server, node="pbx-2", bucket=BUCKET)) as other:
        other.deidentify("r-1", LATER, "customer-removed", "ab" * 32, 900, "cd" * 32, None)
        assert list(other.nodes.astray(BUCKET)) == [("r-1", "cd" * 32)] and list(one.nodes.astray(BUCKET)) == []
        with pytest.raises(WrongState, match="on node pbx-2, not on pbx-1"):
            one.mark_purging("r-1", LATER, "due")
        assert not other.nodes.brought("r-1", SHA, BUCKET)  # of the version before: an upload that ended too late
        assert other.nodes.brought("r-1", "cd" * 32, BUCKET) and list(other.nodes.astray(BUCKET)) == []


def test_a_bucket_that_is_called_otherwise_is_written_down_by_each_node(one: Registry) -> None:
    for name in ("1", "2", "3"):
        begin(one, name, sealed=True)
    one.nodes.brought("r-1", SHA, "https://old/")
    one.nodes.brought("r-2", SHA, "https://new/")
    assert list(one.nodes.astray("https://new/")) == [("r-1", SHA), ("r-3", SHA)]
    assert list(one.nodes.astray("https://new/", "r-1")) == [("r-3", SHA)]


def test_two_daemons_with_one_name_are_refused_and_the_name_is_free_when_its_holder_died(server: Server, says: Says) -> None:
    first, second = (Registry.open(server, actor="recorder", busy_seconds=seconds) for seconds in (1, 0.2))
    first.claim_node()
    says(second.claim_node, "node pbx-1 is taken by asterisk-privacy/pbx-1/recorder", "set [registry] node")
    with Registry.open(replace(server, node="pbx-2")) as other:
        other.claim_node()
        assert second.calls() == [] and other.calls() == []
    first.close()
    second.claim_node()
    second.close()


def test_one_purger_at_a_time_over_all_nodes_and_the_second_hears_who(server: Server, one: Registry, two: Registry, says: Says) -> None:
    def purge(registry: Registry) -> None:
        with registry.only_one():
            pass

    with one.only_one():
        says(lambda: purge(two), "another one is running (asterisk-privacy/pbx-1/recorder)", "wait for it")
        begin(two, "2")  # nobody else is held up
    purge(two)
    with pytest.raises(RuntimeError), one.only_one():
        raise RuntimeError
    purge(two)


def test_the_purgers_turn_ends_with_a_holder_that_is_killed(server: Server, one: Registry) -> None:
    code = (
        "import sys, time; from asterisk_privacy.registry.address import Server\n"
        "from asterisk_privacy.registry.registry import Registry\n"
        "with Registry.open(Server(sys.argv[1], 'pbx-9')).only_one(): print('held', flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, server.url], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"held\n"
    with pytest.raises(OperatorError, match="pbx-9"), one.only_one():
        pass
    child.kill()
    child.wait()
    wait_until(lambda: free(one))


def wait_until(happens: Callable[[], bool]) -> None:
    """The server notices a dead client within milliseconds."""
    deadline = monotonic() + 10
    while not happens():
        assert monotonic() < deadline


def free(registry: Registry) -> bool:
    try:
        with registry.only_one():
            return True
    except OperatorError:
        return False


def test_many_processes_append_each_to_its_chain(server: Server) -> None:
    code = (
        "import sys; from asterisk_privacy.registry.address import Server\n"
        "from asterisk_privacy.registry.registry import Registry\n"
        "with Registry.open(Server(sys.argv[1], sys.argv[2]), actor=sys.argv[2], busy_seconds=60) as r:\n"
        "    print('ready', flush=True); sys.stdin.readline()\n"
        "    for n in range(50): r.audit(sys.argv[2], 'x', str(n), {})\n"
    )
    nodes = [f"pbx-{n}" for n in range(4)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    children = [subprocess.Popen([sys.executable, "-c", code, server.url, node], **pipes) for node in nodes]
    assert [child.stdout.readline() for child in children] == [b"ready\n"] * 4
    for child in children:
        child.stdin.write(b"go\n")
        child.stdin.flush()
    assert [child.wait(60) for child in children] == [0, 0, 0, 0], "none was refused"
    with Registry.open(server) as registry:
        report = registry.verify_audit()
        assert report.ok and {one.chain: one.entries for one in report.chains} == {"": 4, **dict.fromkeys(nodes, 50)}
        actors = [entry.actor for entry in registry.audit_entries(None) if entry.action == "x"]
        assert set(actors) == set(nodes) and len(list(itertools.groupby(actors))) > 4, "at the same time"


def test_rows_are_found_in_the_order_of_their_bytes(one: Registry) -> None:
    """The server's own order is another: reconcile compares with files sorted by Python."""
    for name in ("b", "B", "a", "_", "A", "ä"):
        begin(one, name)
    found = [recording for recording, _ in one.soundness.files.states()]
    assert found == sorted(found) and len(found) == 6


def test_a_writer_that_waits_too_long_hears_why_and_then_it_works_again(server: Server, one: Registry, says: Says) -> None:
    with Registry.open(replace(server, node="pbx-2"), busy_seconds=0.05) as hasty:
        with one._engine.change():
            says(lambda: begin(hasty, "2"), "another node or process kept it locked for more than 0.05 s")
            assert hasty.calls() == []
        begin(hasty, "2")
        assert hasty.verify_audit().ok


def test_what_stands_in_the_way_is_one_line(postgres: PostgresServer, server: Server, says: Says, tmp_path: Path) -> None:
    database = server.where.rpartition("/")[2]
    postgres.execute("CREATE ROLE careful LOGIN PASSWORD 'right'")
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    secret.chmod(0o640)
    by_password = Server(postgres.url(database, "careful"), "pbx-1", secret)
    try:
        says(lambda: Registry.open(by_password), "cannot be reached", "wrong user or password")
        says(lambda: Registry.open(replace(by_password, password_file=None)), "wants a password", "password_file")
        secret.write_text("right\n")
        says(lambda: Registry.open(by_password), "no right to do that", "registry grant")
        secret.chmod(0o644)
        says(lambda: Registry.open(by_password), "everybody on this machine can read it")
        says(lambda: Registry.open(replace(by_password, password_file=tmp_path / "none")), "no such file", "password_file")
    finally:
        postgres.execute("DROP ROLE careful")
    says(lambda: Registry.open(postgres.place("nowhere")), "no such database")
    says(lambda: Registry.open(Server("postgresql:///x?host=/nonexistent", "pbx-1")), "nothing listens there")
    says(lambda: Registry.open(Server("postgresql://127.0.0.1:1/x", "pbx-1")), "nothing listens there")
    with psycopg.connect(server.url, autocommit=True) as db:
        db.execute("INSERT INTO schema_version VALUES (99, 0)")
    says(lambda: Registry.open(server), "schema 99 is newer than this program")


def test_an_empty_database_is_for_the_daemon_to_fill_and_another_programs_is_left_alone(postgres: PostgresServer, says: Says) -> None:
    place = postgres.place(postgres.new_database("template1"))
    says(lambda: Registry.open(place, create=False), "is empty", "the daemon makes its tables")
    with psycopg.connect(place.url, autocommit=True) as db:
        db.execute("CREATE TABLE cdr (x int)")
        says(lambda: Registry.open(place), "belongs to another program")
        assert db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall() == [("cdr",)]


def test_an_upgrade_waits_for_a_backup(server: Server, says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    more = [*POSTGRES_STEPS, ["CREATE TABLE later (x bigint)"]]
    monkeypatch.setattr("asterisk_privacy.registry.server.POSTGRES_STEPS", more)
    says(lambda: Registry.open(server), f"schema {len(STEPS)} is older than this program", "pg_dump", "registry upgrade --i-have-a-backup")
    with Registry.open(replace(server, backed_up=True)) as registry:
        assert registry.audit_entries(1)[0].detail == {
            "from": str(len(STEPS)),
            "to": str(len(STEPS) + 1),
            "copy": "made by the administrator",
        }
    Registry.open(server).close()


def test_a_failing_upgrade_changes_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    more = [*POSTGRES_STEPS, ["CREATE TABLE later (x bigint)", "INSERT INTO nowhere VALUES (1)"]]
    monkeypatch.setattr("asterisk_privacy.registry.server.POSTGRES_STEPS", more)
    with pytest.raises(OperatorError, match="nowhere"):
        Registry.open(replace(server, backed_up=True))
    monkeypatch.undo()
    with Registry.open(server) as registry:
        assert registry.verify_audit().ok


def test_even_the_tables_owner_cannot_empty_the_trail_unseen(one: Registry, server: Server) -> None:
    begin(one, "1")
    with psycopg.connect(server.url, autocommit=True) as db:
        for statement in ("TRUNCATE audit", "TRUNCATE audit_head", "TRUNCATE audit, audit_head", "DELETE FROM audit"):
            with pytest.raises(psycopg.IntegrityError):
                db.execute(statement.encode())
        assert one.verify_audit().ok
        db.execute("ALTER TABLE audit DISABLE TRIGGER audit_truncate")
        report = one.verify_audit()
    assert not report.ok and "audit_truncate" in report.why


def test_a_promise_of_any_length_can_be_kept(one: Registry) -> None:
    """An index of PostgreSQL takes 2.7 kB of a text; what is promised may be longer."""
    one.begin_call("c", "sales", T0, None, None, "in")
    long = [replace(COMPLAINT, name=f"p{n}", title="so that your words are kept " * 40) for n in range(6)]
    one.begin_recording("r", "c", T0, long, 1)
    one.begin_call("d", "sales", T0, None, None, "in")
    one.begin_recording("s", "d", T0, long, 1)
    [kept] = [found for found in one.promise_sets() if len(found.promises) == 6]
    assert [promised.name for promised in kept.promises] == [p.name for p in long]


def test_a_session_that_was_cut_off_gives_its_node_back_to_the_same_daemon(server: Server, one: Registry, two: Registry) -> None:
    one.claim_node()
    with psycopg.connect(server.url, autocommit=True) as db:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%/pbx-1/%'")
    begin(one, "1")
    with pytest.raises(OperatorError, match="taken by asterisk-privacy/pbx-1"), Registry.open(server, busy_seconds=0.1) as second:
        second.claim_node()


def test_a_purger_whose_session_was_cut_off_does_not_go_on_without_its_turn(server: Server, one: Registry, two: Registry) -> None:
    begin(one, "1", sealed=True)
    with pytest.raises(OperatorError, match="the purger's turn"), one.only_one():
        with psycopg.connect(server.url, autocommit=True) as db:
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%/pbx-1/%'")
        wait_until(lambda: free(two))
        one.mark_purging("r-1", LATER, "due")
    assert one.state("r-1") is State.SEALED


def test_a_node_that_stands_still_in_a_change_does_not_hold_up_the_others(
    server: Server, one: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asterisk_privacy.registry.server.STANDSTILL_SECONDS", 0.2)
    with Registry.open(replace(server, node="pbx-2"), busy_seconds=5) as still:

        def stand_still() -> None:
            with still._engine.change():
                begin(one, "1")

        with pytest.raises(OperatorError):
            stand_still()
        begin(still, "2")
        assert still.verify_audit().ok and len(still.calls()) == 2
