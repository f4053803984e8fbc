from __future__ import annotations

from dataclasses import replace

import pytest

from asterisk_privacy.policy.book import Book, problems
from asterisk_privacy.policy.problem import Problem, place_of
from asterisk_privacy.policy.purpose import Basis, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Days, UntilCaseClosed, UntilReviewed

COMPLAINT = Purpose("complaint", "handling your complaint", Basis.LEGITIMATE_INTEREST, "both sides need it", Trigger.FLAG, Days(30))
TRAINING = Purpose("training", "training", Basis.LEGITIMATE_INTEREST, "practice", Trigger.SAMPLE, UntilReviewed(35), one_in=20)
QUALITY = Purpose("quality", "improving", Basis.CONSENT, "asked for", Trigger.ALWAYS, UntilReviewed(35, 7), agree_key="1")
DUTY = Purpose("duty", "as the law demands", Basis.LEGAL_OBLIGATION, "financial supervision", Trigger.ALWAYS, Days(1825))
SALES = Profile("sales", "Sales", "nl", "notice-optout", (COMPLAINT, TRAINING, QUALITY), "3")


def book(*profiles: Profile, more: tuple[Purpose, ...] = ()) -> Book:
    purposes = {p.name: p for profile in profiles for p in profile.purposes} | {p.name: p for p in more}
    return Book({profile.name: profile for profile in profiles}, purposes)


def found(*profiles: Profile, more: tuple[Purpose, ...] = ()) -> list[Problem]:
    return problems(book(*profiles, more=more))


def test_a_sound_book_has_no_problems() -> None:
    orders = Profile("orders", "Orders", "de", "/srv/sounds/notice.orders", (DUTY,), None)
    assert found(SALES, orders, more=(replace(COMPLAINT, name="unused"),)) == []


def test_one_key_may_agree_to_two_purposes() -> None:
    second = replace(QUALITY, name="research")
    assert found(replace(SALES, purposes=(QUALITY, second))) == []


def test_the_limits_themselves_are_allowed() -> None:
    edges = (Days(1), Days(3650), UntilReviewed(2, 1), UntilCaseClosed(2, 0, 1), UntilCaseClosed(30, 29, 30))
    purposes = tuple(replace(COMPLAINT, name=f"p{n}", retention=criterion) for n, criterion in enumerate(edges))
    assert found(replace(SALES, purposes=(*purposes, replace(TRAINING, one_in=1)))) == []


@pytest.mark.parametrize(
    ("purpose", "place", "what"),
    [
        (replace(COMPLAINT, title=" "), "title", "is empty"),
        (replace(COMPLAINT, reasoning=""), "reasoning", "is empty"),
        (replace(QUALITY, agree_key=None), "agree_key", "silence is no consent"),
        (replace(QUALITY, agree_key="A"), "agree_key", "'A' is not a telephone key"),
        (replace(QUALITY, agree_key="12"), "agree_key", "'12' is not a telephone key"),
        (replace(QUALITY, agree_key=""), "agree_key", "'' is not a telephone key"),
        (replace(DUTY, agree_key="1"), "agree_key", "does not depend on the caller's key"),
        (replace(TRAINING, one_in=None), "one_in", "is missing"),
        (replace(TRAINING, one_in=0), "one_in", "one in 0"),
        (replace(TRAINING, one_in=-1), "one_in", "one in -1"),
        (replace(COMPLAINT, one_in=20), "one_in", "no meaning with the trigger flag"),
        (replace(COMPLAINT, retention=Days(0)), "retention.latest_days", "keeps nothing"),
        (replace(COMPLAINT, retention=Days(-1)), "retention.latest_days", "keeps nothing"),
        (replace(COMPLAINT, retention=Days(3651)), "retention.latest_days", "more than ten years"),
        (replace(COMPLAINT, retention=UntilReviewed(35, -1)), "retention.plus_days", "before the event"),
        (replace(COMPLAINT, retention=UntilReviewed(35, 35)), "retention.plus_days", "always comes first"),
        (replace(COMPLAINT, retention=UntilCaseClosed(730, -1)), "retention.plus_days", "before the event"),
        (replace(COMPLAINT, retention=UntilCaseClosed(730, 0, 0)), "retention.link_within_days", "nobody can open a case"),
        (replace(COMPLAINT, retention=UntilCaseClosed(29, 0, 30)), "retention.link_within_days", "past the latest date"),
    ],
)
def test_contradictions_within_a_purpose(purpose: Purpose, place: str, what: str) -> None:
    [problem] = found(replace(SALES, purposes=(purpose,), refuse_key=None))
    assert problem.place == f"purposes.{purpose.name}.{place}"
    assert what in problem.what
    assert problem.remedy


