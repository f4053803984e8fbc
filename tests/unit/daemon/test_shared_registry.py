"""Daemons that share a registry on PostgreSQL: what a crash left, a night, and a server that is away for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cut_line import CutLine
from postgres_server import PostgresServer
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.daemon import assembly, ledger
from asterisk_privacy.daemon.aftermath import end_calls, settle_after_crash
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.purging import make_purger
from asterisk_privacy.daemon.registry_place import keep_name, refuse_another_name
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault, new_recording_id

PROOF = Purpose("proof", "proof", Basis.CONTRACT, "why", Trigger.ALWAYS, Days(30))
NOW = datetime.now(UTC)
LOUD = np.random.default_rng(1).normal(0, 6000, (8000 * 8, 2)).astype(np.int16)


class Node:
    def __init__(self, server: Server, name: str, folder: Path) -> None:
        self.registry = Registry.open(replace(server, node=name), actor="recorder")
        self.vault = Vault(folder / name, Recipients.of([Identity.generate().public]))

    def torn(self, at: datetime = NOW) -> str:
        """A call in the middle, and what of its recording is on this node's disk."""
        recording = new_recording_id()
        self.registry.begin_call(recording, "orders", at, None, None, "in")
        self.registry.begin_recording(recording, recording, at, [PROOF], 1)
        writer = self.vault.create(recording)
        writer.write(LOUD)
        writer._close()
        return recording

    def sealed(self, at: datetime) -> str:
        recording = self.torn(at)
        end_calls(self.registry, settle_after_crash(self.registry, self.vault, keep=True).calls)
        return recording


