"""Opening, migrating and sharing the file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from as_user import unprivileged
from registry_samples import COMPLAINT, T0

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.db import RegistryFile, sql
from asterisk_privacy.registry.migrate import migrate
from asterisk_privacy.registry.migrations import STEPS
from asterisk_privacy.registry.registry import Registry


def one_line(error: pytest.ExceptionInfo[OperatorError], *words: str) -> None:
    text = str(error.value)
    assert "\n" not in text and all(word in text for word in words), text


def test_the_file_is_for_its_owner_only_and_opens_again(path: Path) -> None:
    with Registry.open(path) as registry:
        registry.begin_call("c1", "sales", T0, None, None, "in")
        assert {p.stat().st_mode & 0o777 for p in path.parent.iterdir()} == {0o600}
    with Registry.open(path) as registry:
        assert registry.call("c1") is not None and registry.verify_audit().entries == 1
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no copy when there was nothing to migrate


def test_what_stands_in_the_way_is_one_line(path: Path, tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as error:
        Registry.open(tmp_path / "missing" / "registry.sqlite")
    one_line(error, "does not exist", "missing")
    with pytest.raises(OperatorError) as error:
        Registry.open(path, create=False)
    one_line(error, "no such file")
    assert not path.exists()
    path.write_bytes(b"this is no database, whatever its name says " * 50)
    with pytest.raises(OperatorError) as error:
        Registry.open(path)
    one_line(error, str(path), "not a sound SQLite database")
    assert path.read_bytes().startswith(b"this is no database")
    with pytest.raises(OperatorError) as error:
        Registry.open(tmp_path)
    one_line(error, "cannot open it for writing")


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE cdr (x)")
    with pytest.raises(OperatorError) as error:
        Registry.open(path)
    one_line(error, "another program")
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("cdr",)]


def test_a_newer_schema_is_refused(path: Path) -> None:
    Registry.open(path).close()
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO schema_version VALUES (99, 0)")
    with pytest.raises(OperatorError) as error:
        Registry.open(path)
    one_line(error, "schema 99 is newer")


def test_a_file_that_may_not_be_written(path: Path) -> None:
    Registry.open(path).close()
    path.chmod(0o400)

    def refused() -> None:
        with pytest.raises(OperatorError) as error:
            Registry.open(path)
        one_line(error, "cannot open it for writing", str(path))

    unprivileged(path.parent, refused)


def test_a_file_that_became_read_only_meanwhile(path: Path) -> None:
    """SQLite's own switch, so that it can be had as root too; a read-only mount fails in the same words."""
    with Registry.open(path) as registry:
        sql(registry._engine.db, "PRAGMA query_only = 1")
        with pytest.raises(OperatorError) as error:
            registry.begin_call("c1", "sales", T0, None, None, "in")
        one_line(error, "cannot be written", "must belong to the user")


def test_locked_for_too_long_is_one_line_and_then_it_works_again(path: Path) -> None:
    with Registry.open(path, busy_seconds=0.05) as registry:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperatorError) as error:
            registry.begin_call("c1", "sales", T0, None, None, "in")
        one_line(error, f"process {os.getpid()} (", "kept it locked for more than 0.05 s")
        assert registry.calls() == []  # readers are not in the way of a writer, nor it in theirs
        other.execute("ROLLBACK")
        other.close()
        registry.begin_call("c1", "sales", T0, None, None, "in")
        assert registry.verify_audit().ok


def test_use_after_close_is_an_error_not_a_second_connection(path: Path) -> None:
    registry = Registry.open(path)
    registry.close()
    with pytest.raises(OperatorError):
        registry.calls()


def test_made_in_one_thread_and_used_in_others(path: Path) -> None:
    registry = Registry.open(path)

    def use(n: int) -> None:
        for i in range(10):
            registry.begin_call(f"c{n}-{i}", "sales", T0, None, None, "in")
            registry.end_call(f"c{n}-{i}", T0, "not-kept", (), (), ())

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(use, range(3)))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(registry.verify_audit).result().entries == 60
        pool.submit(registry.close).result()


