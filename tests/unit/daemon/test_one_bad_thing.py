"""One bad thing among many stops neither a start nor a night: it is put aside or passed over, named and alarmed; the rest is settled."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from as_user import own_folder, unprivileged
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.errands import answers
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.metrics_server import MetricsServer
from asterisk_privacy.daemon.night import run_night
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store import layout
from asterisk_privacy.store.strays import SET_ASIDE
from asterisk_privacy.store.vault import Vault

NOW = datetime.now(UTC)
PROOF = Purpose("complaint", "handling your complaint", Basis.CONTRACT, "because", Trigger.ALWAYS, Days(30))
LOUD = np.random.default_rng(1).normal(0, 6000, (8000 * 8, 2)).astype(np.int16)


@dataclass
class House:
    """A recorder's machine after a crash."""

    config: Path
    registry: Registry
    vault: Vault

    @property
    def store(self) -> Path:
        return self.config.parent / "recordings"

    def begin(self, age: timedelta = timedelta(0)) -> str:
        recording_id = layout.new_recording_id()
        self.registry.begin_call(recording_id, "sales", NOW - age, None, None, "in")
        self.registry.begin_recording(recording_id, recording_id, NOW - age, [PROOF], 1)
        return recording_id

    def torn(self) -> str:
        """Half written when the daemon died."""
        recording_id = self.begin()
        writer = self.vault.create(recording_id)
        writer.write(LOUD)
        writer._close()
        return recording_id

    def sealed(self, age: timedelta = timedelta(0), row: bool = True) -> str:
        recording_id = self.begin(age)
        writer = self.vault.create(recording_id)
        writer.write(LOUD[:8000])
        made = writer.seal()
        if row:
            self.registry.seal_recording(recording_id, NOW - age, made.size, made.sha256, 1000, False)
            self.registry.end_call(recording_id, NOW - age, "kept", None, (), ())
        return recording_id

    def path(self, recording_id: str, suffix: str) -> Path:
        place = layout.place(self.store, recording_id, suffix)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        return place

    def aside(self) -> list[str]:
        return sorted(os.listdir(self.store / SET_ASIDE)) if (self.store / SET_ASIDE).exists() else []


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    config = installed(tmp_path)
    settings = load(config)
    with Registry.open(settings.registry.path) as registry:
        yield House(config, registry, vault_of(settings))


assert MetricsServer  # else it is imported at the start, which another user cannot
Bad = Callable[[House], tuple[str, str]]
"""Makes it; the id of its row (or nothing), and what the alarm names."""


def garbage(house: House) -> tuple[str, str]:
    one = house.sealed(row=False)
    house.path(one, layout.SEALED).write_bytes(b"not age " * 9000)
    return one, f"{one}.flac.age"


def a_directory_as_part(house: House) -> tuple[str, str]:
    one = house.begin()
    (house.path(one, layout.WRITING) / "within").mkdir(parents=True)
    return one, f"{one}.part"


def a_directory_as_sealed(house: House) -> tuple[str, str]:
    one = house.begin()
    house.path(one, layout.SEALED).mkdir()
    return one, f"{one}.flac.age"


def a_link_as_part(house: House) -> tuple[str, str]:
    one = house.begin()
    (house.config.parent / "somebody's").write_bytes(b"not ours to touch")
    house.path(one, layout.WRITING).symlink_to(house.config.parent / "somebody's")
    return one, f"{one}.part"


def a_link_to_nothing(house: House) -> tuple[str, str]:
    one = house.begin()
    house.path(one, layout.WRITING).symlink_to("/nowhere/at/all")
    return one, f"{one}.part"


def a_fifo(house: House) -> tuple[str, str]:
    """Whoever opens it to read waits for a writer for ever."""
    one = house.begin()
    os.mkfifo(house.path(one, layout.WRITING))
    return one, f"{one}.part"


def a_socket(house: House) -> tuple[str, str]:
    one = house.begin()
    place = house.path(one, layout.WRITING)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{os.open(place.parent, os.O_RDONLY)}/s")  # a socket's path is short
    (place.parent / "s").rename(place)
    return one, f"{one}.part"


def a_device(house: House) -> tuple[str, str]:
    one = house.begin()
    if os.geteuid():
        pytest.skip("making a device takes root")
    os.mknod(house.path(one, layout.WRITING), 0o600 | 0o020000, os.makedev(1, 5))
    return one, f"{one}.part"


def a_file_as_folder(house: House) -> tuple[str, str]:
    """Each 256th recording could not be written."""
    name = next(f"{n:02x}" for n in range(256) if not (house.store / f"{n:02x}").exists())
    (house.store / name).write_bytes(b"")
    return "", name


def a_directory_on_its_way_out(house: House) -> tuple[str, str]:
    one = layout.new_recording_id()
    (house.store / "shred" / one / "within").mkdir(parents=True)
    return "", one


def a_fifo_on_its_way_out(house: House) -> tuple[str, str]:
    one = layout.new_recording_id()
    os.mkfifo(house.store / "shred" / one)
    return "", one


BAD: tuple[Bad, ...] = (
    garbage,
    a_directory_as_part,
    a_directory_as_sealed,
    a_link_as_part,
    a_link_to_nothing,
    a_fifo,
    a_socket,
    a_device,
    a_file_as_folder,
    a_directory_on_its_way_out,
    a_fifo_on_its_way_out,
)


