"""A registry that is removed, replaced or emptied while the recorder runs; and one that is missing when it starts."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import psycopg
import pytest
from click.testing import CliRunner
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.cli import nagios
from asterisk_privacy.cli.reconcile import reconcile
from asterisk_privacy.cli.registry import registry as registry_command
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.errands import answers
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store import layout


def removed(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def replaced_by_an_empty_one(path: Path) -> None:
    removed(path)
    path.touch(mode=0o600)


def replaced_by_an_older_one(path: Path) -> None:
    removed(path)
    Registry.open(path).close()


def emptied(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        for table in ("audit", "recordings", "calls"):
            db.execute(f"DELETE FROM {table}")


def dropped(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TABLE audit_head")
        db.execute("DROP TABLE audit")


def record(config: Path) -> str:
    """A recording with its file and row."""
    settings = load(config)
    vault, one = vault_of(settings), layout.new_recording_id()
    with Registry.open(settings.registry.path) as registry:
        registry.begin_call(one, "sales", utc_now(), None, None, "in")
        registry.begin_recording(one, one, utc_now(), [settings.book.purposes["complaint"]], 1)
        writer = vault.create(one)
        writer.write(np.full((8000, 2), 1000, np.int16))
        made = writer.seal()
        registry.seal_recording(one, utc_now(), made.size, made.sha256, 1000, False, pieces=made.content.pieces)
        registry.end_call(one, utc_now(), "kept", None, (), ())
    return one


@pytest.mark.parametrize("way", [removed, replaced_by_an_empty_one, replaced_by_an_older_one, emptied, dropped])
async def test_a_registry_that_is_gone_is_told_and_no_call_is_recorded(tmp_path: Path, way: Callable[[Path], None]) -> None:
    config = installed(tmp_path)
    record(config)
    path = load(config).registry.path
    async with whole_daemon(config) as running:
        linked(running)
        await running.registry.look()
        assert running.registry.gone is None and Somebody(running).plan["PRIVACY_PLAN"] == "announce"
        there = path.stat().st_ino
        way(path)
        await running.registry.look()
        assert running.service.health.alarms[Alarm.REGISTRY_GONE] == 1
        await running.registry.look()
        assert running.service.health.alarms[Alarm.REGISTRY_GONE] == 1, "told once"
        assert Somebody(running).plan["PRIVACY_PLAN"] == "none"
        report = await answers(running)["status"]({})
        assert isinstance(report, dict) and nagios.verdict(report).code == 2 and str(path) in str(report["registry"])
        await running.purging.run()
        await running.purging.remind()
        await running.purging.look_at_contents()
        if way is removed:
            assert not path.exists(), "a recorder that runs makes none"
        elif way is emptied:
            assert path.stat().st_ino == there
        running.service.supervisor.link_down("end of the test")


async def test_a_registry_that_is_gone_is_told_and_all_of_it_is_in_a_copy(tmp_path: Path) -> None:
    config = installed(tmp_path)
    one = record(config)
    path = load(config).registry.path
    async with whole_daemon(config) as running:
        removed(path)
        await running.registry.look()
        [copy] = path.parent.glob("registry.sqlite.schema-*")
        assert str(copy) in str(running.registry.gone) and copy.stat().st_mode & 0o077 == 0
        await running.registry._ledger.ask_once(lambda r: r.audit("daemon", "after", "it", {}))
    with pytest.raises(OperatorError, match=rf"missing or empty.*{copy.name}"):
        async with whole_daemon(config):
            pass
    assert not path.exists()
    os.rename(copy, path)
    async with whole_daemon(config) as running:
        assert running.service.health.alarms == {}
        await running.purging.run()
        assert running.purging.astray.found == [] and running.registry.gone is None
    with Registry.open(path, create=False) as registry:
        assert registry.recording(one) is not None
        assert [entry.action for entry in registry.audit_entries() if entry.subject == "it"] == ["after"], "what came after it was gone"


async def test_it_is_back_and_that_is_told(tmp_path: Path) -> None:
    config = installed(tmp_path)
    path = load(config).registry.path
    async with whole_daemon(config) as running:
        linked(running)
        path.rename(aside := tmp_path / "aside")
        await running.registry.look()
        assert running.registry.gone is not None
        aside.rename(path)
        await running.registry.look()
        assert running.registry.gone is None and Somebody(running).plan["PRIVACY_PLAN"] == "announce"
        running.service.supervisor.link_down("end of the test")


@pytest.mark.parametrize("how", ["missing", "empty"])
async def test_no_new_registry_over_recordings(tmp_path: Path, how: str) -> None:
    config = installed(tmp_path)
    one = record(config)
    path = load(config).registry.path
    removed(path)
    if how == "empty":
        path.touch(mode=0o600)
    with pytest.raises(OperatorError, match=r"missing or empty.*restore it from a backup.*begin-anew"):
        async with whole_daemon(config):
            pass
    assert path.exists() == (how == "empty") and (not path.exists() or path.stat().st_size == 0)
    made = CliRunner().invoke(registry_command, ["begin-anew", "--config", str(config)])
    assert made.exit_code == 0, made.output
    assert CliRunner().invoke(registry_command, ["begin-anew", "--config", str(config)]).exit_code == 3, "there is one now"
    async with whole_daemon(config) as running:
        await running.purging.run()
        assert running.purging.astray.kinds == {"orphan-file": 1} and running.service.health.alarms[Alarm.ASTRAY] == 1
    settled = CliRunner().invoke(reconcile, ["--config", str(config), "--settle", "--override-brake"])
    assert settled.exit_code == 0 and not vault_of(load(config)).has(one)


async def test_an_empty_store_begins_with_a_new_registry(tmp_path: Path) -> None:
    config = installed(tmp_path)
    (tmp_path / "recordings").mkdir(mode=0o700)
    (tmp_path / "recordings/lost+found").mkdir()
    async with whole_daemon(config) as running:
        assert running.registry.gone is None
    shutil.rmtree(tmp_path / "recordings")
    removed(load(config).registry.path)
    async with whole_daemon(config) as running:
        assert running.service.health.alarms == {}


async def test_a_database_that_is_emptied_is_seen_and_not_begun_anew(tmp_path: Path, server: Server) -> None:
    config = installed(tmp_path)
    config.write_text(config.read_text().replace("[registry]", f'[registry]\nurl = "{server.url}"\nnode = "pbx-1"'))
    async with whole_daemon(config) as running:
        linked(running)
        await running.registry.look()
        assert running.registry.gone is None
        with psycopg.connect(server.url, autocommit=True) as db:
            db.execute("DROP TABLE audit, audit_head, schema_version CASCADE")
        await running.registry.look()
        assert running.service.health.alarms[Alarm.REGISTRY_GONE] == 1 and Somebody(running).plan["PRIVACY_PLAN"] == "none"
        running.service.supervisor.link_down("end of the test")