def test_two_registries_in_one_process_do_not_mix(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "a.sqlite") as a, Registry.open(tmp_path / "b.sqlite") as b:
        a.begin_call("c1", "sales", T0, None, None, "in")
        assert b.call("c1") is None and a.call("c1") is not None


def test_several_open_a_new_file_at_once(path: Path) -> None:
    def work(n: int) -> None:
        with Registry.open(path) as registry:
            for i in range(5):
                registry.begin_call(f"c{n}-{i}", "sales", T0, None, None, "in")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    with Registry.open(path) as registry:
        report = registry.verify_audit()
        assert report.ok and report.entries == 30


def test_a_second_registry_in_the_process_does_not_drop_the_locks_of_the_first(path: Path) -> None:
    """Another process would then take itself for the last user and remove the WAL: the rows of the first would be seen by nobody."""
    elsewhere = [
        *(sys.executable, "-c"),
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM calls').fetchone()[0])",
        str(path),
    ]
    with Registry.open(path) as daemon:
        with Registry.open(path):
            pass
        assert subprocess.check_output(elsewhere) == b"0\n"
        daemon.begin_call("c1", "sales", T0, None, None, "in")
        assert subprocess.check_output(elsewhere) == b"1\n"


def test_two_processes_write_one_chain(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from asterisk_privacy.registry.registry import Registry\n"
        "with Registry.open(Path(sys.argv[1]), actor=sys.argv[2]) as r:\n"
        "    for n in range(40): r.audit(sys.argv[2], 'x', str(n), {})\n"
    )
    with Registry.open(path) as registry:
        children = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in ("one", "two")]
        for n in range(40):
            registry.begin_call(f"c{n}", "sales", T0, None, None, "in")
        assert [child.wait(30) for child in children] == [0, 0]
        report = registry.verify_audit()
        assert report.ok and report.entries == 120
        assert {e.actor for e in registry.audit_entries(None)} == {"daemon", "one", "two"}


def opened(path: Path) -> RegistryFile:
    file = RegistryFile(path, "test", utc_now, 1)
    file.connect()
    return file


def test_migration_copies_first_and_applies_in_order(path: Path) -> None:
    with Registry.open(path) as registry:
        registry.begin_call("c1", "sales", T0, None, None, "in")
        registry.begin_recording("r1", "c1", T0, [COMPLAINT], 1)
    file = opened(path)
    migrate(file, [*STEPS, ["ALTER TABLE calls ADD COLUMN extra TEXT"], ["UPDATE calls SET extra = 'two'"]])
    assert sql(file.db, "SELECT id, extra FROM calls").fetchall() == [("c1", "two")]
    assert sql(file.db, "SELECT version FROM schema_version ORDER BY version").fetchall() == [(n,) for n in range(1, len(STEPS) + 3)]
    file.close()
    [copy] = path.parent.glob(f"{path.name}.schema-{len(STEPS)}-*")
    assert copy.stat().st_mode & 0o777 == 0o600
    with Registry.open(copy) as before:
        assert before.call("c1") is not None and before.verify_audit().ok
    with pytest.raises(OperatorError, match="newer than this program"):
        Registry.open(path)


def test_a_failing_migration_changes_nothing(path: Path) -> None:
    Registry.open(path).close()
    file = opened(path)
    with pytest.raises(OperatorError):
        migrate(file, [*STEPS, ["CREATE TABLE second (x)"], ["CREATE TABLE third (x)", "INSERT INTO nowhere VALUES (1)"]])
    file.close()
    with Registry.open(path) as registry:
        assert registry.calls() == []
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('second', 'third')").fetchone() == (0,)
        assert db.execute("SELECT max(version) FROM schema_version").fetchone() == (len(STEPS),)
