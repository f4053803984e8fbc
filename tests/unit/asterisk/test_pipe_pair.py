"""Real FIFOs, written as Asterisk writes them: bursts of 32 KiB that end in the middle of a frame, and the rest at the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from asterisk_privacy.asterisk import pipe_place
from asterisk_privacy.asterisk.pipe_pair import BURST_BYTES, CAPACITY, PipePair
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES, Leg
from asterisk_privacy.errors import OperatorError


def frames(first: int, last: int) -> bytes:
    """Each filled with its number."""
    return b"".join(np.full(FRAME_SAMPLES, n, dtype="<i2").tobytes() for n in range(first, last))


class Mix:
    """A pair, who writes into it, and what was told."""

    def __init__(self, directory: Path) -> None:
        self.told: dict[Leg, list[tuple[float, list[int]]]] = {Leg.CUSTOMER: [], Leg.AGENT: []}
        self.over = 0
        self.full = 0
        self.pair = PipePair(directory, self._sink, self._over, self._full)
        r, t = self.pair.options.removeprefix("r(").removesuffix(")").split(")t(")
        self.paths = Path(r), Path(t)
        self.fds = [os.open(path, os.O_WRONLY | os.O_NONBLOCK) for path in self.paths]

    def _sink(self, leg: Leg, at: float, data: bytes) -> None:
        self.told[leg].append((at, [int(v) for v in np.frombuffer(data, "<i2")[::FRAME_SAMPLES]]))

    def _over(self) -> None:
        self.over += 1

    def _full(self) -> None:
        self.full += 1

    def write(self, r: bytes, t: bytes) -> None:
        for fd, data in zip(self.fds, (r, t), strict=True):
            assert os.write(fd, data) == len(data)

    def end(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds = []


@pytest.fixture
async def mix(tmp_path: Path) -> Iterator[Mix]:
    made = Mix(tmp_path)
    yield made
    made.pair.close()
    made.end()


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(3):
        while not done():
            await asyncio.sleep(0.002)


async def test_a_burst_is_dated_by_its_arrival_and_the_part_of_a_frame_waits_for_its_rest(mix: Mix) -> None:
    stream = frames(0, 110)
    before = time.monotonic()
    mix.write(stream[:BURST_BYTES], stream[:BURST_BYTES])
    await until(lambda: mix.told[Leg.AGENT])
    mix.write(stream[BURST_BYTES:], stream[BURST_BYTES:])
    mix.end()
    await until(lambda: mix.over)
    for leg in Leg:
        (first, burst), (last, rest) = mix.told[leg]
        assert burst == list(range(102)) and rest == list(range(102, 110))
        assert before <= first <= last <= time.monotonic()
    assert [at for at, _ in mix.told[Leg.CUSTOMER]] == [at for at, _ in mix.told[Leg.AGENT]]
    assert not any(path.exists() for path in mix.paths)


async def test_what_one_side_lacks_waits_so_that_both_keep_their_place(mix: Mix) -> None:
    mix.write(frames(0, 5), frames(0, 3))
    await until(lambda: mix.told[Leg.AGENT])
    mix.write(b"", frames(3, 5))
    await until(lambda: len(mix.told[Leg.AGENT]) == 2)
    for leg in Leg:
        assert [values for _, values in mix.told[leg]] == [[0, 1, 2], [3, 4]]


async def test_before_asterisk_opens_it_there_is_no_end_and_the_fifo_stays(tmp_path: Path) -> None:
    """MixMonitor opens with O_CREAT: a FIFO that is gone would become a file."""
    over: list[int] = []
    pair = PipePair(tmp_path, lambda _leg, _at, _frames: None, lambda: over.append(1), lambda: None)
    r, t = (Path(p) for p in pair.options.removeprefix("r(").removesuffix(")").split(")t("))
    first = os.open(r, os.O_WRONLY | os.O_NONBLOCK)
    os.write(first, frames(0, 1))
    await asyncio.sleep(0.02)  # r is heard; t has no writer yet, which looks like an end
    assert t.is_fifo() and not over
    second = os.open(t, os.O_WRONLY | os.O_NONBLOCK)
    os.close(first)
    await asyncio.sleep(0.02)
    assert t.is_fifo() and not over
    os.close(second)
    await until(lambda: over)
    assert not r.exists() and not t.exists()


async def test_muted_it_tells_nothing_and_still_waits_for_the_end(mix: Mix) -> None:
    mix.write(frames(0, 1)[:100], frames(0, 1)[:100])
    mix.pair.mute()
    mix.write(frames(1, 5), frames(1, 5))
    mix.end()
    await until(lambda: mix.over)
    assert mix.told == {Leg.CUSTOMER: [], Leg.AGENT: []}


async def test_a_full_pipe_may_have_lost_audio_and_is_not_believed(mix: Mix) -> None:
    mix.write(bytes(CAPACITY), bytes(CAPACITY))
    with pytest.raises(BlockingIOError):
        os.write(mix.fds[0], bytes(FRAME_BYTES))
    await until(lambda: mix.full)
    assert mix.told[Leg.CUSTOMER] == []


async def test_only_asterisk_can_write_and_nobody_read(mix: Mix) -> None:
    assert [path.stat().st_mode & 0o777 for path in mix.paths] == [0o622, 0o622]


def test_a_directory_on_a_disk_is_refused_in_one_line(tmp_path: Path) -> None:
    disk = Path(__file__).parent
    with pytest.raises(OperatorError, match="is on a disk"):
        pipe_place.make(disk / "pipes")
    (disk / "pipes").rmdir()


def test_what_a_dead_daemon_left_is_let_go_and_what_should_not_be_there_is_destroyed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a-r.sln")
    (tmp_path / "voices.sln").write_bytes(b"in clear")
    kept = os.open(tmp_path / "voices.sln", os.O_RDONLY)
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert pipe_place.release_leftovers(tmp_path) == 1
    assert pipe_place.remove_files(tmp_path) == 2
    assert list(tmp_path.iterdir()) == [] and os.read(kept, 10) == b""
    os.close(kept)
    assert Path("/etc/hostname").stat().st_size


def test_a_thread_that_waits_for_a_reader_is_freed(tmp_path: Path) -> None:
    path = tmp_path / "a-r.sln"
    os.mkfifo(path)
    child = os.fork()
    if not child:
        os.open(path, os.O_WRONLY)  # waits, as MixMonitor's thread does
        os._exit(0)
    deadline = time.monotonic() + 5
    while "fifo_open" not in Path(f"/proc/{child}/wchan").read_text() and "S" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
    pipe_place.release_leftovers(tmp_path)
    assert os.waitpid(child, 0)[1] == 0
