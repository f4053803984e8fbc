"""Retention as it is written in the file: several criteria in one list, lessons, evaluations; and every mistake in them."""

from __future__ import annotations

from datetime import date

import pytest

from asterisk_privacy.daemon.config import parse
from asterisk_privacy.errors import ConfigError
from asterisk_privacy.policy.evaluations import Calendar, Rhythm
from asterisk_privacy.policy.retention import AnyOf, Criterion, UntilCourtFinal, UntilEvaluation, UntilReviewed

TEXT = """
[purposes.training]
title = "training"
basis = "legitimate-interest"
reasoning = "practice"
trigger = "flag"
retention = {retention}
[profiles.sales]
title = "Sales"
language = "en"
announcement = "notice-optout"
purposes = ["training"]
{more}
"""


def read(retention: str) -> Criterion:
    return parse(TEXT.format(retention=retention, more="")).book.purposes["training"].retention


def mistakes(retention: str, more: str = "") -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        parse(TEXT.format(retention=retention, more=more))
    return error.value.problems


def test_several_in_one_list() -> None:
    written = '{ until = ["reviewed", { until = "evaluation", plus_days = 7, latest_days = 90 }], latest_days = 100 }'
    assert read(written) == AnyOf(100, (UntilReviewed(100), UntilEvaluation(90, 7)))
    assert read('{ until = "court-final", latest_days = 3000, appeal_days = 30 }') == UntilCourtFinal(3000, appeal_days=30)


@pytest.mark.parametrize(
    ("retention", "place", "what"),
    [
        ("{ until = [], latest_days = 9 }", "retention.until", "at least two"),
        ('{ until = ["reviewed"], latest_days = 9 }', "retention.until", "at least two"),
        ('{ until = ["reviewed", 3], latest_days = 9 }', "retention.until", "names or tables"),
        ('{ until = ["reviewed", "never"], latest_days = 9 }', "retention.until.2.until", '"never" is not one of'),
        ('{ until = ["reviewed", { until = ["days", "reviewed"] }], latest_days = 9 }', "retention.until.2", "list within a list"),
        ('{ until = ["reviewed", "evaluation"] }', "retention.latest_days", "is missing"),
        ('{ until = ["reviewed", "evaluation"], latest_days = 9, plus_days = 3 }', "retention.plus_days", "one part of the list"),
        ('{ until = ["reviewed", { until = "days", latest_days = 10 }], latest_days = 9 }', "retention.until.2.latest_days", "run past"),
        ('{ until = ["days", { until = "reviewed", plus_days = 9 }], latest_days = 9 }', "retention.until.2.plus_days", "comes first"),
        ('{ until = "reviewed", latest_days = 9, lesson_days = 9 }', "retention.lesson_days", "not longer than the latest date"),
        ('{ until = "reviewed", latest_days = 9, lesson_days = 9999 }', "retention.lesson_days", "ten years"),
        ('{ until = "evaluation", latest_days = 9, plus_days = -1 }', "retention.plus_days", "before the event"),
        ('{ until = "court-final", latest_days = 99, appeal_days = 0 }', "retention.appeal_days", "nobody can appeal"),
        ('{ until = "court-final", latest_days = 9, appeal_days = 3 }', "retention.link_within_days", "runs past the latest date"),
    ],
)
def test_mistakes_in_retention(retention: str, place: str, what: str) -> None:
    [problem] = mistakes(retention)
    assert problem.startswith(f"[purposes.training] {place}: ") and what in problem


def test_evaluations() -> None:
    more = '[evaluations]\ndefault = "monthly"\nagents = { "PJSIP/anna" = ["2027-02-15", 2027-05-17] }'
    config = parse(TEXT.format(retention='{ until = "evaluation", latest_days = 99 }', more=more))
    assert config.evaluations.calendar == Calendar(Rhythm.MONTHLY, {"PJSIP/anna": [date(2027, 2, 15), date(2027, 5, 17)]})


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('default = "fortnightly"', "write one of"),
        ('agents = { "PJSIP/anna" = ["2027-02-30"] }', "is not a table of agents, each with a list of dates"),
        ('agents = ["PJSIP/anna"]', "is not a table of agents"),
    ],
)
def test_mistakes_in_evaluations(line: str, what: str) -> None:
    [problem] = mistakes('{ until = "evaluation", latest_days = 99 }', f"[evaluations]\n{line}")
    assert problem.startswith("[evaluations] ") and what in problem
