"""Two real PBXs, each with its own recorder, one registry on PostgreSQL and one bucket: what is kept is there once, whatever stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from fault_lab import Noisy
from postgres_server import PostgresServer, programs, server
from s3_server import RECORDER, Road, S3Server, road, s3
from sites import ALWAYS, FLAG, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.cli.main import main
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.rows import RecordingRow, State

__all__ = ["road", "s3", "server"]  # fixtures
AWAY_SECONDS = 300.0 if os.environ.get("ASTERISK_PRIVACY_LONG") else 5.0
pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(150 + 2 * AWAY_SECONDS)]

POLICY = ALWAYS + FLAG + profile("sales", '"proof"')
NODES = ("pbx-1", "pbx-2")
DIALPLAN_LINES = """
[from-outside](+)
exten => 440,1,Set(CALLERID(num)=0612345678)
 same => n,Gosub(privacy-start,s,1(sales))
 same => n,Dial(PJSIP/agent,30,tkK)
 same => n,Hangup()
"""


@dataclass
class Node:
    site: Site
    customer: Phone
    agent: Phone

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """In conversation within, and over behind."""
        await self.customer.dial("440")
        await self.until(lambda: self.taps() == 2, "the call is heard")
        yield
        await self.customer.hangup()

    def taps(self) -> object:
        return self._told("capture", "taps")

    def calls(self) -> object:
        return self._told("calls", "now")

    def connected(self) -> bool:
        return bool(self._told("ari", "connected"))

    def _told(self, table: str, key: str) -> object:
        told = self.site.status()[table]
        assert isinstance(told, dict)
        return told[key]

    async def until(self, true: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
        for _ in range(int(seconds / 0.1)):
            if await asyncio.to_thread(true):
                return
            await asyncio.sleep(0.1)
        pytest.fail(f"not within {seconds:g} s: {what}\n{self.site.log[-1500:]}")

    def run(self, *words: str, code: int = 0) -> object:
        done = CliRunner().invoke(main, [*words, "--json", "--config", str(self.site.config)])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if done.stdout else done.stderr


@dataclass
class Company:
    one: Node
    two: Node
    s3: S3Server
    bucket: str

    @property
    def nodes(self) -> tuple[Node, Node]:
        return self.one, self.two

    def rows(self) -> list[RecordingRow]:
        return self.one.site.recordings()

    async def all_in_the_bucket(self, count: int, also_gone: int = 0, seconds: float = 20.0) -> list[RecordingRow]:
        """Sealed, brought there, and gone from the disks; `also_gone` were purged before."""

        def there() -> bool:
            rows = self.rows()
            files = [f for n in self.nodes for f in (n.site.state / "recordings").rglob("*") if f.is_file()]
            sealed = [row for row in rows if row.state is State.SEALED and row.place is not None]
            return len(sealed) == count and len(rows) == count + also_gone and not files

        await self.one.until(there, f"{count} recordings are in the bucket", seconds)
        keys = [key for key, _ in self.s3.all_versions(self.bucket)]
        rows = [row for row in self.rows() if row.state is State.SEALED]
        assert len(keys) == count and all(sum(row.id in key for key in keys) == 1 for row in rows)
        return rows


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """One that keeps what it has committed when it is killed."""
    if programs() is None:
        pytest.skip("no PostgreSQL on this machine: apt install postgresql")
    server = PostgresServer(("fsync=off", "shared_buffers=16MB"))
    yield server
    server.remove()


@pytest.fixture
async def company(
    install: Install, tmp_path: Path, postgres: PostgresServer, server: Server, s3: S3Server, road: Road
) -> AsyncIterator[Company]:
    bucket = s3.bucket("versioned").place.bucket
    key = tmp_path / "s3.key"
    key.write_text(f"[default]\naws_access_key_id = {RECORDER.key_id}\naws_secret_access_key = {RECORDER.secret}\n")
    key.chmod(0o600)
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    nodes: list[Node] = []
    async with AsyncExitStack() as stack:
        for name in NODES:
            port = free_port(socket.SOCK_DGRAM)
            settings = {
                "keys.grace_seconds": "1", "registry.url": f'"{server.url}"', "registry.node": f'"{name}"', "s3.bucket": f'"{bucket}"',
                "s3.endpoint": f'"{road.url}"', "s3.region": '"us-east-1"', "s3.access_key": f'"{key}"',
            }  # fmt: skip
            (tmp_path / name).mkdir()
            site = Site(
                tmp_path / name, install, POLICY, settings=settings, contacts={"agent": port}, sounds=sounds,
                keys_of=nodes[0].site if nodes else None, extra_dialplan=DIALPLAN_LINES,
            )  # fmt: skip
            await stack.enter_async_context(running(site))
            customer = Phone("customer", 0, site.pbx.sip_port, source=Tone(tones.CUSTOMER))
            agent = Phone("agent", port, site.pbx.sip_port, source=Tone(tones.AGENT), answer_after=0.0)
            nodes.append(Node(site, await stack.enter_async_context(customer), await stack.enter_async_context(agent)))
        yield Company(nodes[0], nodes[1], s3, bucket)


def heard(node: Node, recording_id: str) -> tuple[float, float]:
    """Seconds of the customer's voice and of the agent's, on whichever node made it."""
    audio = node.site.listen(recording_id)
    return tuple(  # type: ignore[return-value]
        tones.seconds_of(audio[:, leg], {"it": hz})["it"] for leg, hz in ((0, tones.CUSTOMER), (1, tones.AGENT))
    )


async def both_call(company: Company, seconds: float) -> None:
    async with AsyncExitStack() as stack:
        for node in company.nodes:
            await stack.enter_async_context(node.call())
        await asyncio.sleep(seconds)
    for node in company.nodes:
        await asyncio.to_thread(wait_until_quiet, node.site)


LATE = ("--at", f"{datetime.now(UTC) + timedelta(days=91):%Y-%m-%dT%H:%M}", "--yes", "--override-brake")
ASKED = ("--reason", "a request", "--identity-check", "called back")


async def test_either_node_hears_finds_and_copies_and_one_purger_deletes_for_both(company: Company, tmp_path: Path) -> None:
    await both_call(company, 2.0)
    rows = await company.all_in_the_bucket(2)
    for node in company.nodes:
        assert min(min(heard(node, row.id)) for row in rows) > 1.0
    one, two = company.nodes
    assert one.run("recordings", "list") == two.run("recordings", "list")
    for node in company.nodes:
        found = node.run("subject", "find", "--number", "06 1234 5678", "--reason", "asked")
        assert all(row.id in json.dumps(found) for row in rows), found
    key = tmp_path / "identity.txt"
    key.write_text(one.site.identity.secret + "\n")
    key.chmod(0o600)
    for node in company.nodes:
        copy = tmp_path / f"copy-{node.site.workdir.name}"
        node.run("subject", "export", "--number", "06 1234 5678", "--identity", str(key), "--output", str(copy), "--reason", "asked")
        told = "".join(path.read_text() for path in copy.rglob("*.json"))
        assert len(list(copy.rglob("*.flac"))) == 2 and all(row.id in told for row in rows)
    done = two.run("purge", *LATE)
    assert isinstance(done, dict) and sorted(done["deleted"]) == sorted(row.id for row in rows)
    assert {json.loads(row.evidence or "")["node"] for row in company.rows()} == {"pbx-2"}
    assert one.run("purge", *LATE)["deleted"] == []  # type: ignore[index]
    assert company.s3.all_versions(company.bucket) == []
    assert one.run("audit", "verify") == two.run("audit", "verify")
    nodes = one.run("registry", "nodes")
    assert isinstance(nodes, list) and [(node["name"], node["state"]) for node in nodes] == [("pbx-1", "up"), ("pbx-2", "up")]


async def test_a_person_is_forgotten_on_both_from_either(company: Company) -> None:
    for node in company.nodes:
        await both_call(company, 1.5)
        rows = await company.all_in_the_bucket(2, also_gone=2 * company.nodes.index(node))
        node.run("subject", "erase", "--number", "06 1234 5678", *ASKED)
        gone = {row.id: row for row in company.rows()}
        assert all(gone[row.id].state is State.PURGED for row in rows) and company.s3.all_versions(company.bucket) == []
    company.one.run("audit", "verify")


async def test_a_node_that_does_not_come_back_is_retired_and_the_other_goes_on(company: Company, server: Server) -> None:
    one, two = company.nodes
    await both_call(company, 1.5)
    rows = await company.all_in_the_bucket(2)
    async with two.call():
        await asyncio.sleep(1.5)
        os.kill(two.site.daemon_pid, signal.SIGKILL)
        two.site.stop_daemon()
    assert "s ago; stop it in order" in str(one.run("registry", "retire", "pbx-2", "--reason", "burnt", "--yes", code=3))
    with psycopg.connect(server.url) as db:
        db.execute("UPDATE nodes SET seen_at = seen_at - 360000 WHERE name = 'pbx-2'")
    told = one.run("registry", "retire", "pbx-2", "--reason", "burnt", "--yes")
    assert isinstance(told, dict) and len(told["lost"]) == 1 and told["calls"] == 1 and told["on_its_disk"] == []
    [lost] = [row for row in company.rows() if row.id in told["lost"]]
    assert lost.state is State.ERASED and "retired: burnt" in lost.state_reason
    with pytest.raises(OperatorError, match="node pbx-2 was retired"):
        await asyncio.to_thread(two.site.start_daemon)
    two.site.stop_daemon()
    async with one.call():
        await asyncio.sleep(1.5)
    await asyncio.to_thread(wait_until_quiet, one.site)
    await one.until(lambda: len(company.s3.all_versions(company.bucket)) == 3, "the living node goes on")
    done = one.run("purge", *LATE)
    assert isinstance(done, dict) and {row.id for row in rows} < set(done["deleted"]) and len(done["deleted"]) == 3
    assert company.s3.all_versions(company.bucket) == []
    one.run("audit", "verify")


async def test_a_daemon_killed_in_mid_call_leaves_its_neighbours_recording_alone(company: Company) -> None:
    one, two = company.nodes
    async with one.call(), two.call():
        for node in company.nodes:  # enough for a whole chunk on the disk
            node.customer.say(Noisy(tones.CUSTOMER))
            node.agent.say(Noisy(tones.AGENT))
        await asyncio.sleep(6.0)
        os.kill(one.site.daemon_pid, signal.SIGKILL)
        one.site.stop_daemon()
        await asyncio.to_thread(one.site.start_daemon)
        await one.until(lambda: one.taps() == 2, "the call is taken up")
        await asyncio.sleep(1.5)
    rows = await company.all_in_the_bucket(3)
    assert sorted((row.part, row.truncated) for row in rows) == [(1, False), (1, True), (2, False)]
    assert len({row.call_id for row in rows}) == 2
    one.run("audit", "verify")


async def test_asterisk_killed_in_mid_call_leaves_its_neighbours_call_alone(company: Company) -> None:
    one, two = company.nodes
    async with two.call():
        await one.customer.dial("440")
        await one.until(lambda: one.taps() == 2, "the call is heard")
        await asyncio.sleep(2.0)
        assert one.site.pbx.pid is not None
        os.kill(one.site.pbx.pid, signal.SIGKILL)
        await one.until(lambda: not one.connected(), "the daemon knows that Asterisk is gone")
        await asyncio.to_thread(one.site.pbx.stop)
        await asyncio.to_thread(one.site.pbx.start)
        await one.until(one.connected, "the daemon has its Asterisk again")
    rows = await company.all_in_the_bucket(2)
    assert min(min(heard(two, row.id)) for row in rows) > 0.5  # the killed one's: what was proven by then
    assert [call.outcome for call in two.site.calls()] == ["kept", "kept"]
    two.run("audit", "verify")


@pytest.mark.parametrize("part", ["database", "bucket"])
async def test_a_server_killed_in_mid_call_gets_everything_once(company: Company, postgres: PostgresServer, part: str) -> None:
    """Just when the calls end: rows are written and files are brought at that moment."""
    struck: PostgresServer | S3Server = postgres if part == "database" else company.s3
    async with AsyncExitStack() as stack:
        for node in company.nodes:
            await stack.enter_async_context(node.call())
        await asyncio.sleep(2.0)
        ends = asyncio.create_task(stack.aclose())
        await asyncio.to_thread(struck.kill)
        await ends
    await asyncio.sleep(1.0)
    await asyncio.to_thread(struck.start)
    rows = await company.all_in_the_bucket(2, seconds=60.0)
    assert min(min(heard(company.one, row.id)) for row in rows) > 1.0
    calls = company.one.site.calls()
    assert [call.outcome for call in calls] == ["kept", "kept"] and len({call.id for call in calls}) == 2
    company.two.run("audit", "verify")


async def test_database_and_bucket_away_over_the_end_of_calls(company: Company, postgres: PostgresServer, road: Road) -> None:
    async with AsyncExitStack() as stack:
        for node in company.nodes:
            await stack.enter_async_context(node.call())
        await asyncio.sleep(1.5)
        await asyncio.to_thread(postgres.stop)
        road.open = False
        try:
            await asyncio.sleep(1.5)
            await stack.aclose()  # they hang up
            for node in company.nodes:
                await node.until(lambda node=node: node.calls() == 0, "the call is over")  # type: ignore[misc]
            await asyncio.sleep(AWAY_SECONDS)
        finally:
            await asyncio.to_thread(postgres.start)
            road.open = True
    rows = await company.all_in_the_bucket(2, seconds=20.0 + 1.3 * AWAY_SECONDS)  # an upload that failed waits for twice as long, and again
    assert min(min(heard(company.one, row.id)) for row in rows) > 2.0
    calls = company.one.site.calls()
    assert [call.outcome for call in calls] == ["kept", "kept"] and len({call.id for call in calls}) == 2
    company.two.run("audit", "verify")
