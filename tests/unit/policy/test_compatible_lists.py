"""What a recording may be heard for besides what it was made for: which lists are refused, and what one that stands allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asterisk_privacy.daemon.config import load, parse
from asterisk_privacy.errors import ConfigError
from asterisk_privacy.policy.book import Book, problems
from asterisk_privacy.policy.consent import named_by_objection
from asterisk_privacy.policy.further import FurtherUse, further_uses
from asterisk_privacy.policy.phrases import Office
from asterisk_privacy.policy.problem import Problem
from asterisk_privacy.policy.purpose import Basis, Compatible, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Days, UntilReviewed
from asterisk_privacy.policy.texts import DOCUMENTS, LANGUAGES, announcement, document

BECAUSE = "Calls that went wrong are those to learn from; the same few people hear them, and no longer than before."
LI = Basis.LEGITIMATE_INTEREST
COMPLAINT = Purpose("complaint", "handling your complaint", LI, "both sides need it", Trigger.FLAG, Days(30))
TRAINING = Purpose("training", "training our staff", LI, "practice", Trigger.SAMPLE, UntilReviewed(35), one_in=20)
RESEARCH = Purpose("research", "research", LI, "numbers", Trigger.ALWAYS, Days(30))
PROOF = Purpose("proof", "proof of your order", Basis.CONTRACT, "an order is a contract", Trigger.ALWAYS, Days(90))
QUALITY = Purpose("quality", "improving", Basis.CONSENT, "asked for", Trigger.ALWAYS, Days(30), agree_key="1")
OPT_IN = Purpose("opt-in", "if you like", LI, "asked for", Trigger.ALWAYS, Days(30), agree_key="2")
DUTY = Purpose("duty", "as the law demands", Basis.LEGAL_OBLIGATION, "supervision", Trigger.ALWAYS, Days(1825))
FAULT = Purpose("fault", "finding a fault", LI, "the line crackles", Trigger.CAMPAIGN, Days(7))
MARKED = Purpose("marked", "the moment of agreement", Basis.CONTRACT, "an order", Trigger.MARKED, Days(90))
ALL = (COMPLAINT, TRAINING, RESEARCH, PROOF, QUALITY, OPT_IN, DUTY, FAULT, MARKED)


def listing(purpose: Purpose, *others: str, because: str = BECAUSE) -> Purpose:
    return replace(purpose, compatible=tuple(Compatible(other, because) for other in others))


def book(*changed: Purpose) -> Book:
    purposes = {p.name: p for p in ALL} | {p.name: p for p in changed}
    return Book({"line": Profile("line", "Line", "en", "notice", (purposes["complaint"],), None)}, purposes)


def found(*changed: Purpose) -> list[Problem]:
    return problems(book(*changed))


@pytest.mark.parametrize(
    ("source", "others"),
    [
        (COMPLAINT, ["training"]),
        (COMPLAINT, ["training", "research", "proof"]),
        (TRAINING, ["complaint"]),
        (PROOF, ["complaint"]),
        (MARKED, ["training"]),
    ],
)
def test_lists_that_stand(source: Purpose, others: list[str]) -> None:
    assert found(listing(source, *others)) == []


def test_each_may_list_the_other() -> None:
    assert found(listing(COMPLAINT, "training"), listing(TRAINING, "complaint")) == []


@pytest.mark.parametrize(
    ("source", "place", "what", "remedy"),
    [
        (listing(COMPLAINT, "trainign"), ".trainign", "there is no purpose 'trainign'", "did you mean training?"),
        (listing(COMPLAINT, "x"), ".x", "there is no purpose 'x'", "write [purposes.x]"),
        (listing(COMPLAINT, "complaint"), ".complaint", "is this purpose itself", "leave it out"),
        (listing(COMPLAINT, "training", "training"), "", "'training' is listed 2 times", "each purpose once"),
        (listing(COMPLAINT, "training", because=" "), ".training", "says not why", "art. 6(4)"),
        (listing(COMPLAINT, "training", because="it is compatible"), ".training", "is no assessment", "art. 6(4)"),
        (listing(COMPLAINT, "training", because="word " * 121), ".training", "605 characters are too many", "600 at most"),
        (listing(QUALITY, "training"), "", "rests on consent", "ask the callers"),
        (listing(OPT_IN, "training"), "", "only if the caller agrees", "add the other purpose to the profile"),
        (listing(DUTY, "training"), "", "because a law demands it", "add the other purpose to the profile"),
        (listing(FAULT, "training"), "", "is a campaign", "add the other purpose to the profile"),
        (listing(COMPLAINT, "quality"), ".quality", "the caller's own yes", "add that purpose to the profile"),
        (listing(COMPLAINT, "opt-in"), ".opt-in", "the caller's own yes", "add that purpose to the profile"),
        (listing(COMPLAINT, "duty"), ".duty", "rests on a legal obligation", "the lines that the law means"),
        (listing(COMPLAINT, "fault"), ".fault", "designated and counted", "campaign open"),
        (listing(COMPLAINT, "marked"), ".marked", "only what the agent marks", "add that purpose to the profile"),
    ],
)
def test_lists_that_do_not(source: Purpose, place: str, what: str, remedy: str) -> None:
    problem = found(source)[0]
    assert problem.place == f"purposes.{source.name}.compatible{place}"
    assert what in problem.what and remedy in problem.remedy


def uses(*own: Purpose, policy: Book, objected: frozenset[str] = frozenset(), ended: frozenset[str] = frozenset()) -> dict[str, str]:
    living = {p.name for p in own} - ended
    made = further_uses([(p.name, p.basis) for p in own], living, objected, policy.purposes)
    assert all(one.because == BECAUSE for one in made)
    return {one.purpose: one.made_for for one in made}


ONE_WAY = book(listing(COMPLAINT, "training"))
CHAIN = book(listing(COMPLAINT, "training"), listing(TRAINING, "research"))


def test_in_one_direction_only() -> None:
    assert uses(COMPLAINT, policy=ONE_WAY) == {"training": "complaint"}
    assert uses(TRAINING, policy=ONE_WAY) == {} == uses(PROOF, policy=ONE_WAY)


def test_not_what_a_compatible_purpose_lists_in_turn() -> None:
    assert uses(COMPLAINT, policy=CHAIN) == {"training": "complaint"}
    assert uses(COMPLAINT, TRAINING, policy=CHAIN) == {"research": "training"}  # now training is its own


def test_nothing_listed_nothing_heard() -> None:
    assert uses(*ALL, policy=book()) == {} == uses(policy=ONE_WAY)


def test_what_it_serves_itself_is_no_further_use_also_when_that_has_ended() -> None:
    assert uses(COMPLAINT, TRAINING, policy=ONE_WAY) == {}
    assert uses(COMPLAINT, TRAINING, policy=ONE_WAY, ended=frozenset({"training"})) == {}


def test_not_through_a_purpose_that_has_ended() -> None:
    assert uses(COMPLAINT, policy=ONE_WAY, ended=frozenset({"complaint"})) == {}


def test_not_against_an_objection() -> None:
    assert uses(COMPLAINT, policy=ONE_WAY, objected=frozenset({"training"})) == {}
    assert uses(COMPLAINT, policy=ONE_WAY, objected=frozenset({"research"})) == {"training": "complaint"}


@pytest.mark.parametrize("basis", [Basis.CONSENT, Basis.LEGAL_OBLIGATION])
def test_the_basis_at_the_time_of_the_recording_counts_and_that_of_today(basis: Basis) -> None:
    then = replace(COMPLAINT, basis=basis)
    assert uses(then, policy=ONE_WAY) == {}  # the policy changed its mind; the caller was not asked again
    assert uses(COMPLAINT, policy=book(listing(then, "training"))) == {}
    assert uses(COMPLAINT, policy=book(listing(COMPLAINT, "training"), replace(TRAINING, basis=basis))) == {}


@pytest.mark.parametrize("target", [QUALITY, OPT_IN, DUTY, FAULT, MARKED])
@pytest.mark.parametrize("source", [COMPLAINT, QUALITY, OPT_IN, DUTY, FAULT])
def test_what_the_check_refuses_nobody_hears_either(source: Purpose, target: Purpose) -> None:
    """Should such a book ever be used."""
    assert uses(source, policy=book(listing(source, target.name))) == {}
    if source is not COMPLAINT:
        assert uses(source, policy=book(listing(source, "training"))) == {}


def test_a_purpose_that_the_policy_has_no_more_lets_nobody_hear() -> None:
    assert further_uses([("old", LI)], {"old"}, frozenset(), ONE_WAY.purposes) == ()
    gone = {name: p for name, p in ONE_WAY.purposes.items() if name != "training"}
    assert further_uses([("complaint", LI)], {"complaint"}, frozenset(), gone) == ()


def test_of_several_that_list_it_the_first_stands_for_them() -> None:
    both = book(listing(COMPLAINT, "training"), listing(PROOF, "training"))
    assert uses(PROOF, COMPLAINT, policy=both) == {"training": "proof"}
    assert uses(PROOF, COMPLAINT, policy=both, ended=frozenset({"proof"})) == {"training": "complaint"}
    assert further_uses([("complaint", LI)], {"complaint"}, (), both.purposes) == (FurtherUse("training", "complaint", BECAUSE),)


SAMPLE = (Path(__file__).parents[3] / "examples" / "config.toml").read_text()


def with_table(table: str) -> str:
    return SAMPLE.replace("[purposes.complaint]\n", f"[purposes.complaint]\ncompatible = {table}\n")


def test_as_it_is_written() -> None:
    config = parse(with_table(f'{{ training = "{BECAUSE}" }}'))
    assert config.book.purposes["complaint"].compatible == (Compatible("training", BECAUSE),)
    below = SAMPLE.replace("[purposes.training]\n", f'[purposes.complaint.compatible]\ntraining = "{BECAUSE}"\n[purposes.training]\n')
    assert parse(below).book.purposes == config.book.purposes


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('["training"]', "[purposes.complaint] compatible: a list is not a table of purposes, each with the reason why it is compatible"),
        ("{ training = true }", "[purposes.complaint] compatible: a table is not a table of purposes"),
        ('{ trainign = "Calls that went wrong are to learn from." }', "[purposes.complaint] compatible.trainign: there is no purpose"),
        ('{ quality = "Calls that went wrong are to learn from." }', "[purposes.complaint] compatible.quality: quality needs the caller"),
        ('{ "a b" = "Calls that went wrong are to learn from." }', "[purposes.complaint] compatible.'a b': there is no purpose 'a b'"),
    ],
)
def test_mistakes_in_the_file(table: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(with_table(table))
    [problem] = caught.value.problems
    assert problem.startswith(said) and "; " in problem


def test_the_sample_of_the_sample_can_be_used(tmp_path: Path) -> None:
    """The commented lines of examples/config.toml, without their '#'."""
    lines = [line for line in SAMPLE.splitlines() if line.startswith("# compatible = ")]
    assert len(lines) == 1
    file = tmp_path / "config.toml"
    file.write_text(SAMPLE.replace(lines[0], lines[0][2:]))
    [(purpose, [one])] = [(p.name, p.compatible) for p in load(file).book.purposes.values() if p.compatible]
    assert (purpose, one.purpose) == ("complaint", "training") and len(one.because.split()) > 10


TOLD_IN = {"statement", "record", "council", "dpia"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_documents_tell_it_where_it_holds_and_nowhere_else(kind: str, language: str) -> None:
    title = f"training in {language}"
    changed = book(listing(COMPLAINT, "training"), replace(TRAINING, titles=((language, title),)))
    made, plain = document(kind, changed, Office(), language), document(kind, book(), Office(), language)
    assert made.headings == plain.headings
    for row, before, purpose in zip(made.rows, plain.rows, changed.purposes.values(), strict=True):
        told = " ".join(row)
        if purpose.name == "complaint":
            assert title in told and (BECAUSE in told) == (kind in TOLD_IN) and row != before
        elif purpose.name != "training":
            assert row == before
    assert "{" not in repr(made)


def test_the_announcement_stays_what_it_was() -> None:
    plain, changed = book().profiles["line"], book(listing(COMPLAINT, "training")).profiles["line"]
    assert announcement(plain, Office()) == announcement(changed, Office())


def test_the_objection_key_takes_away_what_it_may_be_heard_for_too() -> None:
    line = Profile("line", "Line", "en", "notice", (listing(COMPLAINT, "training", "research"),), "3")
    assert named_by_objection(line, "") == {"training", "research"}
    assert named_by_objection(line, "training") == {"training"} and named_by_objection(line, "proof") == frozenset()
    assert named_by_objection(replace(line, purposes=(COMPLAINT,)), "") == frozenset()
