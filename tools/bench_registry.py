#!/usr/bin/env python3
"""How many finished recordings a second one PostgreSQL takes from many nodes, and how the purger and a person's request fare among
millions of them.

    python tools/bench_registry.py --nodes 8 --seconds 30 --rows 2000000

Starts Debian's PostgreSQL by itself, with its own settings: each change is on the disk before it counts. Made for one figure to be compared
with another of the same run; a machine of one's own has other disks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import secrets
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import psycopg
from postgres_server import PostgresServer

from asterisk_privacy.daemon.purging import RegistryRows
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.plan import plan

PURPOSE = Purpose("proof", "proof", Basis.CONTRACT, "why", Trigger.ALWAYS, Days(90))
NOW = datetime(2026, 7, 1, 3, 30, tzinfo=UTC)
# one per call, over 90.4 days: at NOW those of the first ten hours of that are due. Without triggers, whose work is done once for all
_GENERATED = (
    "SET session_replication_role = replica",
    """INSERT INTO calls (id, profile, direction, begun_at, ended_at, outcome, agent, customer_hash, node)
    SELECT lpad(to_hex(n), 32, '0'), 'sales', 'in', at, at + 240000, 'kept', 'PJSIP/agent' || n % 50, md5((n % ({rows} / 20 + 1))::text),
        'pbx-' || n % 1000 FROM (SELECT n, {now} - (n::bigint * 1000003 % 7810560000) AS at FROM generate_series(1, {rows}) n) g""",
    """INSERT INTO recordings (id, call_id, part, state, recorded_at, sealed_at, duration_ms, size, sha256, truncated, marked, state_at,
        state_reason, node, promise_set, eventful)
    SELECT id, id, 1, 'sealed', begun_at, ended_at, 240000, 1920000, repeat('0', 64), false, false, ended_at, '', node,
        (SELECT max(id) FROM promise_sets), 0 FROM calls WHERE ended_at IS NOT NULL""",
    """INSERT INTO recording_purposes (recording_id, name, title, basis, reasoning, criterion, added_at)
    SELECT c.id, p.name, p.title, p.basis, p.reasoning, p.criterion, c.begun_at FROM calls c, recording_purposes p
    WHERE c.ended_at IS NOT NULL AND p.recording_id = '{first}'""",
    "SET session_replication_role = origin",
    "ANALYZE",
)


def finished(place: Server, until: float, found: multiprocessing.queues.Queue[list[float]]) -> None:
    """One node: calls that were kept, from their begin to their end, one after the other."""
    took = []
    with Registry.open(place, actor="recorder") as registry:
        while time.monotonic() < until:
            name, at = secrets.token_hex(16), datetime.now(UTC)
            began = time.monotonic()
            registry.begin_call(name, "sales", at, secrets.token_hex(32), None, "in")
            registry.begin_recording(name, name, at, [PURPOSE], 1)
            registry.seal_recording(name, at, 1_920_000, "0" * 64, 240_000, False)
            registry.end_call(name, at, "kept", "PJSIP/agent", (), ())
            took.append(time.monotonic() - began)
    found.put(took)


def inserted(postgres: PostgresServer, database: str, nodes: int, seconds: float) -> dict[str, object]:
    found: multiprocessing.queues.Queue[list[float]] = multiprocessing.Queue()
    until = time.monotonic() + seconds + 2.0
    work = [multiprocessing.Process(target=finished, args=(Server(postgres.url(database), f"pbx-{n}"), until, found)) for n in range(nodes)]
    for one in work:
        one.start()
    took = sorted(t for _ in work for t in found.get(timeout=seconds + 60))
    for one in work:
        one.join()
    return {
        "nodes": nodes,
        "finished recordings a second": round(len(took) / seconds, 1),
        "a recording's four changes, ms (p50, p99, most)": [
            round(1000 * t, 1) for t in (median(took), took[int(0.99 * len(took))], took[-1])
        ],
    }


def timed(work: object, times: int = 3) -> list[float]:
    assert callable(work)
    took = []
    for _ in range(times):
        began = time.monotonic()
        work()
        took.append(round(time.monotonic() - began, 3))
    return took


def among(postgres: PostgresServer, database: str, rows: int) -> dict[str, object]:
    first = secrets.token_hex(16)
    with Registry.open(Server(postgres.url(database), "pbx-7"), actor="recorder") as registry:  # the promise that all live under
        registry.begin_call(first, "sales", NOW, None, None, "in")
        registry.begin_recording(first, first, NOW, [PURPOSE], 1)
    with psycopg.connect(postgres.url(database), autocommit=True) as db:
        began = time.monotonic()
        for statement in _GENERATED:
            db.execute(statement.format(rows=rows, now=round(NOW.timestamp() * 1000), first=first).encode())
        written = time.monotonic() - began
        size = db.execute("SELECT pg_database_size(current_database())").fetchone()
        someone = db.execute("SELECT customer_hash FROM calls OFFSET 1000 LIMIT 1").fetchone()
    assert size and someone
    with Registry.open(Server(postgres.url(database), "pbx-7", shared_files=True), actor="purger") as registry:
        rows_of = RegistryRows(registry)
        due: list[int] = []

        def night(at: datetime) -> None:
            due.append(len(plan(rows_of.maybe_due(at), at, 25, 20, total=rows_of.count()).deletions))

        ordinary = timed(lambda: night(NOW))
        outage = timed(lambda: night(NOW + timedelta(days=5)), 1)
        person = timed(lambda: registry.calls(customer_hash=someone[0]), 20)
    return {
        "rows": rows,
        "written in s": round(written),
        "GB": round(size[0] / 1e9, 2),
        "GB per million": round(size[0] / 1e3 / rows, 3),
        "planning, s (each), due": [ordinary, due[0]],
        "planning after five days without, s, due": [outage, due[-1]],
        "a person's calls, ms (p50, most)": [round(1000 * median(person), 1), round(1000 * max(person), 1)],
    }


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench_registry", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1,4,16", help="how many write at once (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rows", type=int, default=1_000_000, help="among which to plan and to look (0: not)")
    asked = parser.parse_args(arguments)
    postgres = PostgresServer(settings=("shared_buffers=1GB", "max_connections=200", "max_wal_size=8GB"))
    try:
        for nodes in (int(n) for n in asked.nodes.split(",")):
            database = postgres.new_database()
            say(inserted(postgres, database, nodes, asked.seconds))
            postgres.drop(database)
        if asked.rows:
            say(among(postgres, postgres.new_database(), asked.rows))
    finally:
        postgres.remove()
    return 0


def say(found: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