@pytest.mark.parametrize("make", BAD, ids=[make.__name__ for make in BAD])
async def test_it_is_put_aside_and_the_daemon_starts(house: House, make: Bad) -> None:
    before, recording_id, name = house.torn(), *make(house)
    after = house.torn()
    async with whole_daemon(house.config) as running:
        health = running.service.health
        assert health.alarms == {Alarm.ASTRAY: 1}
        alarms = (await answers(running)["status"](""))["alarms"]
        assert alarms == {"astray": 1}
        linked(running)
        assert Somebody(running).plan["PRIVACY_PLAN"] == "announce"
        running.service.supervisor.link_down("end of the test")
    assert house.aside() == [name]
    assert {house.registry.state(one) for one in (before, after)} == {State.SEALED}, "the others are settled"
    if recording_id:
        assert house.registry.state(recording_id) is State.ERASED
    elsewhere = house.config.parent / "somebody's"
    assert not elsewhere.exists() or elsewhere.read_bytes() == b"not ours to touch"
    async with whole_daemon(house.config) as running:
        assert running.service.health.alarms == {}, "it is in nobody's way any more"


@pytest.fixture
def folder() -> Iterator[Path]:
    with own_folder() as made:
        yield made


def test_what_another_user_left_unreadable_is_put_aside(folder: Path) -> None:
    """A file and a folder that the recorder's user may not read, as a restore by root leaves them."""
    config = installed(folder)

    def make() -> None:
        settings = load(config)
        with Registry.open(settings.registry.path) as registry:
            house = House(config, registry, vault_of(settings))
            fine, closed = house.torn(), house.torn()
            house.path(closed, layout.WRITING).chmod(0)
            (house.store / "a_").mkdir(mode=0)
            hidden = house.sealed()
            house.path(hidden, layout.SEALED).parent.chmod(0)

            async def start() -> dict[Alarm, int]:
                async with whole_daemon(config) as running:
                    return dict(running.service.health.alarms)

            try:
                assert asyncio.run(start()) == {Alarm.ASTRAY: 1}
                assert house.aside() == [f"{closed}.part"]
                assert [registry.state(one) for one in (fine, closed, hidden)] == [State.SEALED, State.ERASED, State.SEALED]
                night = run_night(registry, house.vault, settings, NOW + timedelta(days=40), dry_run=False, by_the_clock=False)
                assert [failure.item_id for failure in night.purge.failed] == [hidden], "not called gone: nobody can know"
                assert registry.state(hidden) is State.PURGING and registry.state(fine) is State.PURGED
            finally:
                for part in house.store.iterdir():
                    part.chmod(0o700)

    unprivileged(folder, make)


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "ab/notes.txt", "cd/ab12ab12ab12ab12ab12.flac.age", "shred/README", "ab/ABCDEF0123456789.part", "old/", "lost+found/"],
)
async def test_a_name_that_is_no_recordings_stops_nothing_and_stays(house: House, name: str) -> None:
    torn = house.torn()
    place = house.store / name
    place.parent.mkdir(exist_ok=True)
    place.mkdir() if name.endswith("/") else place.write_bytes(b"x")
    async with whole_daemon(house.config) as running:
        assert running.service.health.alarms == {}
    assert place.exists() and house.registry.state(torn) is State.SEALED
    assert [stray.name for stray in house.vault.strays()] == ([] if name == "lost+found/" else [name.rstrip("/")])


@pytest.mark.parametrize("column", ["spans = 'scribbles'", "marks = '[[1]]'", "outcome = 'lost', ended_at = NULL", "begun_at = 1e30"])
async def test_a_row_that_cannot_be_read_stops_no_other(house: House, column: str) -> None:
    bad, good = house.torn(), house.torn()
    with sqlite3.connect(house.registry.where) as db:
        db.execute("PRAGMA ignore_check_constraints = 1")
        db.execute(f"UPDATE calls SET {column} WHERE id = ?", (bad,))
    async with whole_daemon(house.config) as running:
        assert running.service.health.alarms == {Alarm.ASTRAY: 1}
        assert [call for call in running.service.supervisor._left] == [good]
    assert {house.registry.state(one) for one in (bad, good)} == {State.SEALED}


async def test_a_request_that_cannot_be_read_stops_no_start(house: House) -> None:
    with sqlite3.connect(house.registry.where) as db:
        columns = "kind, about, subject, identity_check, received, due, opened_at, opened_by"
        db.execute(f"INSERT INTO requests ({columns}) VALUES ('access', 'number', 'h', 'x', '2026-11-01', 'soon', 0, 'anna')")
    async with whole_daemon(house.config) as running:
        assert running.service.health.alarms == {Alarm.REGISTRY_FAILED: 1}


def test_a_bad_version_stops_no_night(folder: Path) -> None:
    """One that a crash left beside a recording, and that cannot be read."""
    config = installed(folder)

    def night() -> None:
        settings = load(config)
        with Registry.open(settings.registry.path) as registry:
            house = House(config, registry, vault_of(settings))
            due, kept = house.sealed(timedelta(days=31)), house.sealed()
            house.path(kept, layout.NEXT).write_bytes(b"x")
            house.path(kept, layout.NEXT).chmod(0)
            made = run_night(registry, house.vault, settings, NOW, dry_run=False, override_brake=True)
            assert made.purge.deleted == (due,) and [failure.item_id for failure in made.purge.failed] == [kept]

    unprivileged(folder, night)


def test_what_was_put_aside_goes_with_its_recording(house: House) -> None:
    one = house.sealed()
    copy = house.path(one, layout.SEALED).read_bytes()
    house.vault.put_recording_aside(one)
    house.path(one, layout.SEALED).write_bytes(copy)
    assert house.aside() == [f"{one}.flac.age"]
    house.vault.shred(one)
    assert house.aside() == [] and not house.vault.has(one)
