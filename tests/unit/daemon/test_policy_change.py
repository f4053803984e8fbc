"""What a changed policy means while calls go on: new calls follow the new one, a call keeps the one with which it began."""

from __future__ import annotations

from pathlib import Path

from whole_daemon import POLICY, Somebody, installed, linked, whole_daemon

from asterisk_privacy.daemon.config import parse
from asterisk_privacy.daemon.reload import AT_RUN_TIME, OF_OTHERS, merged
from asterisk_privacy.daemon.report import Running
from asterisk_privacy.policy.retention import Criterion, Days

FIRST = POLICY.replace('["complaint", "training"]', '["complaint"]')
SECOND_LINE = """
[profiles.service]
title = "Service"
language = "nl"
announcement = "ANNOUNCED"
purposes = ["complaint", "training"]
refuse_key = "4"
"""
OLD = FIRST + SECOND_LINE.replace("ANNOUNCED", "old-notice")
NEW = OLD.replace("old-notice", "new-notice").replace('{ until = "case-closed", latest_days = 700 }', '{ until = "days", latest_days = 7 }')


def promised(running: Running, person: Somebody) -> list[Criterion]:
    [recording] = running.service.supervisor._tools.ledger._registry.recordings(call_id=person.plan["PRIVACY_CALL"])
    return [purpose.criterion for purpose in recording.purposes]


async def test_a_call_keeps_the_policy_with_which_it_began(tmp_path: Path) -> None:
    path = installed(tmp_path, OLD)
    async with whole_daemon(path) as running:
        linked(running)
        before = Somebody(running)
        before.talks()
        path.write_text(path.read_text().replace(OLD, NEW))
        assert (await running.reloader.reload()).changed == ("purposes.complaint", "profiles.service")
        after = Somebody(running)
        after.talks()
        for person in (before, after):
            person.presses("keep")
        await running.service.supervisor._tools.ledger.drained()
        assert promised(running, after) == [Days(7)]
        assert promised(running, before) != [Days(7)]
        assert before.asks("service")["PRIVACY_NOTICE"].endswith("old-notice")  # moved on: the line as it was when the call began
        assert after.asks("service")["PRIVACY_NOTICE"].endswith("new-notice")


async def test_a_line_that_is_new_takes_old_calls_too_and_one_that_is_gone_still_takes_them(tmp_path: Path) -> None:
    path = installed(tmp_path, FIRST)
    async with whole_daemon(path) as running:
        linked(running)
        before = Somebody(running)
        before.talks()
        text = path.read_text()
        path.write_text(text + SECOND_LINE)
        await running.reloader.reload()
        assert before.asks("service")["PRIVACY_PLAN"] == "announce"
        during = Somebody(running, "service")
        path.write_text(text)
        await running.reloader.reload()
        assert during.asks("service")["PRIVACY_PLAN"] == "announce"
        assert Somebody(running, "service").plan == {"PRIVACY_PLAN": "none"}


async def test_memory_purger_and_log_follow(tmp_path: Path) -> None:
    path = installed(tmp_path)
    async with whole_daemon(path) as running:
        more = '[ring]\nmax_total_mib = 300\n[purger]\nat = "04:44"\nbrake_percent = 7\n'
        path.write_text(path.read_text() + more)
        changed = (await running.reloader.reload()).changed
        assert set(changed) == {"ring.max_total_mib", "purger.at", "purger.brake_percent"}
        assert running.memory.limit == 300 << 20
        assert running.purging.next is not None and f"{running.purging.next:%H:%M}" == "04:44"
        assert running.purging._config.purger.brake_percent == 7


def test_what_cannot_change_stays_as_it_was_and_is_named() -> None:
    old = parse(POLICY)
    new = parse(
        '[capture]\nhow = "wire"\nquarantine_ms = 2000\nblind_ms = 3000\n[office]\nname = "X"\n[store]\ndirectory = "/elsewhere"\n' + POLICY
    )
    result = merged(old, new)
    assert result.restart == ("capture.how", "capture.quarantine_ms", "store.directory")
    assert result.changed == ("capture.blind_ms",)
    assert result.config.capture.how == "snoop"
    assert result.config.capture.quarantine_ms == old.capture.quarantine_ms and result.config.capture.blind_ms == 3000
    assert result.config.store == old.store
    assert merged(old, old).changed == merged(old, old).restart == ()


def test_each_setting_that_can_change_exists() -> None:
    config = parse(POLICY)
    for place in AT_RUN_TIME:
        table, _, key = place.partition(".")
        assert hasattr(getattr(config, table), key), place
    assert all(hasattr(config, table) for table in OF_OTHERS)
