"""What retention says, in Dutch, English and German. Plain tables: a clause is a key of `SAYINGS` and what fills it in.

Filled in: whole numbers are days, moments are dates, clauses are said in turn, texts stand as they are. `{0:n}` is the dative that
German wants after some prepositions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

Filling = int | datetime | str | tuple[object, ...]
Clause = tuple[object, ...]  # (key, filling, ...); a plain tuple, because the purger makes millions of them and says few

DAY: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "en": {"": ("day", "days"), "n": ("day", "days")},
    "nl": {"": ("dag", "dagen"), "n": ("dag", "dagen")},
    "de": {"": ("Tag", "Tage"), "n": ("Tag", "Tagen")},
}

_EN: Final[Mapping[str, str]] = {
    # until the end: what it waits for; then when
    "it-ends": "{0}; it ends on {1}",
    "at-the-latest": "{0}; at the latest on {1}",
    "without-a-case": "{0}; without a case it ends on {1}",
    "latest-reached": "latest date reached ({0} after the call)",
    "kept-until": "kept until {0}",
    "no-purpose": "it serves no purpose any more",
    # a fixed period
    "days": "{0} after the call",
    "kept-days": "kept for {0} after the call",
    # reviewed
    "reviewed": "it has been reviewed",
    "reviewed-plus": "{0} after it was reviewed",
    "was-reviewed": "reviewed on {0}",
    "was-reviewed-plus": "reviewed on {0}, {1} kept after that",
    "its-review": "its review on {0}",
    "its-review-plus": "{1} after its review on {0}",
    # case closed
    "case": "{0} (without a case: {1} after the call)",
    "case-closed": "its case is closed",
    "case-closed-plus": "{0} after its case is closed",
    "was-closed": "case closed on {0}",
    "was-closed-plus": "case closed on {0}, {1} kept after that",
    "its-closing": "its case was closed on {0}",
    "its-closing-plus": "{1} after its case was closed on {0}",
    "no-case": "no case was opened within {0:n}",
    "case-to-come": "a case is opened and closed",
}

_NL: Final[Mapping[str, str]] = {
    "it-ends": "{0}; dat eindigt op {1}",
    "at-the-latest": "{0}; uiterlijk op {1}",
    "without-a-case": "{0}; zonder zaak eindigt het op {1}",
    "latest-reached": "uiterste datum bereikt ({0} na het gesprek)",
    "kept-until": "bewaard tot {0}",
    "no-purpose": "de opname dient geen doel meer",
    "days": "{0} na het gesprek",
    "kept-days": "bewaard tot {0} na het gesprek",
    "reviewed": "de opname is beoordeeld",
    "reviewed-plus": "{0} na de beoordeling",
    "was-reviewed": "beoordeeld op {0}",
    "was-reviewed-plus": "beoordeeld op {0}, daarna {1} bewaard",
    "its-review": "de beoordeling op {0}",
    "its-review-plus": "{1} na de beoordeling op {0}",
    "case": "{0} (zonder zaak: {1} na het gesprek)",
    "case-closed": "de zaak is gesloten",
    "case-closed-plus": "{0} na het sluiten van de zaak",
    "was-closed": "zaak gesloten op {0}",
    "was-closed-plus": "zaak gesloten op {0}, daarna {1} bewaard",
    "its-closing": "het sluiten van de zaak op {0}",
    "its-closing-plus": "{1} na het sluiten van de zaak op {0}",
    "no-case": "er is binnen {0:n} geen zaak geopend",
    "case-to-come": "er een zaak is geopend en gesloten",
}

_DE: Final[Mapping[str, str]] = {
    "it-ends": "{0}; das endet am {1}",
    "at-the-latest": "{0}; spätestens am {1}",
    "without-a-case": "{0}; ohne Fall endet es am {1}",
    "latest-reached": "spätestes Datum erreicht ({0} nach dem Gespräch)",
    "kept-until": "aufbewahrt bis {0}",
    "no-purpose": "die Aufnahme dient keinem Zweck mehr",
    "days": "{0} nach dem Gespräch",
    "kept-days": "aufbewahrt bis {0} nach dem Gespräch",
    "reviewed": "die Aufnahme ausgewertet ist",
    "reviewed-plus": "{0} nach der Auswertung",
    "was-reviewed": "ausgewertet am {0}",
    "was-reviewed-plus": "ausgewertet am {0}, danach {1} aufbewahrt",
    "its-review": "zur Auswertung am {0}",
    "its-review-plus": "{1} nach der Auswertung am {0}",
    "case": "{0} (ohne Fall: {1} nach dem Gespräch)",
    "case-closed": "der Fall abgeschlossen ist",
    "case-closed-plus": "{0} nach Abschluss des Falls",
    "was-closed": "Fall abgeschlossen am {0}",
    "was-closed-plus": "Fall abgeschlossen am {0}, danach {1} aufbewahrt",
    "its-closing": "zum Abschluss des Falls am {0}",
    "its-closing-plus": "{1} nach Abschluss des Falls am {0}",
    "no-case": "innerhalb von {0:n} wurde kein Fall eröffnet",
    "case-to-come": "ein Fall eröffnet und abgeschlossen ist",
}

SAYINGS: Final[Mapping[str, Mapping[str, str]]] = {"en": _EN, "nl": _NL, "de": _DE}


class _Days:
    __slots__ = ("_count", "_words")

    def __init__(self, count: int, words: Mapping[str, tuple[str, str]]) -> None:
        self._count, self._words = count, words

    def __format__(self, spec: str) -> str:
        return f"{self._count} {self._words[spec][self._count != 1]}"


def say(clause: Clause, language: str = "en") -> str:
    """The clause in that language: "nl", "en" or "de" (ValueError for another)."""
    table = SAYINGS.get(language)
    if table is None:
        raise ValueError(f"there are no words in {language!r}; known are {', '.join(SAYINGS)}")
    key, *filling = clause
    return table[str(key)].format(*(_filled(value, language) for value in filling))


def _filled(value: object, language: str) -> object:
    if isinstance(value, tuple):
        return say(value, language)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    return _Days(value, DAY[language]) if isinstance(value, int) else value
