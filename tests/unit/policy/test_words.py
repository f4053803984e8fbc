from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from asterisk_privacy.policy.retention import Criterion, Days, Facts, Milestone, UntilCaseClosed, UntilReviewed
from asterisk_privacy.policy.words import DAY, SAYINGS, say

CALL = datetime(2026, 1, 10, 14, 30, tzinfo=UTC)


def test_every_language_says_everything_and_fills_in_the_same() -> None:
    english = SAYINGS["en"]
    for language, table in SAYINGS.items():
        assert table.keys() == english.keys(), language
        assert DAY[language].keys() == DAY["en"].keys()
        for key, text in table.items():
            assert set(re.findall(r"{(\d)", text)) == set(re.findall(r"{(\d)", english[key])), (language, key)


def test_no_two_languages_say_the_same() -> None:
    """A line that was copied and not translated."""
    for key, text in SAYINGS["en"].items():
        said = {table[key] for table in SAYINGS.values()}
        assert len(said) == len(SAYINGS) or not re.search("[a-z]{2}", re.sub("{.*?}", "", text)), key


@pytest.mark.parametrize(
    ("criterion", "nl", "de"),
    [
        (Days(1), "1 dag na het gesprek", "1 Tag nach dem Gespräch"),
        (UntilReviewed(9), "de opname is beoordeeld", "die Aufnahme ausgewertet ist"),
        (UntilReviewed(9, 7), "7 dagen na de beoordeling", "7 Tage nach der Auswertung"),
        (
            UntilCaseClosed(99, 30),
            "30 dagen na het sluiten van de zaak (zonder zaak: 30 dagen na het gesprek)",
            "30 Tage nach Abschluss des Falls (ohne Fall: 30 Tage nach dem Gespräch)",
        ),
    ],
)
def test_rules(criterion: Criterion, nl: str, de: str) -> None:
    assert (criterion.in_words("nl"), criterion.in_words("de")) == (nl, de)
    assert criterion.in_words() == criterion.in_words("en")


def test_verdicts() -> None:
    facts = Facts(CALL, {Milestone.REVIEWED: CALL + timedelta(days=3)})
    verdict = UntilReviewed(35, 7).verdict(facts, CALL + timedelta(days=4), language="nl")
    assert verdict.reason == "bewaard tot 7 dagen na de beoordeling op 2026-01-13; dat eindigt op 2026-01-20"
    late = UntilCaseClosed(99).verdict(facts, CALL + timedelta(days=60), "de")
    assert late.reason == "innerhalb von 30 Tagen wurde kein Fall eröffnet"


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(ValueError, match="'fr'; known are en, nl, de"):
        say(("days", 3), "fr")