@pytest.fixture
def nodes(server: Server, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    one, two = Node(server, "pbx-1", tmp_path), Node(server, "pbx-2", tmp_path)
    yield one, two
    one.registry.close()
    two.registry.close()


def test_a_node_that_starts_settles_what_it_left_and_nothing_of_a_node_that_runs(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    running, left = one.torn(), two.torn()
    nothing_written = new_recording_id()  # of the running node too: its row is there, its file not yet
    one.registry.begin_call(nothing_written, "orders", NOW, None, None, "in")
    one.registry.begin_recording(nothing_written, nothing_written, NOW, [PROOF], 1)
    settled = settle_after_crash(two.registry, two.vault, keep=True)
    assert (settled.sealed, settled.removed, [call.row.id for call in settled.calls]) == (1, 0, [left])
    end_calls(two.registry, settled.calls)
    states = {row.id: row.state for row in one.registry.recordings()}
    assert states == {running: State.WRITING, nothing_written: State.WRITING, left: State.SEALED}
    assert one.registry.open_calls() == [running, nothing_written] or len(one.registry.open_calls()) == 2
    one.registry.erase_recording(nothing_written, NOW, "refused")  # and the running node goes on as if nothing had been
    assert settle_after_crash(one.registry, one.vault, keep=True).sealed == 1


def test_a_purger_claims_nothing_that_lies_on_another_nodes_disk(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    old = NOW - timedelta(days=100)
    here, there = one.sealed(old), two.sealed(old)
    report = make_purger(one.registry, one.vault).run(NOW, dry_run=False, override_brake=True)
    assert report.deleted == (here,) and report.findings == () and report.failed == ()
    assert two.registry.state(there) is State.SEALED and two.vault.path(there).exists()
    assert not one.vault.path(here).exists()
    report = make_purger(two.registry, two.vault).run(NOW, dry_run=False, override_brake=True)
    assert report.deleted == (there,) and not two.vault.path(there).exists()
    assert two.registry.verify_audit().ok


def on_server(folder: Path, server: Server, node: str) -> Path:
    path = installed(folder)
    path.write_text(path.read_text().replace("[registry]\n", f'[registry]\nurl = "{server.url}"\nnode = "{node}"\n'))
    return path


async def test_a_second_daemon_of_the_same_name_does_not_start_and_one_of_another_name_does(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "Registry", _Impatient)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    async with whole_daemon(on_server(tmp_path / "a", server, "pbx-1")) as first:
        with pytest.raises(OperatorError, match="node pbx-1 is taken by asterisk-privacy/pbx-1/recorder"):
            async with whole_daemon(on_server(tmp_path / "b", server, "pbx-1")):
                pytest.fail("it started")
        async with whole_daemon(on_server(tmp_path / "c", server, "pbx-2")) as other:
            for running in (first, other):
                linked(running)
                assert Somebody(running).plan["PRIVACY_PLAN"] == "announce"
    with Registry.open(server) as registry:
        assert {entry.detail["node"] for entry in registry.audit_entries(None) if entry.action == "call.begin"} == {"pbx-1", "pbx-2"}


async def test_a_node_that_is_called_otherwise_does_not_start(server: Server, tmp_path: Path) -> None:
    """Its recordings would be nobody's: no daemon would settle or delete them."""
    path = on_server(tmp_path, server, "pbx-1")
    async with whole_daemon(path):
        pass
    path.write_text(path.read_text().replace('node = "pbx-1"', 'node = "renamed"'))
    with pytest.raises(OperatorError, match=r'set \[registry\] node = "pbx-1"'):
        async with whole_daemon(path):
            pytest.fail("it started")
    path.write_text(path.read_text().replace('node = "renamed"', 'node = "pbx-1"'))
    async with whole_daemon(path):
        assert (tmp_path / "recordings.node").read_text() == "pbx-1\n"
    (tmp_path / "recordings.node").write_bytes(b"\xff\xfe\n")
    for refuse in (refuse_another_name, keep_name):
        with pytest.raises(OperatorError, match=r"recordings\.node: holds no node's name"):
            refuse(load(path))


async def test_a_night_waits_for_the_night_of_another_node(server: Server, tmp_path: Path) -> None:
    async with whole_daemon(on_server(tmp_path, server, "pbx-1")) as running:
        purging = running.purging
        with Registry.open(replace(server, node="pbx-2")) as other, other.only_one():
            await purging.run()
        assert running.service.health.alarms == {} and purging.last_run is None
        assert purging._scheduler.get_job("purge-again") is not None
        await purging.run()
        assert purging.last_run is not None


class _Impatient:
    @staticmethod
    def open(place: Server, actor: str, answer_seconds: float | None = None) -> Registry:
        return Registry.open(place, actor=actor, busy_seconds=0.3, answer_seconds=answer_seconds)


@pytest.fixture
async def book(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ledger]:
    monkeypatch.setattr(ledger, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr("asterisk_privacy.registry.server.QUIET_SECONDS", 0.05)
    monkeypatch.setattr("asterisk_privacy.registry.server.CONNECT_SECONDS", 1)
    registry = Registry.open(server, actor="recorder", answer_seconds=0.5)
    registry.claim_node()
    made = Ledger(registry, Health())
    yield made
    made.close()


async def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.01)


def writes(book: Ledger, count: int, start: int = 0) -> None:
    for n in range(start, start + count):
        book.post(lambda registry, n=n: registry.begin_call(f"c{n}", "sales", NOW, None, None, "in"))
        book.post(lambda registry, n=n: registry.note_consent(f"c{n}", NOW, "notice-heard", None))
        book.post(lambda registry, n=n: registry.end_call(f"c{n}", NOW, "not-kept", (), (), ()))


async def pulse(stop: asyncio.Event) -> float:
    """The longest time for which the event loop stood still."""
    longest, last = 0.0, time.monotonic()
    while not stop.is_set():
        await asyncio.sleep(0.005)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


async def all_there_once(book: Ledger, count: int) -> None:
    await book.drained()
    calls = await book.ask(lambda registry: registry.calls(limit=1000))
    assert len(calls) == count and all(call.outcome == "not-kept" and len(call.consent) == 1 for call in calls)
    report = await book.ask(lambda registry: registry.verify_audit())
    assert report.ok and {one.chain: one.entries for one in report.chains} == {"": 1, "pbx-1": 3 * count}
    assert book.stuck_seconds == 0


@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_a_server_that_is_away_gets_each_row_once_and_the_loop_never_waits(postgres: PostgresServer, book: Ledger, how: str) -> None:
    writes(book, 20)
    await book.drained()
    stop = asyncio.Event()
    pulsing = asyncio.create_task(pulse(stop))
    writes(book, 20, 20)
    away, back = (postgres.stop, postgres.start) if how == "stopped" else (postgres.freeze, postgres.thaw)
    await asyncio.to_thread(away)
    try:
        writes(book, 20, 40)
        await until(lambda: book.stuck_seconds > 0.3)
        assert book._health.alarms == {Alarm.REGISTRY_FAILED: 1}
    finally:
        await asyncio.to_thread(back)
    writes(book, 20, 60)
    await all_there_once(book, 80)
    stop.set()
    assert await pulsing < 1.0


@pytest.fixture
def cut(postgres: PostgresServer, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[CutLine, Ledger]]:
    """A ledger, and the line to its server, which can be cut."""
    monkeypatch.setattr(ledger, "RETRY_SECONDS", 0.01)
    line = CutLine(postgres.folder)
    through = replace(server, url=server.url.replace(str(postgres.folder), str(line.folder)))
    book = Ledger(Registry.open(through, actor="recorder"), Health())
    try:
        yield line, book
    finally:
        book.close()
        line.close()


@pytest.mark.parametrize(
    ("moment", "delivered"),
    [(b"COMMIT\0", True), (b"COMMIT\0", False), (b"INSERT INTO audit", True)],
    ids=["taken", "not taken", "before the end"],
)
async def test_a_change_whose_answer_was_lost_is_made_once(cut: tuple[CutLine, Ledger], moment: bytes, delivered: bool) -> None:
    """A commit that the server got was taken, and must not be made again; one that it did not get, or what came before, must."""
    line, book = cut
    line.delivered = delivered
    for work in (
        lambda registry: registry.begin_call("c0", "sales", NOW, None, None, "in"),
        lambda registry: registry.note_consent("c0", NOW, "notice-heard", None),
        lambda registry: registry.end_call("c0", NOW, "not-kept", (), (), ()),
    ):
        line.cut_at = moment
        book.post(work)
        await book.drained()
        assert line.cut_at is None, "it was cut"
    assert book._health.alarms == {Alarm.REGISTRY_FAILED: 3}, "that it was lost, and no word of an id that is taken"
    await all_there_once(book, 1)


@pytest.mark.parametrize("over", [True, False], ids=["call over", "call going on"])
async def test_a_deletion_whose_answer_was_lost_is_made_once(cut: tuple[CutLine, Ledger], server: Server, over: bool) -> None:
    """Also where it had first to be found out that it must be made alone."""
    line, book = cut
    line.delivered = True
    with Registry.open(server, actor="recorder") as registry:
        registry.begin_call("c", "sales", NOW, None, None, "in")
        registry.begin_recording("r", "c", NOW, [PROOF], 1)
        registry.seal_recording("r", NOW, 1, "ab", 1000, False)
        if over:
            registry.end_call("c", NOW, "kept", (), (), ())
        for work, state in (
            (lambda registry: registry.mark_purging("r", NOW, "objected"), State.PURGING),
            (lambda registry: registry.mark_purged("r", NOW, "objected", "{}"), State.PURGED),
        ):
            line.cut_at = b"COMMIT\0"
            book.post(work)
            await book.drained()
            assert line.cut_at is None and registry.state("r") is state
        assert [entry.action for entry in registry.audit_entries(limit=2)] == ["recording.purged", "recording.purging"]


async def test_nobody_is_announced_while_the_server_is_away(
    postgres: PostgresServer, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "MOST_STUCK_SECONDS", 0.1)
    async with whole_daemon(on_server(tmp_path, server, "pbx-1")) as running:
        linked(running)
        books = running.service.supervisor._tools.ledger
        await asyncio.to_thread(postgres.stop)
        try:
            first = Somebody(running)
            assert first.plan["PRIVACY_PLAN"] == "announce"
            await until(lambda: books.stuck_seconds > 0.1)
            began = time.monotonic()
            assert Somebody(running).plan["PRIVACY_PLAN"] == "none"
            assert time.monotonic() - began < 0.1
        finally:
            await asyncio.to_thread(postgres.start)
        await until(lambda: books.stuck_seconds == 0)
        assert Somebody(running).plan["PRIVACY_PLAN"] == "announce"
        assert await books.ask(lambda registry: registry.call(first.plan["PRIVACY_CALL"])) is not None
