"""What an organisation tells about its recordings, made from the same book that the purger obeys (R2, R28).

Announcement and documents take their periods from `Criterion.in_words` and `latest_days`, and from nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.phrases import Notice, Office, Phrases
from asterisk_privacy.policy.purpose import Basis, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Criterion, Days
from asterisk_privacy.policy.row_life import RowLife
from asterisk_privacy.policy.texts_de import PHRASES as DE
from asterisk_privacy.policy.texts_en import PHRASES as EN
from asterisk_privacy.policy.texts_nl import PHRASES as NL

LANGUAGES: Mapping[str, Phrases] = {"nl": NL, "en": EN, "de": DE}
HEARD = 4  # which of Papers.steps
DOCUMENTS = ("statement", "record", "council", "dpia", "table")


@dataclass(frozen=True, slots=True)
class Document:
    """One table with what stands around it; `headings` has as many words as each row."""

    title: str
    intro: tuple[str, ...]
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    closing: tuple[str, ...]


def announcement(profile: Profile, office: Office, language: str | None = None) -> str:
    """What a caller of this profile hears; in its own language unless told otherwise. Keys are spoken as '3' or 'star'."""
    language = language or profile.language
    words = LANGUAGES[language].notice
    plain = [p for p in profile.purposes if p.agree_key is None]
    asked = [p for p in profile.purposes if p.agree_key is not None]
    return " ".join(
        [
            *_opening(words, plain, asked, language),
            words.never_waiting,
            words.statement.format(where=office.statement or words.website),
            *([words.refuse.format(key=_key(profile.refuse_key, language))] if profile.refuse_key else []),
            *_answers(words, plain, asked, language),
        ]
    )


def announcements(book: Book, office: Office, language: str | None, only: str | None = None) -> Document:
    """One row for each profile: name, language, text."""
    chosen = [p for p in book.profiles.values() if only in (None, p.name)]
    papers = LANGUAGES[language or office.language].papers
    rows = tuple((p.name, language or p.language, announcement(p, office, language)) for p in chosen)
    return Document(papers.titles["announcement"], (), papers.columns["announcement"], rows, ())


def document(kind: str, book: Book, office: Office, language: str, only: str | None = None) -> Document:
    """One of DOCUMENTS, about every purpose of the book, or those of the profile `only`."""
    papers = LANGUAGES[language].papers
    rows_too = () if kind == "record" else (rows(book.rows, language),)  # there it stands with each time limit, so that CSV has it
    parts = {name: getattr(office, name) or papers.unknown for name in ("name", "contact", "dpo")}
    purposes = [p for p in book.purposes.values() if only is None or p in book.profiles[only].purposes]
    return Document(
        title=papers.titles[kind],
        intro=tuple(line.format(**parts) for line in papers.intro[kind]),
        headings=papers.columns[kind],
        rows=tuple(_row(kind, purpose, book, language) for purpose in purposes),
        closing=(*(line.format(**parts) for line in papers.closing[kind]), *rows_too),
    )


def rows(life: RowLife, language: str) -> str:
    """What becomes of the rows of calls without a recording; the nightly run obeys the same numbers."""
    unkept, evidence = days(life.unkept_calls_days, language), days(life.evidence_days, language)
    return LANGUAGES[language].papers.rows.format(unkept=unkept, evidence=evidence)


def period(criterion: Criterion, language: str) -> str:
    """'until it has been reviewed, 35 days after the call at the latest': the whole promise in one breath."""
    words = LANGUAGES[language].notice
    kept = words.kept.format(until=criterion.in_words(language))
    return kept if isinstance(criterion, Days) else kept + words.latest.format(latest=days(criterion.latest_days, language))


def days(count: int, language: str) -> str:
    phrases = LANGUAGES[language]
    return phrases.day if count == 1 else phrases.days.format(n=count)


def untold(profile: Profile, text: str) -> list[str]:
    """Keys of this profile that `text` does not name, neither as a digit nor as a word."""
    said = set("".join(c if c.isalnum() or c in "*#" else " " for c in text.casefold()).split())
    wanted = [profile.refuse_key, *(p.agree_key for p in profile.purposes)]
    names = LANGUAGES[profile.language].keys
    return [key for key in dict.fromkeys(wanted) if key and not {key, names.get(key, key).casefold()} & said]


def said_wrongly(profile: Profile, text: str) -> list[str]:
    """Periods in `text` ('40 days') that do not stand in this profile's own announcement."""
    pattern = re.compile(r"(?<!\w)(\d+)\s+(?:days?|dag(?:en)?|Tage?n?)(?!\w)", re.IGNORECASE)
    true = {found[1] for found in pattern.finditer(announcement(profile, Office()))}
    return [found[0] for found in pattern.finditer(text) if found[1] not in true]


