"""Daemons of one registry hear of each other: who is silent, who stopped in order, whose clock is off; and a purger with such a clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from postgres_server import PostgresServer
from upload_house import PURPOSE
from whole_daemon import installed, whole_daemon

from asterisk_privacy import __version__
from asterisk_privacy.cli.main import main
from asterisk_privacy.daemon import ledger as ledgers
from asterisk_privacy.daemon import neighbours
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.metrics import metrics_registry
from asterisk_privacy.daemon.neighbours import Neighbourhood, Now
from asterisk_privacy.daemon.night import run_night
from asterisk_privacy.daemon.report import Disk, Running
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.nodes import SILENT, NodeState, Told
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State

TEN_MINUTES = timedelta(minutes=10)
FINE = Told("0.9.x", utc_now(), 0, None, 0, 0)


def on_server(folder: Path, server: Server, node: str = "pbx-1") -> Path:
    folder.mkdir(exist_ok=True)
    path = installed(folder)
    path.write_text(path.read_text().replace("[registry]\n", f'[registry]\nurl = "{server.url}"\nnode = "{node}"\n'))
    return path


def shifted(by: timedelta) -> Callable[[], datetime]:
    return lambda: utc_now() + by


def age(server: Server, name: str, by: timedelta = SILENT + timedelta(seconds=1)) -> None:
    with psycopg.connect(server.url) as db:
        db.execute("UPDATE nodes SET seen_at = seen_at - %s WHERE name = %s", (by // timedelta(milliseconds=1), name))


async def status(path: Path, *more: str) -> tuple[int, str]:
    done = await asyncio.to_thread(CliRunner().invoke, main, ["status", "--config", str(path), *more])
    return done.exit_code, done.output


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if each had heard of the others for longer than it takes to be silent."""
    monkeypatch.setattr(neighbours, "SILENT", timedelta(seconds=-1))


async def test_status_shows_all_nodes_and_a_stop_in_order_is_not_silence(server: Server, tmp_path: Path) -> None:
    one, two = on_server(tmp_path / "a", server), on_server(tmp_path / "b", server, "pbx-2")
    async with whole_daemon(one):
        async with whole_daemon(two):
            _, shown = await status(one, "--json")
            nodes = json.loads(shown)["nodes"]
            assert [(node["name"], node["state"]) for node in nodes["all"]] == [("pbx-1", "up"), ("pbx-2", "up")]
            assert (nodes["self"], nodes["silent"], nodes["clock"]["off"]) == ("pbx-1", [], None)
        _, shown = await status(one)
        assert "pbx-2 stopped" in " ".join(shown.split())
    with Registry.open(server) as registry:
        assert {row.state for row in registry.nodes.all()} == {NodeState.STOPPED}


@pytest.mark.usefixtures("settled")
async def test_a_silent_node_is_an_alarm_of_the_others_once(server: Server, tmp_path: Path) -> None:
    """A daemon that was killed tells nothing any more."""
    path = on_server(tmp_path, server)
    with Registry.open(replace(server, node="pbx-2")) as other:
        other.nodes.tell(FINE)
    async with whole_daemon(path) as running:
        assert running.neighbours is not None and running.service.health.alarms == {}
        age(server, "pbx-2")
        for _ in range(3):
            await running.neighbours.tell()
        assert running.service.health.alarms == {Alarm.NODE_SILENT: 1}
        code, shown = await status(path, "--json")
        assert code == 1 and json.loads(shown)["nodes"]["silent"] == ["pbx-2"]
        _, shown = await status(path)
        assert "pbx-2 silent since" in shown and f"versions differ: 1 with {__version__}, 1 with 0.9.x" in shown
        code, shown = await status(path, "--nagios")
        assert "nodes silent: pbx-2" in shown
        told = {sample.name: sample for family in metrics_registry(running, Disk(1, 1)).collect() for sample in family.samples}
        assert told["asterisk_privacy_node_silent_seconds"].labels == {"node": "pbx-2"}
        assert told["asterisk_privacy_node_silent_seconds"].value > SILENT.total_seconds()
        with Registry.open(replace(server, node="pbx-2")) as other:
            other.nodes.tell(FINE)
        await running.neighbours.tell()
        age(server, "pbx-2")
        await running.neighbours.tell()
        assert running.service.health.alarms == {Alarm.NODE_SILENT: 2}, "it came back, and is silent again"


async def test_after_the_registry_was_away_nobody_is_silent_who_had_no_time_to_come_back(server: Server, tmp_path: Path) -> None:
    with Registry.open(replace(server, node="pbx-2")) as other:
        other.nodes.tell(FINE)
    age(server, "pbx-2", timedelta(minutes=5))
    async with whole_daemon(on_server(tmp_path, server)) as running:
        assert running.neighbours is not None and running.neighbours.heard is not None
        assert [row.name for row in running.neighbours.heard.silent] == ["pbx-2"]
        assert running.neighbours.silent == () and running.service.health.alarms == {}


