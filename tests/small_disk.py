"""A real file system that is small, can be filled to its last byte and be made read-only; skips the test where nothing can be mounted."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class SmallDisk:
    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self) -> None:
        """No byte more, and no name more."""
        with contextlib.suppress(OSError):
            for number in range(10_000):
                (self.place / f"filler-{number}").touch()
        with (self.place / "filler-0").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass

    def empty(self) -> None:
        for filler in self.place.glob("filler-*"):
            filler.unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Nobody may have a file open for writing there, as on a real disk."""
        subprocess.run(["mount", "-o", "remount,ro", self.place], check=True)
        try:
            yield
        finally:
            subprocess.run(["mount", "-o", "remount,rw", self.place], check=True)


@contextlib.contextmanager
def small_disk(place: Path, size: str = "1m") -> Iterator[SmallDisk]:
    place.mkdir(mode=0o700, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes=100,mode=0700", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
