"""What goes astray between files, rows and the audit trail is told the same night, and until somebody has settled it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from whole_daemon import installed, whole_daemon

from asterisk_privacy.cli import nagios
from asterisk_privacy.cli.reconcile import reconcile
from asterisk_privacy.cli.status import rows
from asterisk_privacy.daemon import file_reading, inspection
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.errands import answers
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.metrics import metrics_registry
from asterisk_privacy.daemon.report import Disk, Running
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.retention.reconcile import Finding, Kind
from asterisk_privacy.store import layout
from asterisk_privacy.store.vault import Vault

NOW = datetime.now(UTC)
PROOF = Purpose("complaint", "handling your complaint", Basis.CONTRACT, "because", Trigger.ALWAYS, Days(30))
LOUD = np.random.default_rng(1).normal(0, 6000, (8000, 2)).astype(np.int16)


@dataclass
class House:
    config: Path
    registry: Registry
    vault: Vault
    ids: list[str]

    def path(self, recording_id: str) -> Path:
        return self.vault.path(recording_id)

    def record(self) -> str:
        one = layout.new_recording_id()
        self.registry.begin_call(one, "sales", NOW, None, None, "in")
        self.registry.begin_recording(one, one, NOW, [PROOF], 1)
        writer = self.vault.create(one)
        writer.write(LOUD)
        made = writer.seal()
        self.registry.seal_recording(one, NOW, made.size, made.sha256, 1000, False, pieces=made.content.pieces)
        self.registry.end_call(one, NOW, "kept", None, (), ())
        return one

    def sql(self, *statements: str) -> None:
        """Somebody who has the file, and no mercy on its guards."""
        with closing(sqlite3.connect(self.registry.where, isolation_level=None)) as db:
            guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in guards:
                db.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                db.execute(statement)
            for _, text in guards:
                db.execute(text)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    config = installed(tmp_path)
    settings = load(config)
    with Registry.open(settings.registry.path) as registry:
        made = House(config, registry, vault_of(settings), [])
        made.ids += [made.record() for _ in range(4)]
        yield made


def row_deleted(house: House) -> Kind:
    house.sql(f"DELETE FROM recordings WHERE id = '{house.ids[0]}'")
    return Kind.ROW_LOST


def row_and_file_deleted(house: House) -> Kind:
    house.path(house.ids[0]).unlink()
    return row_deleted(house)


def row_changed(house: House) -> Kind:
    house.sql(f"UPDATE recordings SET size = 5 WHERE id = '{house.ids[0]}'")
    return Kind.ROW_CHANGED


def file_removed(house: House) -> Kind:
    house.path(house.ids[0]).unlink()
    return Kind.ROW_WITHOUT_FILE


def files_swapped(house: House) -> Kind:
    one, two = (house.path(one) for one in house.ids[:2])
    os.rename(one, aside := one.with_name("aside"))
    os.rename(two, one)
    os.rename(aside, two)
    return Kind.DAMAGED


def file_damaged(house: House) -> Kind:
    path = house.path(house.ids[0])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    return Kind.DAMAGED


def file_cut(house: House) -> Kind:
    os.truncate(house.path(house.ids[0]), 1000)
    return Kind.DAMAGED


def file_of_nobody(house: House) -> Kind:
    (house.path(house.ids[0]).with_name(f"{house.ids[0][:2]}{'0' * 30}.flac.age")).write_bytes(b"whose?")
    return Kind.ORPHAN_FILE


WAYS: list[Callable[[House], Kind]] = [
    row_deleted, row_and_file_deleted, row_changed, file_removed, files_swapped, file_damaged, file_cut, file_of_nobody,
]  # fmt: skip


def told(running: Running) -> dict[str, int]:
    """By kind, as /metrics has it."""
    found = metrics_registry(running, Disk(1 << 40, 1 << 40)).collect()
    (family,) = [family for family in found if family.name == "asterisk_privacy_astray"]
    return {sample.labels["kind"]: int(sample.value) for sample in family.samples if sample.value}


async def status(running: Running) -> dict[str, object]:
    report = await answers(running)["status"]({})
    assert isinstance(report, dict)
    return report


@pytest.mark.parametrize("way", WAYS)
async def test_it_is_told_the_same_night_and_until_it_is_mended(house: House, way: Callable[[House], Kind]) -> None:
    async with whole_daemon(house.config) as running:
        await running.purging.run()
        assert running.service.health.alarms == {} and told(running) == {}, "all is well"
        kept = {one: house.path(one).read_bytes() for one in house.ids}
        with closing(sqlite3.connect(house.registry.where)) as db:
            columns = [name for _, name, *_ in db.execute("PRAGMA table_info(recordings)")]
            before = db.execute(f"SELECT * FROM recordings WHERE id = '{house.ids[0]}'").fetchone()
        kind = way(house)
        await running.purging.run()
        assert running.service.health.alarms[Alarm.ASTRAY] == 1
        assert told(running).get(kind, 0) >= 1
        report = await status(running)
        assert nagios.verdict(report).code == 2 and any(name == "Astray" for name, _ in rows(report))
    async with whole_daemon(house.config) as running:  # started anew it goes on telling
        assert told(running).get(kind, 0) >= 1
        for one, data in kept.items():
            house.path(one).unlink(missing_ok=True)
            house.path(one).write_bytes(data)
        for other in house.path(house.ids[0]).parent.glob(f"*{'0' * 30}.flac.age"):
            other.unlink()
        house.sql(
            f"INSERT OR REPLACE INTO recordings ({', '.join(columns)}) VALUES ("
            + ", ".join("NULL" if v is None else f"X'{v.hex()}'" if isinstance(v, bytes) else repr(v) for v in before)
            + ")"
        )
        await running.purging.run()
        assert told(running) == {} and Alarm.ASTRAY not in running.service.health.alarms


async def test_what_cannot_be_looked_at_is_told_beside_all_else(house: House) -> None:
    """A file where the folder for deletions should be: neither is half a deletion known, nor is anything deleted."""
    shred = house.path(house.ids[0]).parent.parent / layout.SHRED
    kept = house.path(house.ids[0]).read_bytes()
    async with whole_daemon(house.config) as running:
        file_removed(house)
        await running.purging.run()
        assert told(running) == {Kind.ROW_WITHOUT_FILE: 1}
        house.path(house.ids[0]).write_bytes(kept)
        house.path(house.ids[1]).unlink()
        shred.rmdir()
        shred.write_bytes(b"")
        await running.purging.run()
        found = {(row.kind, row.subject): row.what for row in house.registry.soundness.findings.all()}
        assert set(found) == {(Kind.ROW_WITHOUT_FILE, house.ids[1]), (Kind.STRAY, layout.SHRED), (Kind.UNKNOWN, layout.SHRED)}
        assert str(shred) in found[Kind.UNKNOWN, layout.SHRED] and told(running)[Kind.UNKNOWN] == 1
        report = await status(running)
        assert nagios.verdict(report).code == 2
        listed = CliRunner().invoke(reconcile, ["--config", str(house.config)])
        assert listed.exit_code == 1 and all(one in listed.output for one in (str(shred), house.ids[1])), listed.output
        shred.unlink()
        await running.purging.run()
        assert told(running) == {Kind.ROW_WITHOUT_FILE: 1}


def test_in_doubt_a_half_deletion_stays_told(house: House) -> None:
    found = [Finding(Kind.HALF_DELETED, house.ids[0], "its deletion was cut off"), Finding(Kind.TRAIL_BROKEN, "", "broken")]
    shred = house.path(house.ids[0]).parent.parent / layout.SHRED
    assert [kind for kind, *_ in inspection._written(found, house.vault)] == [Kind.TRAIL_BROKEN], "nothing of it is there any more"
    shred.rmdir()
    shred.write_bytes(b"")
    assert [kind for kind, *_ in inspection._written(found, house.vault)] == [Kind.TRAIL_BROKEN, Kind.UNKNOWN, Kind.HALF_DELETED]


async def test_what_the_night_told_is_settled_by_a_person(house: House) -> None:
    file_damaged(house)
    async with whole_daemon(house.config) as running:
        await running.purging.run()
        assert told(running) == {Kind.DAMAGED: 1}
        result = CliRunner().invoke(reconcile, ["--config", str(house.config), "--settle", "--override-brake"])
        assert result.exit_code == 0, result.output
        await running.purging.remind()
        assert told(running) == {} and house.registry.state(house.ids[0]) is State.PURGED


def test_a_person_can_have_all_files_read(house: House) -> None:
    def asked(*options: str) -> tuple[int, list[str]]:
        result = CliRunner().invoke(reconcile, ["--config", str(house.config), "--json", *options])
        return result.exit_code, [one["kind"] for one in json.loads(result.stdout)["items"]]

    file_damaged(house)
    assert asked() == (0, []), "it reads no file that nobody doubts"
    assert asked("--all-files") == (1, [Kind.DAMAGED])
    assert asked() == (1, [Kind.DAMAGED]), "what was found is known from then on"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET detail = '{}' WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit WHERE seq > 5",
        "UPDATE audit SET at = at + 1 WHERE seq = 2",
    ],
)
async def test_the_chain_is_walked_without_a_checkpoint_key(house: House, change: str) -> None:
    async with whole_daemon(house.config) as running:
        house.sql(change)
        await running.purging.run()
        assert running.service.health.alarms[Alarm.AUDIT_BROKEN] == 1
        assert told(running)[Kind.TRAIL_BROKEN] == 1
        assert nagios.verdict(await status(running)).code == 2


async def test_a_trail_that_ends_where_it_ended_before_is_seen(house: House) -> None:
    """Cut at its end, head and all, it agrees with itself; only who knew where it ended sees it."""
    async with whole_daemon(house.config) as running:
        await running.purging.run()
        assert told(running) == {}
        house.sql(
            "DELETE FROM audit WHERE seq > 5",
            "UPDATE audit_head SET entries = 5, hash = (SELECT hash FROM audit WHERE seq = 5)",
            "DELETE FROM recordings", "DELETE FROM recording_purposes",
        )  # fmt: skip
        await running.purging.run()
        assert running.service.health.alarms[Alarm.AUDIT_BROKEN] >= 1 and told(running)[Kind.TRAIL_BROKEN] == 1


async def test_each_file_is_read_within_a_week(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reading, "LEAST", 1)
    seen: list[str] = []
    real = Vault.fingerprint
    monkeypatch.setattr(Vault, "fingerprint", lambda vault, one: seen.append(one) or real(vault, one))
    house.ids += [house.record() for _ in range(10)]
    async with whole_daemon(house.config) as running:
        for night in range(file_reading.DAYS):
            await running.purging.run()
            assert len(seen) == min(2 * (night + 1), 14)
    assert sorted(seen) == sorted(house.ids)


async def test_what_was_put_aside_goes_after_a_month(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (house.vault.path(house.ids[0]).parent / f"{house.ids[0]}.part").symlink_to("/dev/null")
    async with whole_daemon(house.config) as running:
        await running.purging.run()
        assert told(running) == {Kind.SET_ASIDE: 1}
        monkeypatch.setattr(inspection, "MONTH", timedelta(0))
        await running.purging.run()
        assert told(running) == {} and not list(house.vault.strays())


@pytest.mark.parametrize("kind", ["file", "link", "directory"])
async def test_the_trail_tells_what_went_after_a_month(house: House, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = house.path(house.ids[0])
    data = path.read_bytes()
    if kind != "file":
        path.unlink()
        path.symlink_to("/dev/null") if kind == "link" else path.mkdir()
    name = house.vault.put_aside(f"{path.parent.name}/{path.name}")
    if kind == "file":
        path.write_bytes(data)
    monkeypatch.setattr(inspection, "MONTH", timedelta(0))
    async with whole_daemon(house.config) as running:
        await running.purging.run()
    told = {entry.action: entry.detail for entry in house.registry.audit_entries(subject=name)}
    if kind == "directory":
        assert told == {}, "nothing went"
        return
    assert "at" in told["reconcile.remove-stray"]
    evidence = json.loads(told["reconcile.shredded"]["evidence"])
    assert evidence["found"] and evidence["sha256_before"] == (hashlib.sha256(data).hexdigest() if kind == "file" else None)
