"""A clock that contradicts the audit trail: nothing is deleted by it, and it is told until somebody has settled it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.cli import nagios
from asterisk_privacy.cli.purge import purge
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.errands import answers
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.night import Night, run_night
from asterisk_privacy.daemon.schedule import TURN, PurgeSchedule
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clocks import doubt
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.vault import Vault

T0 = datetime(2026, 11, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
IN_2097 = datetime(2097, 3, 1, 9, tzinfo=UTC)
PROOF = Purpose("complaint", "handling your complaint", Basis.CONTRACT, "because", Trigger.ALWAYS, Days(30))


@dataclass
class House:
    """A recorder's machine whose clock can be set."""

    config: Config
    path: Path
    registry: Registry
    vault: Vault
    now: datetime

    def record(self, count: int = 1) -> list[str]:
        """Calls of this moment, sealed, with their files."""
        made = []
        for _ in range(count):
            recording_id = secrets.token_hex(16)
            self.registry.begin_call(recording_id, "sales", self.now, "h", b"sealed", "in")
            self.registry.begin_recording(recording_id, recording_id, self.now, [PROOF], 1)
            self.registry.seal_recording(recording_id, self.now, 3, hashlib.sha256(b"age").hexdigest(), 1000, False)
            self.registry.end_call(recording_id, self.now, "kept", None, (), ())
            self.vault.path(recording_id).parent.mkdir(mode=0o700, exist_ok=True)
            self.vault.path(recording_id).write_bytes(b"age")
            made.append(recording_id)
        return made

    def night(self, at: datetime | None = None, dry_run: bool = False, override_brake: bool = False, clock_is_right: bool = False) -> Night:
        self.now = at or self.now
        return run_night(self.registry, self.vault, self.config, self.now, dry_run, override_brake, clock_is_right=clock_is_right)

    def left(self, ids: list[str]) -> int:
        """Files, whose rows must say the same."""
        rows = sum(self.registry.state(one) is State.SEALED for one in ids)
        assert rows == sum(self.vault.has(one) for one in ids)
        return rows


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    path = installed(tmp_path)
    config = load(path)
    made = House(config, path, None, vault_of(config), T0)  # type: ignore[arg-type]
    with Registry.open(config.registry.path, clock=lambda: made.now) as made.registry:
        yield made


