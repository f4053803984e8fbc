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
    "unreadable": "what was promised for purpose {0} cannot be read; use the version that wrote it",
    "restricted": "restricted since {0} (GDPR art. 18): stored only, neither listened to nor deleted",
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
    # whose end
    "as-promised": "{0} (as promised on {1})",
    "stricter-now": "{0} (by the stricter policy of today)",
    "held": "legal hold by {0} since {1}",
    "asked-for": "request {0} of a person concerns it: kept until that is answered, or its last day {1} is over",
    # a lesson
    "kept-lesson": "kept as a lesson, by a person's decision",
    "lesson-over": "its time as a lesson was over on {0}",
    "with-lesson": "{0} (chosen as a lesson: at the latest {1} after the call)",
    # the agent's evaluation
    "evaluation": "the agent's next evaluation",
    "evaluation-plus": "{0} after the agent's next evaluation",
    "was-evaluated": "agent evaluated on {0}",
    "was-evaluated-plus": "agent evaluated on {0}, {1} kept after that",
    "its-evaluation": "the agent's evaluation on {0}",
    "its-evaluation-plus": "{1} after the agent's evaluation on {0}",
    # discussed with the customer
    "discussed": "the matter was discussed with the customer",
    "discussed-plus": "{0} after the matter was discussed with the customer",
    "was-discussed": "discussed with the customer on {0}",
    "was-discussed-plus": "discussed with the customer on {0}, {1} kept after that",
    "its-discussion": "it was discussed with the customer on {0}",
    "its-discussion-plus": "{1} after it was discussed with the customer on {0}",
    # a date of its own
    "given-date": "{0} (without one: {1} after the call)",
    "given-date-alone": "the date that it was given",
    "given-date-plus": "{0} after the date that it was given",
    "was-given-date": "the date that it was given, {0}, is over",
    "was-given-date-plus": "the date that it was given was {0}, {1} kept after that",
    "its-given-date": "the date that it was given, {0}",
    "its-given-date-plus": "{1} after the date that it was given, {0}",
    "no-given-date": "no date was given for it within {0:n}",
    "given-date-to-come": "a date is given for it",
    "without-given-date": "{0}; without a date it ends on {1}",
    # court
    "without-court": "{0}; without a court case it ends on {1}",
    "court": "{0} (without a court case: {1} after the call)",
    "court-final": "its court case is final, appeal included",
    "court-final-plus": "{0} after its court case is final, appeal included",
    "was-final": "court case final since {0}",
    "was-final-plus": "court case final since {0}, {1} kept after that",
    "its-final": "its court case is final on {0}",
    "its-final-plus": "{1} after its court case is final on {0}",
    "no-court": "no court case was opened within {0:n}",
    "court-to-come": "a court case is opened and final",
    # several
    "first-of": "{0}, whichever comes first",
    "or": "{0} or {1}",
}

_NL: Final[Mapping[str, str]] = {
    "it-ends": "{0}; dat eindigt op {1}",
    "at-the-latest": "{0}; uiterlijk op {1}",
    "without-a-case": "{0}; zonder zaak eindigt het op {1}",
    "latest-reached": "uiterste datum bereikt ({0} na het gesprek)",
    "kept-until": "bewaard tot {0}",
    "no-purpose": "de opname dient geen doel meer",
    "unreadable": "wat voor doel {0} is beloofd, is niet te lezen; gebruik de versie die het schreef",
    "restricted": "beperkt sinds {0} (AVG art. 18): alleen opgeslagen, niet beluisterd en niet gewist",
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
    "as-promised": "{0} (zoals beloofd op {1})",
    "stricter-now": "{0} (volgens het strengere beleid van vandaag)",
    "held": "bevroren voor een juridisch geschil door {0} sinds {1}",
    "asked-for": "verzoek {0} van een betrokkene gaat erover: bewaard tot dat beantwoord is, of de laatste dag {1} voorbij is",
    "kept-lesson": "bewaard als lesvoorbeeld, door iemand besloten",
    "lesson-over": "de tijd als lesvoorbeeld was op {0} voorbij",
    "with-lesson": "{0} (gekozen als lesvoorbeeld: uiterlijk {1} na het gesprek)",
    "evaluation": "de volgende evaluatie van de medewerker",
    "evaluation-plus": "{0} na de volgende evaluatie van de medewerker",
    "was-evaluated": "medewerker geëvalueerd op {0}",
    "was-evaluated-plus": "medewerker geëvalueerd op {0}, daarna {1} bewaard",
    "its-evaluation": "de evaluatie van de medewerker op {0}",
    "its-evaluation-plus": "{1} na de evaluatie van de medewerker op {0}",
    "given-date": "{0} (zonder datum: {1} na het gesprek)",
    "given-date-alone": "de datum die ervoor is opgegeven",
    "given-date-plus": "{0} na de datum die ervoor is opgegeven",
    "was-given-date": "de datum die ervoor is opgegeven, {0}, is voorbij",
    "was-given-date-plus": "de datum die ervoor is opgegeven was {0}, daarna {1} bewaard",
    "its-given-date": "de datum die ervoor is opgegeven, {0}",
    "its-given-date-plus": "{1} na de datum die ervoor is opgegeven, {0}",
    "no-given-date": "er is binnen {0:n} geen datum voor opgegeven",
    "given-date-to-come": "er een datum voor is opgegeven",
    "without-given-date": "{0}; zonder datum eindigt het op {1}",
    "discussed": "de kwestie met de klant is besproken",
    "discussed-plus": "{0} nadat de kwestie met de klant is besproken",
    "was-discussed": "met de klant besproken op {0}",
    "was-discussed-plus": "met de klant besproken op {0}, daarna {1} bewaard",
    "its-discussion": "het gesprek erover met de klant op {0}",
    "its-discussion-plus": "{1} na het gesprek erover met de klant op {0}",
    "without-court": "{0}; zonder rechtszaak eindigt het op {1}",
    "court": "{0} (zonder rechtszaak: {1} na het gesprek)",
    "court-final": "de rechtszaak onherroepelijk is, hoger beroep inbegrepen",
    "court-final-plus": "{0} nadat de rechtszaak onherroepelijk is, hoger beroep inbegrepen",
    "was-final": "rechtszaak onherroepelijk sinds {0}",
    "was-final-plus": "rechtszaak onherroepelijk sinds {0}, daarna {1} bewaard",
    "its-final": "de rechtszaak onherroepelijk is op {0}",
    "its-final-plus": "{1} nadat de rechtszaak onherroepelijk is op {0}",
    "no-court": "er is binnen {0:n} geen rechtszaak begonnen",
    "court-to-come": "er een rechtszaak is begonnen en onherroepelijk is",
    "first-of": "{0}, wat het eerst komt",
    "or": "{0} of {1}",
}

