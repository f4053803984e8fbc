"""One source of truth: every period that a text says is the one by which the purger judges."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.phrases import Office
from asterisk_privacy.policy.purpose import Basis, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Criterion, Days, Milestone, UntilCaseClosed, UntilReviewed
from asterisk_privacy.policy.texts import DOCUMENTS, LANGUAGES, announcement, announcements, document, period, said_wrongly, untold
from asterisk_privacy.retention.plan import Item, Promise, plan

T0 = datetime(2027, 2, 27, 23, 30, tzinfo=UTC)
EPSILON = timedelta(microseconds=1)
AN_HOUR = timedelta(hours=1)
DAY_WORDS = r"(?:days?|dagen|dag|Tagen|Tage|Tag)\b"
LATEST = {
    "en": rf"(\d+) {DAY_WORDS} after the call at the latest",
    "nl": rf"uiterlijk (\d+) {DAY_WORDS} na het gesprek",
    "de": rf"spätestens (\d+) {DAY_WORDS} nach dem Gespräch",
}
CASELESS = {"en": rf"without a case: (\d+) {DAY_WORDS}", "nl": rf"zonder zaak: (\d+) {DAY_WORDS}", "de": rf"ohne Fall: (\d+) {DAY_WORDS}"}


def ends(criterion: Criterion, **milestones: datetime) -> datetime:
    """The border, found with the planner itself: kept just before, deleted at it."""
    events = {Milestone[name.upper()]: at for name, at in milestones.items()}
    row = Item("r", T0, (Promise("p", criterion),), events)

    def gone(at: datetime) -> bool:
        return bool(plan([row], at, 100, 1).deletions)

    low, high = 0, 4000 * 24
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if gone(T0 + middle * AN_HOUR) else (middle + 1, high)
    border = T0 + low * AN_HOUR
    assert gone(border) and not gone(border - EPSILON)
    return border


def numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(rf"(\d+) {DAY_WORDS}", text)]


def said(pattern: str, text: str) -> timedelta:
    found = re.search(pattern, text)
    assert found, text
    return timedelta(days=int(found[1]))


spans = st.integers(2, 900)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=15, deadline=None)
@given(latest=spans)
def test_a_fixed_period_is_said_and_kept(language: str, latest: int) -> None:
    text = period(Days(latest), language)
    assert numbers(text) == [latest]
    assert ends(Days(latest)) == T0 + timedelta(days=numbers(text)[0])


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=15, deadline=None)
@given(latest=spans, plus=st.integers(0, 60))
def test_until_reviewed_is_said_and_kept(language: str, latest: int, plus: int) -> None:
    text = period(UntilReviewed(latest, plus), language)
    at_latest = said(LATEST[language], text)
    assert ends(UntilReviewed(latest, plus)) == T0 + at_latest
    after_review = [timedelta(days=n) for n in numbers(text)][:-1]
    assert len(after_review) == (plus > 0)
    expected = min(T0 + AN_HOUR + sum(after_review, timedelta()), T0 + at_latest)
    assert ends(UntilReviewed(latest, plus), reviewed=T0 + AN_HOUR) == expected


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=15, deadline=None)
@given(latest=spans, plus=st.integers(0, 60), link=st.integers(1, 60))
def test_until_the_case_is_closed_is_said_and_kept(language: str, latest: int, plus: int, link: int) -> None:
    rule = UntilCaseClosed(latest, plus, link)
    text = period(rule, language)
    at_latest, caseless = said(LATEST[language], text), said(CASELESS[language], text)
    assert ends(rule) == T0 + min(caseless, at_latest)
    assert ends(rule, case_opened=T0) == T0 + at_latest
    rest = numbers(text)
    for known in (latest, link):
        rest.remove(known)
    assert len(rest) == (plus > 0)
    closed = T0 + AN_HOUR
    assert ends(rule, case_opened=T0, case_closed=closed) == min(closed + timedelta(days=sum(rest)), T0 + at_latest)


names = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=3, max_size=8)
keys = st.sampled_from("12*#")


@st.composite
def books(draw: st.DrawFn) -> Book:
    purposes = {}
    for name in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        trigger = draw(st.sampled_from(list(Trigger)))
        rule = draw(st.one_of(st.builds(Days, spans), st.builds(UntilReviewed, spans), st.builds(UntilCaseClosed, spans)))
        one_in = draw(st.none() | st.integers(2, 99)) if trigger is Trigger.SAMPLE else None
        agree = draw(st.none() | keys)
        purposes[name] = Purpose(name, f"title of {name}", Basis.CONTRACT, "because", trigger, rule, one_in, agree)
    language = draw(st.sampled_from(list(LANGUAGES)))
    profile = Profile("line", "Line", language, "notice", tuple(purposes.values()), draw(st.none() | st.just("3")))
    return Book({"line": profile}, purposes)


@settings(max_examples=40, deadline=None)
@given(book=books())
def test_the_announcement_names_all_that_the_policy_has(book: Book) -> None:
    profile = book.profiles["line"]
    text = announcement(profile, Office(statement="example.org"))
    assert untold(profile, text) == [] and said_wrongly(profile, text) == []
    assert "example.org" in text and LANGUAGES[profile.language].notice.never_waiting in text
    for purpose in profile.purposes:
        assert purpose.title in text and period(purpose.retention, profile.language) in text
        if purpose.one_in:
            assert str(purpose.one_in) in text
    assert "{" not in text
    spoken_refusal = LANGUAGES[profile.language].notice.refuse.format(key="3") in text
    assert spoken_refusal == (profile.refuse_key == "3")


@settings(max_examples=20, deadline=None)
@given(book=books(), language=st.sampled_from(list(LANGUAGES)), kind=st.sampled_from(DOCUMENTS))
def test_each_document_has_a_row_for_each_purpose_with_its_true_end(book: Book, language: str, kind: str) -> None:
    made = document(kind, book, Office(name="Firma", contact="+1", dpo="D"), language)
    assert len(made.rows) == len(book.purposes)
    for row, purpose in zip(made.rows, book.purposes.values(), strict=True):
        assert len(row) == len(made.headings) and all(row)
        said_here = " ".join(row)
        latest = purpose.retention.latest_days
        assert ends(purpose.retention, case_opened=T0) == T0 + timedelta(days=latest) and latest in numbers(said_here)
        if kind != "dpia":
            assert purpose.retention.in_words(language) in said_here
    assert "{" not in repr(made)


def test_a_key_or_period_that_the_sound_does_not_tell_is_found() -> None:
    purpose = Purpose("p", "x", Basis.CONSENT, "because", Trigger.ALWAYS, Days(30), agree_key="*")
    profile = Profile("line", "Line", "nl", "notice", (purpose,), "3")
    assert untold(profile, "Wilt u geen opname? Toets 3.") == ["*"]
    assert untold(profile, "Toets drie, of het sterretje.") == []
    assert untold(profile, "Na 30 dagen of 13 dagen wissen we.") == ["3", "*"]
    assert said_wrongly(profile, "Na 30 dagen of 13 dagen wissen we.") == ["13 dagen"]


def test_an_announcement_can_be_had_in_another_language_and_a_title_too() -> None:
    purpose = Purpose("p", "training", Basis.CONTRACT, "b", Trigger.SAMPLE, Days(1), one_in=5, titles=(("nl", "het oefenen"),))
    book = Book({"line": Profile("line", "Line", "nl", "notice", (purpose,), None)}, {"p": purpose})
    ((_, language, dutch),) = announcements(book, Office(), None).rows
    ((_, _, english),) = announcements(book, Office(), "en", only="line").rows
    assert language == "nl" and "het oefenen" in dutch and "1 dag na" in dutch and "een op de 5" in dutch
    assert "training" in english and "1 day after" in english
    assert announcements(book, Office(), "en", only="other").rows == ()
