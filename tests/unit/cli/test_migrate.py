"""`migrate`: every row and file of a registry that was in use is in the shared place, as it was, or nothing is and a line says why."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
import pytest
from cli_samples import NOW
from daemon_process import Daemon, Host, host, start
from migrate_samples import NODE, NUMBERED, Moving, in_use
from postgres_server import PostgresServer
from subject_samples import ANNA

from asterisk_privacy.cli.audit import audit
from asterisk_privacy.cli.check_config import check_config
from asterisk_privacy.cli.purge import purge
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.cli.subject import subject
from asterisk_privacy.daemon import moving, old_place
from asterisk_privacy.daemon.config import load
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.dialect import schema_for_postgres
from asterisk_privacy.registry.registry import Registry

__all__ = ["host", "start"]  # fixtures


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_use(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def place(tmp_path: Path, filled: Path, server: Server) -> Iterator[Moving]:
    made = Moving(tmp_path, filled)
    made.shared(server)
    yield made
    made.registry.close()


def is_empty(place: Moving) -> bool:
    return all(not place.there(table) for table in place.tables() if table != "audit_head")


def test_every_row_of_every_table_is_there_as_it_was(place: Moving) -> None:
    before = {table: place.here(table) for table in place.tables()}
    assert all(before.values()), [table for table, rows in before.items() if not rows]  # else this test says nothing of a table
    told = place.moved()
    assert told["findings"] == [] and told["recordings"] == 4 and told["to"] == place.server.where
    for table, rows in before.items():
        there = place.there(table)
        if table == "audit":
            there = [row for row in there if row[0] != told["audit_entry"]]
        if table != "audit_head":
            assert sorted(map(repr, there)) == sorted(repr(tuple(_plain(v, table, place, n) for n, v in enumerate(row))) for row in rows)
        assert told["tables"][table]["rows"] == len(rows) and len(told["tables"][table]["sha256"]) == 64
        assert place.here(table) == rows, f"{table}: the old copy was changed"


def _plain(value: object, table: str, place: Moving, number: int) -> object:
    name = place.columns(table).split(", ")[number].strip('"')
    return bool(value) if name in ("truncated", "marked", "dry_run") else value


def test_the_trail_goes_on_with_its_hashes_and_checkpoints(place: Moving) -> None:
    old = place.here("audit")
    told = place.moved()
    assert told["audit_entry"] == len(old) + 1
    verified = place.json(audit, "verify", "--checkpoint", str(place.folder / "checkpoints.jsonl"))
    assert verified["ok"] and verified["entries"] == len(old) + 1 and verified["checkpoints"] == 2 and verified["signatures_checked"]
    (entry,) = [e for e in place.json(audit, "list", "--subject", "registry") if e["action"] == "registry.move"]
    head = old[-1][place.columns("audit").split(", ").index('"hash"')]
    assert entry["detail"]["head"] == head and entry["detail"]["entries"] == str(len(old)) and entry["actor"].startswith("cli:")
    assert place.json(audit, "checkpoint")["number"] == 3 and place.json(audit, "verify")["ok"]


def test_the_new_place_works_as_the_old_did(place: Moving) -> None:
    place.moved()
    found = place.json(subject, "find", "--number", ANNA)
    assert {row["id"] for row in found} == set(place.ids[:2])
    export = ["export", place.ids[0], "--identity", place.identity_file, "--output", str(place.folder / "x.wav")]
    assert place.run(recordings, *export, "--purpose", "complaint", "--reason", "why").exit_code == 0
    deleted = place.json(purge, "--at", "2029-01-01", "--yes", "--override-brake")["deleted"]
    assert place.ids[3] in deleted and place.ids[1] not in deleted  # a court's hold stands on that one
    assert place.json(audit, "verify")["ok"]


def test_the_next_number_is_free_and_was_never_given(place: Moving) -> None:
    most = {table: max(int(str(row[0])) for row in place.here(table)) for table in NUMBERED}
    place.moved()
    with place.open() as registry:
        assert registry.open_request("access", "number", "h", "x", date(2026, 3, 5), date(2026, 4, 5)) == 8
        registry.open_case("complaint", "C-9", NOW, "me")
        registry.place_hold(NOW, "me", "why", [], recording_id=place.ids[0])
        registry.note_consent(place.ids[0], NOW, "agreed", "1")
    with psycopg.connect(place.server.url) as db:
        for table in NUMBERED:
            row = db.execute(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id'))".encode()).fetchone()
            assert row is not None and row[0] > most[table], table


def test_done_twice_changes_nothing(place: Moving) -> None:
    first = place.moved()
    before = {table: place.there(table) for table in place.tables()}
    again = place.moved()
    assert again["moved_before"] and again["audit_entry"] == first["audit_entry"]
    assert before == {table: place.there(table) for table in place.tables()}
    assert "was moved on" in place.migrate().stdout


def test_a_dry_run_changes_nothing_and_needs_no_tables(place: Moving, postgres: PostgresServer) -> None:
    assert place.moved("--dry-run")["tables"]["recordings"] == {"rows": 5, "sha256": None} and is_empty(place)
    database = postgres.new_database("template1")
    place.shared(postgres.place(database))
    place.vault.path(place.ids[0]).unlink()
    assert place.moved("--dry-run", code=1)["findings"][0]["id"] == place.ids[0]
    with psycopg.connect(place.server.url) as db:
        assert db.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    assert old_place.read(load(place.config)) is None
    assert place.moved(code=1)["tables"]["calls"]["rows"] == 5  # it makes them
    postgres.drop(database)


def test_what_is_missing_or_changed_is_moved_as_a_row_and_told(place: Moving) -> None:
    changed, lost = place.vault.path(place.ids[0]), place.vault.path(place.ids[1])
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    lost.unlink()
    result = place.migrate()
    assert result.exit_code == 1 and f"{place.ids[0]}: its file is not what its row says" in result.stderr
    assert f"{place.ids[1]}: its row says sealed, but no file is there" in result.stderr
    (entry,) = [e for e in place.json(audit, "list", "--subject", "registry") if e["action"] == "registry.move"]
    assert entry["detail"]["findings"] == "2" and set(entry["detail"]["found"].split()) == set(place.ids[:2])
    assert len(place.there("recordings")) == 5 and changed.exists()


def test_a_store_that_is_not_mounted_is_not_taken_for_lost_recordings(place: Moving) -> None:
    place.registry = Registry.open(place.folder / "registry.sqlite")
    for _ in range(20):
        place.vault.path(place.call(ANNA)).unlink()
    result = place.migrate()
    assert result.exit_code == 3 and "is the disk mounted?" in result.stderr and is_empty(place)


def with_sqlite(statements: str) -> Callable[[Moving], object]:
    def spoil(place: Moving) -> None:
        with closing(sqlite3.connect(place.folder / "registry.sqlite")) as db:
            db.executescript(statements)

    return spoil


def begun(place: Moving) -> None:
    with place.open() as registry:
        registry.audit("pbx-2", "said", "hello", {})


def no_url(place: Moving) -> None:
    place.config.write_text(place.old_config)


def elsewhere(place: Moving) -> None:
    """No longer where its recordings are."""
    place.shared(place.server, store="waiting")
    (place.folder / "waiting").mkdir(mode=0o700)
    place.from_store = ("--from-store", str(place.folder / "recordings"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (with_sqlite("DROP TRIGGER audit_update; UPDATE audit SET actor = 'x' WHERE seq = 2"), "its audit trail is not sound (entry 2"),
        (with_sqlite("DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)"), "has schema"),
        (begun, "is not empty (audit, audit_head), and an audit trail cannot be put behind another one"),
        (no_url, "[registry] url is empty"),
        (elsewhere, "without a bucket ([s3]) recordings stay where they are"),
        (lambda place: (place.folder / "registry.sqlite").unlink(), "No such file or directory; name the old file with --from-registry"),
        (lambda place: place.vault.path(place.ids[0]).with_suffix("").with_suffix(".next").write_bytes(b"x"), "reconcile --settle"),
    ],
)
def test_what_stands_in_the_way_is_said_in_a_line_and_nothing_is_moved(
    place: Moving, spoil: Callable[[Moving], object], words: str
) -> None:
    spoil(place)
    result = place.migrate()
    assert result.exit_code == 3 and words in result.stderr and len(result.stderr.splitlines()) == 1, result.output
    assert not place.there("calls") if (place.folder / "registry.sqlite").exists() else True


def test_no_daemon_may_run_on_either_side(place: Moving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "BUSY_SECONDS", 0.2)
    descriptor = os.open(place.folder / "registry.sqlite.lock", os.O_RDWR | os.O_CREAT)  # as daemon/assembly.py holds it
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    refused = place.migrate()
    os.close(descriptor)
    assert refused.exit_code == 3 and "a daemon runs on it" in refused.stderr
    with place.open() as other:
        other.claim_node()
        refused = place.migrate()
    assert refused.exit_code == 3 and f"node {NODE} is taken by" in refused.stderr and is_empty(place)
    with Registry.open(replace(place.server, node="pbx-2")) as another, another.only_one():
        assert "another one is running" in place.migrate().stderr


def test_what_is_written_in_the_old_place_later_is_not_forgotten(place: Moving) -> None:
    place.moved()
    with Registry.open(place.folder / "registry.sqlite") as old:
        old.audit("me", "wrote", "late", {})
    for arguments in ((), ("--remove-old",)):
        result = place.migrate(*arguments)
        assert result.exit_code == 3 and "what came later is only there" in result.stderr
    assert (place.folder / "registry.sqlite").exists()


def test_a_server_that_gives_back_other_rows_gets_none(place: Moving) -> None:
    with psycopg.connect(place.server.url) as db:
        db.execute("ALTER TABLE consents ALTER COLUMN detail TYPE char(300)")  # it fills them up with blanks
    result = place.migrate()
    assert result.exit_code == 3 and "table consents came out otherwise than it went in (" in result.stderr and is_empty(place)


def test_a_table_of_a_later_version_goes_too(place: Moving) -> None:
    """Tables and columns of a later version: nothing in the move has to know them. One that only one side has stops it."""
    later = "CREATE TABLE later (id INTEGER NOT NULL PRIMARY KEY, call_id TEXT NOT NULL REFERENCES calls (id), sealed BLOB)"
    with_sqlite(f"{later}; INSERT INTO later VALUES (5, '{place.ids[0]}', x'00ff27')")(place)
    assert "table later has other columns than on the server" in place.migrate().stderr and not place.there("calls")
    with psycopg.connect(place.server.url) as db:
        db.execute(schema_for_postgres(later).encode())
    assert place.moved()["tables"]["later"]["rows"] == 1 and place.there("later") == [(5, place.ids[0], b"\x00\xff\x27")]


def test_only_the_owner_of_the_tables_can(place: Moving, postgres: PostgresServer) -> None:
    postgres.execute("CREATE ROLE plain LOGIN PASSWORD 'x'")
    database = place.server.url.split("/")[3].split("?")[0]
    (place.folder / "password").write_text("x\n")
    (place.folder / "password").chmod(0o600)
    with psycopg.connect(place.server.url) as db:
        db.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain")
    owner = place.server
    place.shared(replace(owner, url=postgres.url(database, "plain")))
    place.config.write_text(place.config.read_text().replace("[registry]\n", f'[registry]\npassword_file = "{place.folder}/password"\n'))
    result = place.migrate()
    place.server = owner
    assert result.exit_code == 3 and "must be owner" in result.stderr and is_empty(place)
    with psycopg.connect(owner.url) as db:
        db.execute("DROP OWNED BY plain")
    postgres.execute("DROP ROLE plain")


def test_old_copies_are_told_until_they_are_gone(place: Moving) -> None:
    assert "[registry] path" in place.run(check_config).stderr and "asterisk-privacy migrate" in place.run(check_config).stderr
    assert "are still there, and no deletion reaches them" in place.migrate().stderr
    assert "old copies" in place.run(check_config).stderr
    place.json(purge, "--at", "2029-01-01", "--yes", "--override-brake")
    with place.open() as registry:
        row = registry.recording(place.ids[3])
        assert row is not None and row.evidence is not None and "left by the move of" in row.evidence
    assert (place.folder / "registry.sqlite").exists()
    copy = place.folder / "registry.sqlite.schema-6-20260301T091500Z"
    copy.write_bytes((place.folder / "registry.sqlite").read_bytes())
    removed = place.moved("--remove-old")
    assert {gone["name"] for gone in removed["registry"]} == {copy.name, "registry.sqlite"} and removed["findings"] == []
    assert not list(place.folder.glob("registry.sqlite*")) and "old copies" not in place.run(check_config).stderr
    last = place.json(audit, "list", "--subject", "registry")[-1]
    assert last["action"] == "registry.old-copies-removed" and removed["registry"][0]["sha256"] in last["detail"]["registry"]
    assert place.migrate("--remove-old").exit_code == 0
    assert "nothing" not in str(place.json(audit, "verify", code=0)["why"])


def test_nothing_is_removed_before_a_move_has_ended(place: Moving) -> None:
    result = place.migrate("--remove-old")
    assert result.exit_code == 3 and "no finished move" in result.stderr and (place.folder / "registry.sqlite").exists()
    place.moved()
    other = place.folder / "other.sqlite"
    Registry.open(other).close()
    assert "is not what was moved here" in place.migrate("--remove-old", "--from-registry", str(other)).stderr and other.exists()


def test_a_daemon_does_not_start_on_half_a_move(place: Moving) -> None:
    config = load(place.config)
    old_place.write(config, old_place.OldPlace(registry=str(place.folder / "registry.sqlite"), store=""))
    with pytest.raises(OperatorError, match="is not finished: run asterisk-privacy migrate again"):
        old_place.refuse_half_moved(config)
    assert "is not finished" in place.run(check_config).stderr
    place.moved()
    old_place.refuse_half_moved(config)


def test_the_daemon_looks_first_and_tells_of_old_copies(host: Host, start: Callable[..., Daemon], server: Server) -> None:
    host.config.write_text(host.config.read_text().replace("[registry]\n", f'[registry]\nurl = "{server.url}"\nnode = "{NODE}"\n'))
    config, half = load(host.config), old_place.OldPlace(registry="/old.sqlite", store="")
    old_place.write(config, half)
    assert "the move of /old.sqlite is not finished" in host.refused("serve", code=3)
    old_place.write(config, old_place.OldPlace(registry="/old.sqlite", store="", finished=True))
    start()
    (line,) = [line for line in json.loads(host.run("status", "--json").stdout)["advice"] if "old copies" in line]
    assert "/old.sqlite" in line