def set_clock(monkeypatch: pytest.MonkeyPatch, to: datetime) -> None:
    """Of this process, as `utc_now` reads it: it stands still then."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return to.astimezone(tz)

    monkeypatch.setattr("asterisk_privacy.registry.clock.datetime", Wrong)


def test_a_clock_in_2097_deletes_none_of_nine(house: House) -> None:
    nine = house.record(9)
    house.night(T0 + DAY)
    for at in (IN_2097, IN_2097 + DAY, IN_2097 + 2 * DAY):
        night = house.night(at)
        assert house.left(nine) == 9 and not night.rows and house.registry.call(nine[0]) is not None
        assert night.clock is not None and night.purge.brake is not None and not night.purge.clean
        for words in ("2097-03-0", "2026-11-02", "ahead of the audit trail", "purge --clock-is-right", "set the clock"):
            assert words in night.purge.brake
        house.record()  # calls that go on by the wrong clock prove nothing
    assert len(house.night(dry_run=True).purge.plan.deletions) == 9, "one may look"
    last = house.registry.last_purge()
    assert last is not None and last.at == T0 + DAY, "a run that was stopped is none"
    assert house.night(override_brake=True).clock is not None and house.left(nine) == 9, "that vouches for no clock"
    assert set(house.night(clock_is_right=True).purge.deleted) == set(nine), "a person says that the clock is right"
    assert house.night(IN_2097 + 3 * DAY).clock is None


def test_who_vouches_for_the_clock_overrides_no_brake(house: House) -> None:
    """The recorder was off for over a week. Meanwhile the policy was changed, or its disk is not mounted."""
    nine = []
    for number in range(9):
        nine += house.record()
        house.night(T0 + (number + 1) * DAY)
    sound = house.config
    purpose = replace(sound.book.purposes["complaint"], retention=Days(1))
    house.config = replace(sound, book=replace(sound.book, purposes={"complaint": purpose}))
    assert house.night(T0 + 33 * DAY).clock is not None
    night = house.night(clock_is_right=True)
    assert night.clock is None and "all 9 recordings" in (night.purge.brake or "") and house.left(nine) == 9
    assert house.night().clock is None, "it is said once"
    house.config = sound
    store = house.vault.path(nine[0]).parent.parent
    store.rename(store.with_name("elsewhere"))
    store.mkdir(mode=0o700)
    night = house.night(T0 + 63 * DAY, clock_is_right=True)
    assert night.clock is None and "is it mounted?" in (night.purge.brake or "")
    assert all(house.registry.state(one) is State.SEALED for one in nine)


def test_a_clock_that_is_right_again_goes_on_by_itself(house: House) -> None:
    old = house.record(2)
    house.night(T0 + DAY)
    house.night(IN_2097)
    wrong = house.record(3)
    house.now = T0 + 2 * DAY
    house.record()
    for number in range(2, 31):
        night = house.night(T0 + number * DAY)
        assert night.clock is None and night.purge.brake is None
    assert house.left(old) == 0 and house.left(wrong) == 3


def test_a_slip_in_the_policy_does_not_empty_a_small_store(house: House) -> None:
    """30 days become 1: nine recordings of nine days are due at once, and each night until somebody has looked."""
    nine = []
    for number in range(9):
        nine += house.record()
        assert house.night(T0 + (number + 1) * DAY).purge.clean
    purpose = replace(house.config.book.purposes["complaint"], retention=Days(1))
    house.config = replace(house.config, book=replace(house.config.book, purposes={"complaint": purpose}))
    for number in (10, 11):
        night = house.night(T0 + number * DAY)
        assert night.purge.brake is not None and house.left(nine) == 9
        assert "all 9 recordings" in night.purge.brake and "purge --override-brake" in night.purge.brake
    assert house.night(override_brake=True).purge.brake is None and house.left(nine) == 0


def test_a_small_site_presses_no_button(house: House) -> None:
    """A call every other day, kept for thirty: each night's end is ordinary, also when the last of all goes after the holidays."""
    made = []
    for number in range(60):
        if number % 2 == 0 and number < 28:
            made += house.record()
        if not 40 < number < 46:  # switched off
            night = house.night(T0 + (number + 1) * DAY)
            assert night.purge.clean and night.purge.brake is None, number
        house.now = T0 + (number + 1) * DAY
    assert house.left(made) == 0


