"""Draining ends when nothing is left: no call, no row, no recording that waits for the bucket."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.daemon import draining
from asterisk_privacy.daemon.draining import Draining, Left
from asterisk_privacy.daemon.report import Running, draining_report
from asterisk_privacy.daemon.uploads import Waiting


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    config = installed(tmp_path)
    text = config.read_text().replace("[capture]\n", "[keys]\ngrace_seconds = 0\n[capture]\nquarantine_ms = 200\n")
    config.write_text(text)
    async with whole_daemon(config) as made:
        yield made


async def until(happened: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not happened():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def watched(what: Draining, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """The event: it is to stop."""
    monkeypatch.setattr(draining, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(draining, "LINGER_SECONDS", 0.2)
    stop = asyncio.Event()
    task = asyncio.create_task(what.watch(stop.set))
    yield stop
    task.cancel()


async def test_it_ends_with_the_last_call_and_its_row(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    linked(running)
    caller = Somebody(running)
    caller.talks()
    async with watched(running.draining, monkeypatch) as stop:
        running.draining.begin(stop=True)
        await asyncio.sleep(0.1)
        told = draining_report(running.draining)
        assert (told["on"], told["stops"], told["empty"], told["calls"]) == (True, True, False, 1)
        assert str(told["words"]).startswith("1 call left, longest 0 s")
        caller.ends()
        await until(lambda: draining_report(running.draining)["empty"])
        assert not stop.is_set(), "who waits for it is told first"
        await asyncio.wait_for(stop.wait(), 5)
        (row,) = await running.draining._ledger.ask(lambda registry: registry.calls())
        assert row.outcome is not None


async def test_rows_that_the_registry_does_not_take_are_waited_for(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    linked(running)
    taken = threading.Event()
    running.draining._ledger.post(lambda _registry: taken.wait(10))
    async with watched(running.draining, monkeypatch) as stop:
        running.draining.begin(stop=True)
        await asyncio.sleep(0.1)
        assert draining_report(running.draining)["words"] == "what they left is being written"
        taken.set()
        await asyncio.wait_for(stop.wait(), 5)


async def test_undone_it_does_not_stop(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    linked(running)
    async with watched(running.draining, monkeypatch) as stop:
        running.draining.begin(stop=True)
        await until(lambda: draining_report(running.draining)["empty"])
        await asyncio.sleep(0.1)  # it is about to stop
        running.draining.undo()
        await asyncio.sleep(0.3)
        assert not stop.is_set() and draining_report(running.draining)["on"] is False
        assert Somebody(running).plan["PRIVACY_PLAN"] == "announce"


class Queue:
    """Of uploads, as far as it is looked at."""

    def __init__(self) -> None:
        self.waiting, self.looked_at = Waiting(), 0.0


async def test_a_recording_of_the_last_call_is_waited_for_in_the_bucket(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue()
    drain = Draining(running.service.supervisor, running.draining._ledger, queue)  # type: ignore[arg-type]
    async with watched(drain, monkeypatch):
        drain.begin(stop=False)
        await asyncio.sleep(0.1)
        assert drain.left() == Left(settling=True), "nobody has looked at the queue since"
        queue.waiting, queue.looked_at = Waiting(2, 100), asyncio.get_running_loop().time()
        assert str(drain.left()) == "2 recordings to be uploaded" and not drain.left().nothing
        queue.waiting = Waiting()
        assert drain.left().nothing


def test_in_words() -> None:
    assert str(Left(3, 1, 250.0)) == "3 calls left, longest 4 min, 1 in the grace time"
    assert str(Left(1, 0, 59.9)) == "1 call left, longest 59 s"
    assert str(Left(settling=True)) == "what they left is being written"
    assert str(Left()) == "nothing left"