def test_ten_years_are_answered_with_a_case_or_a_legal_hold() -> None:
    [problem] = found(replace(SALES, purposes=(replace(COMPLAINT, retention=Days(9999)),)))
    assert "case or a legal hold" in problem.remedy


@pytest.mark.parametrize(
    ("profile", "place", "what"),
    [
        (replace(SALES, title=""), "title", "is empty"),
        (replace(SALES, language="fr"), "language", "no sounds for 'fr'"),
        (replace(SALES, announcement=""), "announcement", "nothing is recorded"),
        (replace(SALES, announcement="notice,skip"), "announcement", "not the name of one sound"),
        (replace(SALES, announcement="a&b"), "announcement", "not the name of one sound"),
        (replace(SALES, announcement="../../etc/notice"), "announcement", "not the name of one sound"),
        (replace(SALES, announcement="notice.wav"), "announcement", "extension"),
        (replace(SALES, purposes=()), "purposes", "is empty"),
        (replace(SALES, purposes=(COMPLAINT, COMPLAINT)), "purposes", "listed 2 times"),
        (replace(SALES, refuse_key="33"), "refuse_key", "not a telephone key"),
        (replace(SALES, refuse_key=""), "refuse_key", "not a telephone key"),
        (replace(SALES, refuse_key="1"), "refuse_key", "both refuses and agrees (to quality)"),
        (replace(SALES, purposes=(DUTY,)), "refuse_key", "cannot refuse"),
    ],
)
def test_contradictions_within_a_profile(profile: Profile, place: str, what: str) -> None:
    [problem] = found(profile, more=(COMPLAINT,))
    assert problem.place == f"profiles.sales.{place}"
    assert what in problem.what
    assert problem.remedy


def test_a_profile_cannot_serve_an_unknown_purpose() -> None:
    [problem] = problems(Book({"sales": SALES}, {"complaint": COMPLAINT, "quality": QUALITY}))
    assert (problem.place, problem.what) == ("profiles.sales.purposes", "there is no purpose 'training'")


def test_an_empty_book_records_nothing() -> None:
    assert [problem.place for problem in problems(Book({}, {}))] == ["purposes", "profiles"]


@pytest.mark.parametrize("name", ["Sales", "sal es", "sales)", "", "a" * 41, "-x", "verkäufe"])
def test_names_must_pass_through_the_dialplan(name: str) -> None:
    [problem] = found(replace(SALES, name=name))
    assert "dialplan" in problem.what


def test_a_name_filed_wrongly_is_found() -> None:
    [problem] = problems(Book({"other": SALES}, book(SALES).purposes))
    assert problem.place == "profiles.other"


def test_all_problems_come_at_once() -> None:
    rotten = replace(TRAINING, title="", reasoning="", one_in=0, retention=Days(0))
    assert len(found(replace(SALES, purposes=(rotten,), language="xx", refuse_key="x"))) == 6


def test_places_quote_what_toml_would_quote() -> None:
    assert place_of("purposes", "a b", "title") == "purposes.'a b'.title"