def let_lie(house: House, how: str, ids: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """Keeps them from being deleted, and gives back what ends that."""
    registry, store = house.registry, house.vault.path(ids[0]).parent.parent
    aside = store.with_name("elsewhere")
    if how == "request":
        number = registry.open_request("access", "number", "h", "", T0.date(), T0.date() + 90 * DAY)
        return lambda: registry.close_request(number, "answered")
    if how == "hold":
        holds = [registry.place_hold(T0, "anna", "claim", ["anna"], recording_id=one) for one in ids]
        return lambda: [registry.release_hold(hold.id, house.now, "anna", "settled") for hold in holds]
    if how == "restriction":
        for one in ids:
            registry.restrict(one, T0, "disputed")

        def lift() -> None:
            for one in ids:
                registry.lift_restriction(one, house.now, "settled")

        return lift
    if how == "not mounted":
        store.rename(aside)
        store.mkdir(mode=0o700)

        def mount() -> None:
            store.rmdir()
            aside.rename(store)

        return mount

    def burnt(*_: object, **__: object) -> None:
        raise OperatorError("burnt")

    monkeypatch.setattr(Registry, "mark_purging", burnt)
    return monkeypatch.undo


@pytest.mark.parametrize("how", ["request", "hold", "restriction", "not mounted", "failed"])
def test_what_an_earlier_run_found_due_and_let_lie_goes(house: House, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    two = house.record()
    house.night(T0 + DAY)
    house.now = T0 + 3 * DAY
    two += house.record()
    end = let_lie(house, how, two, monkeypatch)
    for number in range(4, 41):
        house.night(T0 + number * DAY)
    end()
    assert house.left(two) == 2
    night = house.night(T0 + 41 * DAY)
    assert night.purge.brake is None and set(night.purge.deleted) == set(two)


@pytest.mark.parametrize(("days", "doubted"), [(6.9, False), (7.1, True), (-0.04, False), (-0.1, True), (-20000, True)])
def test_how_far_is_too_far(house: House, days: float, doubted: bool) -> None:
    """An outage of a week is nothing; so is a step of less than an hour back."""
    house.record()
    house.night(T0 + DAY)
    night = house.night(T0 + DAY + days * DAY)
    assert (night.clock is not None) is doubted
    assert night.clock is None or (night.clock.behind is (days < 0) and ("behind" in night.clock.in_words()) is (days < 0))


def test_what_people_do_meanwhile_proves_the_time(house: House) -> None:
    """The daemon was off for three weeks, and its commands were used."""
    (one,) = house.record()
    house.night(T0 + DAY)
    for number in (6, 12, 18):
        house.now = T0 + number * DAY
        house.registry.audit("cli:anna", "listen", one, {})
    assert house.night(T0 + 22 * DAY).clock is None


def test_a_machine_that_gets_its_time_after_its_first_start_needs_nobody(house: House) -> None:
    house.night(datetime(1970, 1, 1, tzinfo=UTC) + DAY)
    assert house.night(T0).clock is None
    house.record()
    assert house.night(T0 + DAY).clock is None


def test_entries_of_a_wrong_clock_prove_nothing() -> None:
    right = [T0, T0 + DAY, T0 + 2 * DAY]
    assert doubt([], IN_2097) is None
    assert doubt([*right, IN_2097, IN_2097 + DAY], T0 + 3 * DAY) is None
    assert doubt([*right, datetime(1970, 1, 1, tzinfo=UTC)], T0 + 3 * DAY) is None
    found = doubt([*right, *(IN_2097 + n * DAY for n in range(100))], IN_2097 + 100 * DAY)
    assert found is not None and found.trail == T0 + 2 * DAY
    slow = [T0 - n * timedelta(minutes=50) for n in range(100)]  # back in small steps
    found = doubt(slow, slow[-1])
    assert found is not None and found.trail == T0


@pytest.mark.parametrize("node", ["pbx-1", "pbx-2"])
def test_on_a_server_each_node_has_its_own_trail(server: Server, node: str) -> None:
    now = T0
    with Registry.open(replace(server, node=node), clock=lambda: now) as registry:
        registry.begin_call("c", "sales", now, None, None, "in")
        registry.note_purge(now, 0, 0, 0, False)
        assert registry.nodes.clock_doubt(now + DAY) is None
        now = IN_2097
        registry.note_consent("c", now, "notice-heard", None)
        registry.note_purge(now, 0, 0, 0, True)
        found = registry.nodes.clock_doubt(now)
        assert found is not None and found.trail == T0
        registry.note_purge(now, 0, 0, 0, False)
        assert registry.nodes.clock_doubt(now) is None


def test_by_hand_it_is_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    nine = house.record(9)
    house.night(T0 + DAY)
    set_clock(monkeypatch, IN_2097)
    result = CliRunner().invoke(purge, ["--config", str(house.path)])
    assert result.exit_code == 1 and "ahead of the audit trail" in result.stderr and result.stdout == "" and house.left(nine) == 9
    told = json.loads(CliRunner().invoke(purge, ["--config", str(house.path), "--dry-run", "--json"]).stdout)
    assert "ahead of" in told["brake"] and told["due"] == 9
    result = CliRunner().invoke(purge, ["--config", str(house.path), "--override-brake"])
    assert result.exit_code == 1 and house.left(nine) == 9
    result = CliRunner().invoke(purge, ["--config", str(house.path), "--clock-is-right"])
    assert result.exit_code == 0 and "9 deleted" in result.stdout and house.left(nine) == 0


async def test_the_daemon_tells_it_until_the_clock_is_set(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    nine = house.record(9)
    house.night(T0 + DAY)
    set_clock(monkeypatch, IN_2097)
    async with whole_daemon(house.path) as running:
        linked(running)
        report = await answers(running)["status"]("")
        assert running.service.health.alarms == {Alarm.CLOCK_OFF: 1}
        await running.purging.run()
        assert running.service.health.alarms == {Alarm.CLOCK_OFF: 2} and house.left(nine) == 9
        clock = report["clock"]
        assert isinstance(clock, dict) and "ahead of the audit trail" in clock["doubted"] and "--clock-is-right" in clock["doubted"]
        assert nagios.verdict(report).code == 2 and "audit trail" in nagios.verdict(report).line
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{running.service.config.metrics.listen}/metrics") as answer,
        ):
            assert "asterisk_privacy_clock_doubted 1.0" in await answer.text()
        assert Somebody(running).plan["PRIVACY_PLAN"] == "announce", "a recorder that was off for long looks the same"
        set_clock(monkeypatch, T0 + 2 * DAY)
        await running.clock.look()
        assert running.clock.words is None and nagios.verdict(await answers(running)["status"]("")).code == 2, "no Asterisk"
        running.service.supervisor.link_down("end of the test")


async def test_behind_the_trail_no_new_call_is_recorded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its recording would be of 1970, and due as soon as the clock is right."""
    house.record()
    house.night(T0 + DAY)
    set_clock(monkeypatch, datetime(1970, 1, 1, tzinfo=UTC))

    async def not_now(_: PurgeSchedule) -> None:
        """A missed run would begin at once: the scheduler's own clock is right."""

    monkeypatch.setattr(PurgeSchedule, "run", not_now)
    async with whole_daemon(house.path) as running:
        linked(running)
        assert Somebody(running).plan["PRIVACY_PLAN"] == "none"
        assert running.service.health.alarms == {Alarm.CLOCK_OFF: 1, Alarm.NOT_READY: 1}
        set_clock(monkeypatch, T0 + 2 * DAY)
        await running.clock.look()
        await asyncio.sleep(0)
        assert Somebody(running).plan["PRIVACY_PLAN"] == "announce"
        running.service.supervisor.link_down("end of the test")


async def test_a_clock_that_is_set_back_does_not_put_the_purger_off_for_years(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with whole_daemon(house.path) as running:
        jobs = {job.id: job for job in running.purging._scheduler.get_jobs()}
        assert jobs.keys() == {"purge", "purge-missed", "requests", "contents"}
        for job in jobs.values():  # as they stand after the clock was set back from 2097
            job.modify(next_run_time=IN_2097)
        set_clock(monkeypatch, datetime.now(UTC) + timedelta(hours=2))
        await running.clock.look()
        jobs = {job.id: job for job in running.purging._scheduler.get_jobs()}
        assert jobs.keys() == {"purge", "purge-again", "requests", "contents"}
        assert all(job.next_run_time < datetime.now(UTC) + DAY + timedelta(hours=3) for job in jobs.values())


async def test_once_the_clock_is_set_the_doubted_run_begins_soon(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.record()
    house.night(T0 + DAY)
    right = datetime.now(UTC) + timedelta(hours=2)  # still to come for the scheduler, whose clock is right
    set_clock(monkeypatch, right + 900 * DAY)
    async with whole_daemon(house.path) as running:
        await running.purging.run()
        again = running.purging._scheduler.get_job("purge-again")
        assert again is not None and again.next_run_time > right + 899 * DAY
        set_clock(monkeypatch, right)
        await running.clock.look()
        again = running.purging._scheduler.get_job("purge-again")
        assert again is not None and again.next_run_time == right + TURN
