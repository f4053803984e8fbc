"""What nodes tell of themselves, and what others see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.clocks import Difference, measured
from asterisk_privacy.registry.nodes import SILENT, NodeState, Told
from asterisk_privacy.registry.registry import Registry

START = utc_now() - timedelta(hours=3)
FINE = Told("1.0", START, 3, None, 2, 1)


def clock(shift: timedelta) -> Callable[[], datetime]:
    return lambda: utc_now() + shift


@pytest.fixture
def one(server: Server) -> Iterator[Registry]:
    with Registry.open(server, actor="recorder") as registry:
        yield registry


@pytest.fixture
def two(server: Server) -> Iterator[Registry]:
    with Registry.open(replace(server, node="pbx-2"), actor="recorder") as registry:
        yield registry


def long_silent(server: Server, name: str) -> None:
    with psycopg.connect(server.url) as db:
        db.execute("UPDATE nodes SET seen_at = seen_at - %s WHERE name = %s", (SILENT // timedelta(milliseconds=1) + 1000, name))


def states(registry: Registry) -> dict[str, NodeState]:
    return {row.name: row.state for row in registry.nodes.all()}


def test_each_node_is_seen_by_all_with_what_it_told(one: Registry, two: Registry) -> None:
    one.nodes.tell(FINE)
    two.nodes.tell(replace(FINE, version="1.1", purged_at=START, stopped=True))
    assert one.nodes.all() == two.nodes.all() or states(one) == states(two)
    first, second = one.nodes.all()
    assert (first.name, first.state, first.version, first.calls, first.waiting, first.alarms) == ("pbx-1", NodeState.UP, "1.0", 3, 2, 1)
    assert (second.name, second.state, second.version) == ("pbx-2", NodeState.STOPPED, "1.1")
    assert abs(first.started_at - START) < timedelta(seconds=1) and first.purged_at is None
    assert second.purged_at is not None and abs(second.purged_at - START) < timedelta(seconds=1)
    assert first.silent < timedelta(seconds=5) and first.ahead is not None and abs(first.ahead) < timedelta(seconds=1)


def test_a_node_that_tells_nothing_any_more_is_silent_and_one_that_stopped_in_order_is_not(
    server: Server, one: Registry, two: Registry
) -> None:
    told = one.nodes.tell(FINE)
    assert told is not None and told.silent == () and told.counts[NodeState.UP] == 1
    two.nodes.tell(FINE)
    long_silent(server, "pbx-2")
    told = one.nodes.tell(FINE)
    assert told is not None and [row.name for row in told.silent] == ["pbx-2"] and told.silent[0].silent > SILENT
    assert told.counts == {NodeState.UP: 1, NodeState.SILENT: 1, NodeState.STOPPED: 0, NodeState.RETIRED: 0}
    assert states(one) == {"pbx-1": NodeState.UP, "pbx-2": NodeState.SILENT}
    two.nodes.tell(replace(FINE, stopped=True))
    long_silent(server, "pbx-2")
    told = one.nodes.tell(FINE)
    assert told is not None and told.silent == () and states(one)["pbx-2"] is NodeState.STOPPED


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_node_whose_clock_is_off_is_neither_silent_nor_takes_others_for_silent(server: Server, one: Registry, minutes: int) -> None:
    shift = timedelta(minutes=minutes)
    one.nodes.tell(FINE)
    with Registry.open(replace(server, node="pbx-2"), clock=clock(shift)) as off:
        told = off.nodes.tell(replace(FINE, started_at=START + shift))
        assert told is not None and told.silent == () and told.difference.too_far and told.difference.early == (minutes > 0)
        for registry in (one, off):
            assert set(states(registry).values()) == {NodeState.UP}
            row = registry.nodes.all()[1]
            assert row.ahead is not None and abs(row.ahead - shift) < timedelta(seconds=2)
            assert abs(row.started_at - START) < timedelta(seconds=2)
    difference = one.nodes.difference()
    assert difference is not None and not difference.too_far


def test_telling_waits_for_no_writer_and_leaves_no_trace_in_the_trail(server: Server, one: Registry, two: Registry) -> None:
    before = len(one.audit_entries(None))
    with one._engine.change():
        assert two.nodes.tell(FINE) is not None  # with the lock of one's change held; busy_seconds would end this
    assert len(one.audit_entries(None)) == before and one.verify_audit().ok


def test_a_file_has_no_nodes(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        assert registry.nodes.tell(FINE) is None and registry.nodes.all() == [] and registry.nodes.difference() is None
        assert registry._engine.db.execute_sql("SELECT count(*) FROM nodes").fetchone() == (0,)


def test_a_long_way_to_the_server_is_no_wrong_clock() -> None:
    now = utc_now()
    found = measured(now, now + timedelta(seconds=80), timedelta(seconds=160))  # all of it on one way, or a clock 80 s behind: not known
    assert found == Difference(timedelta(), timedelta(seconds=80)) and not found.too_far
    behind = measured(now, now + timedelta(seconds=90), timedelta(seconds=2))
    assert behind.too_far and not behind.early
    assert behind.in_words("the server").startswith("this node's clock is 89 s behind that of the server; let both follow NTP")
