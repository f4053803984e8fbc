"""An upgrade on a disk that is full, or read-only: one line, the registry as it was, and the upgrade as soon as it can be."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from small_disk import SmallDisk, small_disk
from test_upgrade import as_of

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry


def refused(path: Path) -> None:
    with pytest.raises(OperatorError) as error:
        Registry.open(path)
    assert "\n" not in str(error.value) and str(path.parent) in str(error.value)


def as_it_was(path: Path) -> None:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        assert db.execute("SELECT max(version) FROM schema_version").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM recordings").fetchone() == (1,)


def whole(path: Path) -> None:
    with Registry.open(path) as registry:
        assert registry.recording("r1") is not None
        assert registry.verify_audit().ok


def leave_room(disk: SmallDisk, size: int) -> None:
    disk.fill()
    for name in (disk.place / f"filler-{number}" for number in range(1, 20)):
        name.unlink()
    with (disk.place / "filler-0").open("r+b") as filler:
        filler.truncate(max(0, filler.seek(0, 2) - size))


@pytest.mark.parametrize("room", [0, 16384, 65536, 131072, 196608, 262144])
def test_full_at_any_point_of_it(tmp_path: Path, room: int) -> None:
    """For the copy, or for the upgrade after the copy, there is not room enough."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        path = disk.place / "registry.sqlite"
        as_of(path, 1)
        leave_room(disk, room)
        try:
            Registry.open(path).close()
        except OperatorError as error:
            assert "\n" not in str(error)
            disk.empty()
            as_it_was(path)
        else:
            assert room > 65536
        whole(path)
        assert list(path.parent.glob("*.new")) == []


def test_read_only(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        path = disk.place / "registry.sqlite"
        as_of(path, 1)
        with disk.read_only():
            refused(path)
        as_it_was(path)
        whole(path)
