"""Alarms: each is counted, and few are lines of the log, whoever can cause them as often as they like, in whatever words."""

from __future__ import annotations

import logging
import re

import pytest

from asterisk_privacy import few_lines
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.few_lines import MOST_LINES, QUIET_SECONDS


class Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(few_lines, "monotonic", lambda: clock.now)
    return clock


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def told(said: list[str]) -> int:
    """How many alarms these lines account for."""
    return len(said) + sum(int(found[1]) for line in said if (found := re.search(r"\(and (\d+) more", line)))


@pytest.mark.parametrize("words", [
    lambda n: "always the same",
    lambda n: ("a line that Asterisk does not send", "agi_request twice")[n % 2],
    lambda n: f"call {n} came to a line of another tenant",
], ids=["the same", "two in turn", "ever new"])  # fmt: skip
def test_an_hour_of_them_is_few_lines_and_a_true_count(words: object, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    for n in range(36000):
        clock.now += 0.1
        health.alarm(Alarm.FORGED, words(n))  # type: ignore[operator]
    said = lines(caplog)
    assert 59 <= len(said) <= 61 * MOST_LINES
    assert health.alarms == {Alarm.FORGED: 36000}
    clock.now += QUIET_SECONDS
    health.alarm(Alarm.FORGED, "one more")
    assert told(lines(caplog)) == 36001


def test_two_in_turn_are_a_line_a_minute_each(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    for n in range(500):
        clock.now += 0.1
        health.alarm(Alarm.FORGED, "ab"[n % 2])
    assert lines(caplog) == ["alarm forged: a", "alarm forged: b"]


def test_one_kind_silences_no_other(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    for n in range(100):
        health.alarm(Alarm.FORGED, str(n))
    health.alarm(Alarm.STORE_FAILED, "the disk is full")
    assert lines(caplog)[-1] == "alarm store_failed: the disk is full" and len(lines(caplog)) == MOST_LINES + 1


def test_one_alarm_may_stand_for_many(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    for _ in range(3):
        health.alarm(Alarm.MISSED_CALLS, "calls went on unrecorded", times=7)
    clock.now += QUIET_SECONDS
    health.alarm(Alarm.MISSED_CALLS, "calls went on unrecorded", times=7)
    assert health.alarms == {Alarm.MISSED_CALLS: 28}
    assert lines(caplog)[-1] == "alarm missed_calls: calls went on unrecorded (and 14 more of this kind since the last line)"