def untranslated(book: Book, office: Office) -> list[tuple[str, str]]:
    """(profile, purpose) that are announced in a language in which the purpose has no title."""
    return [
        (profile.name, purpose.name)
        for profile in book.profiles.values()
        for purpose in profile.purposes
        if profile.language != office.language and profile.language not in dict(purpose.titles)
    ]


def _opening(words: Notice, plain: Sequence[Purpose], asked: Sequence[Purpose], language: str) -> Iterator[str]:
    if plain:
        opening = words.always if any(p.trigger is Trigger.ALWAYS for p in plain) else words.may
        yield opening.format(for_=_clauses(words, plain, language))
    else:
        yield words.ask.format(for_=_clauses(words, asked, language))


def _answers(words: Notice, plain: Sequence[Purpose], asked: Sequence[Purpose], language: str) -> Iterator[str]:
    """The keys that agree: to all that was asked, or one key for each group of purposes."""
    keys = list(dict.fromkeys(p.agree_key for p in asked))
    if not plain and len(keys) == 1:
        yield words.agree.format(key=_key(keys[0], language))
    else:
        for key in keys:
            group = [p for p in asked if p.agree_key == key]
            yield words.optional.format(key=_key(key, language), for_=_clauses(words, group, language))
    if asked and not plain:
        yield words.silence


def _clauses(words: Notice, purposes: Sequence[Purpose], language: str) -> str:
    return words.also.join(_clause(words, p, language) for p in purposes)


def _clause(words: Notice, purpose: Purpose, language: str) -> str:
    patterns = {
        Trigger.FLAG: words.clause_flagged,
        Trigger.SAMPLE: words.clause_sampled,
        Trigger.MARKED: words.clause_marked,
        Trigger.CAMPAIGN: words.clause,
        Trigger.ALWAYS: words.clause,
    }
    pattern = patterns[purpose.trigger]
    if purpose.trigger is Trigger.SAMPLE and purpose.one_in is None:
        pattern = words.clause_some
    return pattern.format(title=purpose.title_in(language), n=purpose.one_in, kept=period(purpose.retention, language))


def _key(key: str | None, language: str) -> str:
    """A digit as it is; what is no digit, by its name."""
    return "" if key is None else key if key.isdigit() else LANGUAGES[language].keys.get(key, key)


def _row(kind: str, purpose: Purpose, book: Book, language: str) -> tuple[str, ...]:
    papers = LANGUAGES[language].papers
    title, basis = purpose.title_in(language), papers.bases[purpose.basis.value]
    until, latest = purpose.retention.in_words(language), days(purpose.retention.latest_days, language)
    chosen = _chosen(purpose, language)
    further = tuple((book.purposes[c.purpose], c.because) for c in purpose.compatible if c.purpose in book.purposes)
    also = "".join(" " + papers.further.format(title=other.title_in(language), because=because) for other, because in further)
    why = _sentence(purpose.reasoning) + also if also else purpose.reasoning
    named = f"{title}.{also}" if also else title
    erased = period(purpose.retention, language)
    profiles = [profile for profile in book.profiles.values() if purpose in profile.purposes]
    if kind == "statement":
        return (named, basis, chosen, until, latest, _choice(purpose, profiles, language))
    if kind == "record":
        limit = f"{erased}. {rows(book.rows, language)}"  # art. 30(1)(f)
        return (title, basis, why, papers.people, papers.data, papers.receivers, papers.transfers, limit, papers.security)
    if kind == "council":
        return (named, chosen, papers.noticed[purpose.trigger.value], until, latest)
    if kind == "dpia":
        return (title, f"{basis}: {why}", chosen, papers.risk, f"{papers.security}; {_choice(purpose, profiles, language)}", latest)
    told = ", ".join(profile.title for profile in profiles) or "-"
    steps = [step.format(profiles=told, trigger=chosen, until=until, latest=latest) for step in papers.steps]
    if further:
        steps[HEARD] = papers.heard_further.format(purposes=", ".join(other.title_in(language) for other, _ in further))
    return (title, *steps)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _chosen(purpose: Purpose, language: str) -> str:
    triggers = LANGUAGES[language].papers.triggers
    if purpose.trigger is Trigger.SAMPLE and purpose.one_in is None:
        return triggers["some"]
    return triggers[purpose.trigger.value].format(n=purpose.one_in)


def _choice(purpose: Purpose, profiles: Sequence[Profile], language: str) -> str:
    choices = LANGUAGES[language].papers.choices
    keys = dict.fromkeys(_key(profile.refuse_key, language) for profile in profiles if profile.refuse_key)
    told = [choices["agree"].format(key=_key(purpose.agree_key, language))] if purpose.agree_key else []
    told += [choices["refuse"].format(key=key) for key in keys]
    if purpose.basis in (Basis.LEGITIMATE_INTEREST, Basis.PUBLIC_TASK):  # GDPR art. 21(1)
        told.append(choices["object"])
    if purpose.compatible:
        told.append(choices["further"])
    return "; ".join(told) or "-"
