"""What the generated texts are made of: one set of phrases for each language (texts_nl, texts_en, texts_de)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    NL = "nl"
    EN = "en"
    DE = "de"


@dataclass(frozen=True, slots=True)
class Office:
    """[office] of the configuration: who is responsible, as the texts tell it. Empty parts are left open in the documents."""

    name: str = ""
    contact: str = ""
    statement: str = ""  # where the privacy statement is, as it is spoken; empty: "our website" in the language of the text
    dpo: str = ""
    language: Language = Language.EN  # of the titles and the reasoning in the policy


@dataclass(frozen=True, slots=True)
class Notice:
    """Sentences of the announcement. {for_} is a list of clauses, {title}, {until}, {latest}, {key}, {where}, {n} as they say."""

    may: str
    always: str
    ask: str
    clause: str
    clause_sampled: str
    clause_some: str  # sampled by a quota: the share is not known
    clause_flagged: str
    clause_marked: str
    kept: str
    latest: str  # follows `kept`, where an event may end it earlier
    also: str  # joins the last clause to those before it
    optional: str  # a purpose that wants its own key, beside others that do not
    never_waiting: str
    statement: str
    website: str
    refuse: str
    agree: str
    silence: str


@dataclass(frozen=True, slots=True)
class Papers:
    """Headings and sentences of the documents. Tables of (heading, ...) stand in the order of the columns."""

    titles: Mapping[str, str]  # by kind of document
    columns: Mapping[str, tuple[str, ...]]
    intro: Mapping[str, tuple[str, ...]]
    closing: Mapping[str, tuple[str, ...]]
    triggers: Mapping[str, str]
    bases: Mapping[str, str]
    noticed: Mapping[str, str]  # by trigger: what an agent notices
    risk: str
    choices: Mapping[str, str]  # refuse, agree, object, further
    further: str  # a sentence: {title} of another purpose for which it may be heard, {because} it is compatible
    heard_further: str  # in place of the step "heard", where there are such {purposes}
    people: str
    data: str
    receivers: str
    transfers: str
    security: str
    steps: tuple[str, str, str, str, str, str, str]  # announced, chosen, never recorded, stored, heard, ends, deleted
    rows: str  # what becomes of rows without a recording; {unkept}, {evidence} are periods
    unknown: str  # where the office said nothing


@dataclass(frozen=True, slots=True)
class Phrases:
    day: str
    days: str
    keys: Mapping[str, str]  # how a key is spoken
    notice: Notice
    papers: Papers