_DE: Final[Mapping[str, str]] = {
    "it-ends": "{0}; das endet am {1}",
    "at-the-latest": "{0}; spätestens am {1}",
    "without-a-case": "{0}; ohne Fall endet es am {1}",
    "latest-reached": "spätestes Datum erreicht ({0} nach dem Gespräch)",
    "kept-until": "aufbewahrt bis {0}",
    "no-purpose": "die Aufnahme dient keinem Zweck mehr",
    "unreadable": "was für Zweck {0} zugesagt wurde, ist nicht lesbar; mit der Version, die es schrieb, geht es",
    "restricted": "eingeschränkt seit {0} (DSGVO Art. 18): nur gespeichert, weder abgehört noch gelöscht",
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
    "as-promised": "{0} (wie am {1} versprochen)",
    "stricter-now": "{0} (nach der strengeren Regel von heute)",
    "held": "Löschsperre wegen eines Rechtsstreits durch {0} seit {1}",
    "asked-for": "Antrag {0} einer betroffenen Person betrifft sie: aufbewahrt, bis er beantwortet oder der letzte Tag {1} vorbei ist",
    "kept-lesson": "als Lehrbeispiel aufbewahrt, von einem Menschen entschieden",
    "lesson-over": "die Zeit als Lehrbeispiel war am {0} vorbei",
    "with-lesson": "{0} (als Lehrbeispiel ausgewählt: spätestens {1} nach dem Gespräch)",
    "evaluation": "zur nächsten Beurteilung der Person am Telefon",
    "evaluation-plus": "{0} nach der nächsten Beurteilung der Person am Telefon",
    "was-evaluated": "Person am Telefon beurteilt am {0}",
    "was-evaluated-plus": "Person am Telefon beurteilt am {0}, danach {1} aufbewahrt",
    "its-evaluation": "zur Beurteilung der Person am Telefon am {0}",
    "its-evaluation-plus": "{1} nach der Beurteilung der Person am Telefon am {0}",
    "given-date": "{0} (ohne Datum: {1} nach dem Gespräch)",
    "given-date-alone": "zum Datum, das dafür angegeben wird",
    "given-date-plus": "{0} nach dem Datum, das dafür angegeben wird",
    "was-given-date": "das dafür angegebene Datum, {0}, ist vorbei",
    "was-given-date-plus": "das dafür angegebene Datum war {0}, danach {1} aufbewahrt",
    "its-given-date": "zum dafür angegebenen Datum, {0}",
    "its-given-date-plus": "{1} nach dem dafür angegebenen Datum, {0}",
    "no-given-date": "innerhalb von {0:n} wurde kein Datum dafür angegeben",
    "given-date-to-come": "ein Datum dafür angegeben ist",
    "without-given-date": "{0}; ohne Datum endet es am {1}",
    "discussed": "die Sache mit dem Kunden besprochen ist",
    "discussed-plus": "{0} nach der Besprechung mit dem Kunden",
    "was-discussed": "mit dem Kunden besprochen am {0}",
    "was-discussed-plus": "mit dem Kunden besprochen am {0}, danach {1} aufbewahrt",
    "its-discussion": "zur Besprechung mit dem Kunden am {0}",
    "its-discussion-plus": "{1} nach der Besprechung mit dem Kunden am {0}",
    "without-court": "{0}; ohne Gerichtsverfahren endet es am {1}",
    "court": "{0} (ohne Gerichtsverfahren: {1} nach dem Gespräch)",
    "court-final": "das Gerichtsverfahren rechtskräftig beendet ist, Berufung eingeschlossen",
    "court-final-plus": "{0} nach der Rechtskraft im Gerichtsverfahren, Berufung eingeschlossen",
    "was-final": "Gerichtsverfahren rechtskräftig seit {0}",
    "was-final-plus": "Gerichtsverfahren rechtskräftig seit {0}, danach {1} aufbewahrt",
    "its-final": "zur Rechtskraft im Gerichtsverfahren am {0}",
    "its-final-plus": "{1} nach der Rechtskraft im Gerichtsverfahren am {0}",
    "no-court": "innerhalb von {0:n} wurde kein Gerichtsverfahren eröffnet",
    "court-to-come": "ein Gerichtsverfahren eröffnet und rechtskräftig beendet ist",
    "first-of": "{0}, je nachdem, was zuerst eintritt",
    "or": "{0} oder {1}",
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
