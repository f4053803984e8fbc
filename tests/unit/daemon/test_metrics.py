"""What Prometheus reads, over HTTP from the whole daemon: the counts are those of what happened, and nobody can be told from them."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.metrics import histogram
from asterisk_privacy.daemon.report import Disk, Running, status_report
from asterisk_privacy.daemon.tally import Buckets

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]
CALLS = 1000


async def scrape(running: Running, accept: str = "") -> str:
    address = running.service.config.metrics.listen
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics", headers={"Accept": accept}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


def series(text: str) -> Series:
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    found = {(s.name, tuple(sorted(s.labels.items()))): s.value for s in samples}
    assert len(found) == len(samples), "a series was told twice"
    return found


def total(found: Series, name: str, **labels: str) -> float:
    return found[f"asterisk_privacy_{name}", tuple(sorted(labels.items()))]


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
async def test_before_the_first_call_every_series_is_there_with_a_zero(tmp_path: Path, accept: str) -> None:
    async with whole_daemon(installed(tmp_path)) as running:
        text = await scrape(running, accept)
        found = series(text)
    assert text.endswith("# EOF\n") == bool(accept)
    assert total(found, "alarms_total", kind="missed_calls") == 0
    assert total(found, "recordings_total", purpose="training", outcome="sealed") == 0
    assert total(found, "ari_connected") == 0
    assert total(found, "disk_free_bytes") > 0
    assert total(found, "ring_limit_bytes") == 1 << 30
    assert total(found, "agi_seconds_bucket", le="+Inf") == 0


async def test_a_thousand_people_leave_the_same_series_and_no_trace(tmp_path: Path) -> None:
    async with whole_daemon(installed(tmp_path)) as running:
        linked(running)
        before = series(await scrape(running))
        people = [Somebody(running) for _ in range(CALLS)]
        for person in people:
            person.talks()
            person.presses("pause")
            person.holds()
            running.service.health.silent_hold(f"PJSIP/{person.agent}")
        text = await scrape(running)
        during = series(text)
        for person in people:
            person.ends()
        after = series(await scrape(running))
        traces = [word for person in people for word in (person.number, person.agent, person.channel, person.plan["PRIVACY_CALL"])]
        assert not [word for word in traces if word in text]
    assert during.keys() == before.keys() == after.keys()
    assert total(during, "calls", state="live") == CALLS and total(after, "calls", state="grace") == CALLS
    assert total(during, "agi_decisions_total", decision="announce") == CALLS
    assert total(during, "consents_total", kind="notice-heard") == CALLS
    assert total(during, "keys_total", key="pause") == CALLS
    assert total(during, "silent_holds_total") == total(during, "alarms_total", kind="silent_hold") == CALLS


class _OnTheWire:
    """Counts of a capture that hears packets; to open a ring one must be root."""

    attached, failed = 9, 0

    def report(self) -> dict[str, int]:
        return {"wire": 3, "wire_heard": 7, "wire_unfit": 2, "wire_unfit_enciphered": 2, "wire_lost": 5, "renewed": 4}


async def test_what_the_wire_did_is_told(tmp_path: Path) -> None:
    async with whole_daemon(installed(tmp_path)) as running:
        before = series(await scrape(running))
        running.service.capture = _OnTheWire()  # type: ignore[assignment]
        found = series(await scrape(running))
    names = ("wire_taps", "wire_heard_total", "wire_unfit_total", "wire_lost_total", "taps_renewed_total")
    assert [total(before, name) for name in names] == [0, 0, 0, 0, 0]
    assert [total(found, name) for name in names] == [3, 7, 2, 5, 4]
    reasons = [total(found, "wire_unfit_reasons_total", reason=reason) for reason in ("enciphered", "too_long")]
    assert reasons == [2, 0]


async def test_what_is_missing_of_voices_is_told_while_calls_go_on_and_after(tmp_path: Path) -> None:
    async with whole_daemon(installed(tmp_path)) as running:
        linked(running)
        person = Somebody(running)
        person.talks()
        [runner] = running.service.supervisor.runners
        runner.media.missing_seconds = 0.4
        during = series(await scrape(running))
        running.service.health.tally.missing_seconds = 1.5
        after = series(await scrape(running))
        assert status_report(running, Disk(1, 1))["capture"]["missing_seconds"] == 1.9  # type: ignore[index]
    assert (total(during, "missing_seconds_total"), total(after, "missing_seconds_total")) == (0.4, 1.9)


async def test_a_call_without_the_link_is_told_to_go_on_and_counted(tmp_path: Path) -> None:
    async with whole_daemon(installed(tmp_path)) as running:
        Somebody(running)
        found = series(await scrape(running))
    assert total(found, "agi_decisions_total", decision="unrecorded") == 1
    assert total(found, "alarms_total", kind=Alarm.NOT_READY) == 1


def test_a_histogram_counts_all_up_to_each_bound() -> None:
    buckets = Buckets((0.1, 0.5))
    for seconds in (0.05, 0.1, 0.3, 2.0):
        buckets.observe(seconds)
    told = {(s.name.removeprefix("asterisk_privacy_x"), s.labels.get("le")): s.value for s in histogram("x", "", buckets).samples}
    assert [told["_bucket", le] for le in ("0.1", "0.5", "+Inf")] == [2, 3, 4]
    assert told["_count", None] == 4 and told["_sum", None] == pytest.approx(2.45)


async def test_nothing_else_is_answered(tmp_path: Path) -> None:
    async with whole_daemon(installed(tmp_path)) as running, aiohttp.ClientSession() as session:
        for path in ("/", "/status", "/metrics/x"):
            async with session.get(f"http://{running.service.config.metrics.listen}{path}") as answer:
                assert answer.status == 404
        async with session.post(f"http://{running.service.config.metrics.listen}/metrics") as answer:
            assert answer.status == 405
