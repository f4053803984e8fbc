"""The reservoir: after each call, every call of the period so far has the same chance to be among the kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import combinations
from random import Random

import pytest

from asterisk_privacy.daemon.config import parse
from asterisk_privacy.errors import ConfigError
from asterisk_privacy.policy.book import Book, problems
from asterisk_privacy.policy.consent import named_by_objection
from asterisk_privacy.policy.purpose import Basis, Period, Profile, Purpose, Quota, Trigger
from asterisk_privacy.policy.retention import Days, UntilReviewed
from asterisk_privacy.policy.sampling import period_of, reservoir_place, sampled_purposes

TRAINING = Purpose("training", "t", Basis.LEGITIMATE_INTEREST, "r", Trigger.SAMPLE, UntilReviewed(35), quota=Quota(4, Period.MONTH))
FLAG = Purpose("complaint", "c", Basis.LEGITIMATE_INTEREST, "r", Trigger.FLAG, Days(30))
LINE = Profile("line", "Line", "nl", "notice", (TRAINING, FLAG), "3")


def kept(calls: int, places: int, draw: Callable[[int], int]) -> frozenset[int]:
    held: dict[int, int] = {}
    for call in range(calls):
        place = reservoir_place(call + 1, places, draw)
        if place is not None:
            held[place] = call
    return frozenset(held.values())


@pytest.mark.parametrize(("calls", "places"), [(7, 2), (20, 4), (100, 4), (5, 5), (30, 1)])
def test_each_call_is_kept_with_the_same_chance(calls: int, places: int) -> None:
    r, runs = Random(7), 6000
    counted: Counter[int] = Counter()
    for _ in range(runs):
        chosen = kept(calls, places, r.randrange)
        assert len(chosen) == min(calls, places)
        counted.update(chosen)
    expected = runs * places / calls
    chi_square = sum((counted[call] - expected) ** 2 / expected for call in range(calls))
    freedom = calls - 1
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5 + 1, counted


def test_each_set_of_calls_too() -> None:
    """Not only single calls: no pair goes together more often than another."""
    r, runs = Random(11), 15_000
    counted = Counter(kept(6, 2, r.randrange) for _ in range(runs))
    pairs = [frozenset(pair) for pair in combinations(range(6), 2)]
    assert set(counted) == set(pairs)
    assert sum((counted[pair] - 1000) ** 2 / 1000 for pair in pairs) < 36  # 14 degrees of freedom: 1 in 1000


def test_a_period_that_may_end_at_any_call_is_fair_at_each() -> None:
    """Nobody knows how many calls are still to come."""
    r = Random(5)
    for calls in (3, 4, 9):
        counted: Counter[int] = Counter()
        for _ in range(3000):
            counted.update(kept(calls, 3, r.randrange))
        assert all(abs(n / 3000 - 3 / calls) < 0.05 for n in counted.values())


def test_it_always_draws() -> None:
    asked: list[int] = []

    def draw(n: int) -> int:
        asked.append(n)
        return n - 1

    assert [reservoir_place(seen, 2, draw) for seen in (1, 2, 3, 4)] == [0, 1, None, None]
    assert asked == [1, 2, 3, 4]


def test_a_quota_is_not_drawn_before_the_agent_is_known() -> None:
    assert sampled_purposes(LINE, lambda _n: 0) == frozenset()


def test_periods() -> None:
    assert [period_of(date(2027, 1, 1), per) for per in Period] == ["2027-01-01", "2026-W53", "2027-01", "2027-Q1"]
    quarters = [period_of(date(2026, month, 9), Period.QUARTER)[-2:] for month in range(1, 13)]
    assert quarters == [f"Q{n}" for n in (1, 2, 3, 4) for _ in "123"]


def test_what_the_objection_key_names() -> None:
    assert named_by_objection(LINE, "") == {"training"}
    assert named_by_objection(LINE, "complaint") == {"complaint"}
    assert named_by_objection(LINE, "elsewhere") == frozenset()


@pytest.mark.parametrize(
    ("purpose", "place", "what"),
    [
        (replace(TRAINING, one_in=20), "quota", "contradicts one_in"),
        (replace(TRAINING, quota=Quota(0, Period.MONTH)), "quota.calls", "are none"),
        (replace(FLAG, quota=Quota(4, Period.MONTH)), "quota", "no meaning with the trigger flag"),
        (replace(TRAINING, retention=Days(14)), "retention.latest_days", "before the quota's month does"),
        (replace(TRAINING, retention=Days(91), quota=Quota(4, Period.QUARTER)), "retention.latest_days", "before the quota's quarter does"),
    ],
)
def test_contradictions(purpose: Purpose, place: str, what: str) -> None:
    line = replace(LINE, purposes=(purpose,))
    [problem] = problems(Book({"line": line}, {purpose.name: purpose}))
    assert problem.place == f"purposes.{purpose.name}.{place}" and what in problem.what and problem.remedy


CONFIG = """
[purposes.training]
title = "training"
basis = "legitimate-interest"
reasoning = "why"
trigger = "sample"
quota = { calls = 4, per = "month" }
retention = { until = "days", latest_days = 35 }
[profiles.sales]
title = "Sales"
language = "nl"
announcement = "notice-optout"
purposes = ["training"]
"""


def test_a_quota_in_the_file() -> None:
    assert parse(CONFIG).book.purposes["training"].quota == Quota(4, Period.MONTH)
    assert parse(CONFIG + '[keys]\nobjection_purpose = "training"\n').keys.objection_purpose == "training"


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (('per = "month"', 'per = "monht"'), '[purposes.training] quota.per: "monht" is unknown; did you mean "month"?'),
        (("calls = 4", 'calls = "4"'), "[purposes.training] quota.calls: "),
        (("calls = 4, ", ""), "[purposes.training] quota.calls: is missing"),
        (("[profiles", '[keys]\nobjection_purpose = "trainign"\n[profiles'), '[keys] objection_purpose: there is no purpose "trainign"'),
        (('basis = "legitimate-interest"', 'basis = "legal-obligation"\n'), "[keys] objection_purpose: training rests on a legal"),
    ],
)
def test_mistakes_in_the_file(change: tuple[str, str], mistake: str) -> None:
    text = CONFIG + ('[keys]\nobjection_purpose = "training"\n' if "legal" in change[1] else "")
    with pytest.raises(ConfigError) as caught:
        parse(text.replace(*change))
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(mistake)