async def test_a_registry_that_is_away_cannot_be_told_and_that_is_no_alarm(
    postgres: PostgresServer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asterisk_privacy.registry.server.QUIET_SECONDS", 0.0)
    ledger, health = Ledger(Registry.open(server, actor="recorder", answer_seconds=1.0), Health()), Health()
    watch = Neighbourhood(ledger, health, "pbx-1", server.where, lambda: Now(0, None, 0, 0))
    await watch.tell()
    assert watch.heard is not None
    await asyncio.to_thread(postgres.stop)
    try:
        await watch.tell()
        assert "error" in await watch.report() and health.alarms == {}
    finally:
        await asyncio.to_thread(postgres.start)
    await watch.tell()
    assert "all" in await watch.report()
    await watch.stop()
    ledger.close()


async def test_after_rows_waited_for_the_registry_nobody_is_taken_for_silent(
    postgres: PostgresServer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then telling waits behind them, and does not fail. Seen where the registry was away for five minutes, and each told of the other."""
    monkeypatch.setattr("asterisk_privacy.registry.server.QUIET_SECONDS", 0.0)
    monkeypatch.setattr(ledgers, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(neighbours, "GAP_SECONDS", 0.2)
    with Registry.open(replace(server, node="pbx-2")) as other:
        other.nodes.tell(FINE)
    ledger, health = Ledger(Registry.open(server, actor="recorder", answer_seconds=1.0), Health()), Health()
    watch = Neighbourhood(ledger, health, "pbx-1", server.where, lambda: Now(0, None, 0, 0))
    await watch.tell()
    watch._heard_since = -1e9  # for days
    age(server, "pbx-2")
    await asyncio.to_thread(postgres.stop)
    ledger.post(lambda registry: registry.begin_call("c", "sales", utc_now(), None, None, "in"))
    telling = asyncio.create_task(watch.tell())
    done, _ = await asyncio.wait([telling], timeout=0.3)
    await asyncio.to_thread(postgres.start)
    await telling
    assert not done and watch.heard is not None and [row.name for row in watch.heard.silent] == ["pbx-2"]
    assert watch.silent == () and health.alarms == {}
    ledger.close()


@pytest.mark.parametrize(("by", "words"), [(TEN_MINUTES, "600 s ahead of"), (-TEN_MINUTES, "600 s behind")])
async def test_a_clock_ten_minutes_off_is_an_alarm_with_its_way_out(server: Server, by: timedelta, words: str) -> None:
    ledger, health = Ledger(Registry.open(server, actor="recorder", clock=shifted(by)), Health()), Health()
    watch = Neighbourhood(ledger, health, "pbx-1", server.where, lambda: Now(0, None, 0, 0))
    for _ in range(2):
        await watch.tell()
    assert health.alarms == {Alarm.CLOCK_OFF: 1}, "once an hour"
    clock = (await watch.report())["clock"]
    assert isinstance(clock, dict) and words in clock["off"] and "NTP" in clock["off"]
    ledger.close()


@pytest.fixture
def house(tmp_path: Path, server: Server) -> Iterator[Path]:
    """A recording that is due in five minutes."""
    path = on_server(tmp_path, server)
    with Registry.open(server) as registry:
        at = utc_now() - timedelta(days=1) + timedelta(minutes=5)
        registry.begin_call("c", "sales", at, None, None, "in")
        registry.begin_recording("ab" * 16, "c", at, [PURPOSE], 1)
        registry.seal_recording("ab" * 16, at, 1, "ab" * 32, 1000, False)
    vault = vault_of(load(path))
    file = vault.path("ab" * 16)
    file.parent.mkdir(mode=0o700)
    file.write_bytes(b"x")
    yield path


def test_a_purger_whose_clock_is_ahead_plans_nothing(house: Path, server: Server) -> None:
    config = load(house)
    with Registry.open(server, clock=shifted(TEN_MINUTES)) as ahead:
        for dry_run in (True, False):
            with pytest.raises(OperatorError, match=r"nothing was planned or deleted, since this node's clock is \d+ s ahead") as error:
                run_night(ahead, vault_of(config), config, ahead._engine.clock(), dry_run, override_brake=True)
            assert "\n" not in str(error.value)
        assert ahead.state("ab" * 16) is State.SEALED and ahead.last_purge() is None
    with Registry.open(server, clock=shifted(-TEN_MINUTES)) as behind:
        night = run_night(behind, vault_of(config), config, behind._engine.clock(), dry_run=False, override_brake=True)
        assert night.purge.deleted == () and night.purge.plan.total == 1
    with Registry.open(server) as right:
        night = run_night(right, vault_of(config), config, utc_now() + TEN_MINUTES, dry_run=False, override_brake=True)
        assert night.purge.deleted == ("ab" * 16,)


async def test_the_nightly_purge_with_such_a_clock_is_an_alarm_and_is_tried_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        running: Running = await stack.enter_async_context(whole_daemon(on_server(tmp_path, server)))
        opened = Registry.open

        def ahead(*args: object, **options: object) -> Registry:
            return opened(*args, **options, clock=shifted(TEN_MINUTES))  # type: ignore[arg-type]

        monkeypatch.setattr("asterisk_privacy.daemon.schedule.Registry.open", ahead)
        await running.purging.run()
        monkeypatch.undo()
        assert running.service.health.alarms == {Alarm.PURGE_FAILED: 1} and running.purging.last_run is None
        assert running.purging._scheduler.get_job("purge-again") is not None
