"""What the law lets us refuse, as a table; and in random cases: what is demanded stays, what is not demanded ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.policy.purpose import Basis
from asterisk_privacy.rights.refusals import MAY_OBJECT, OBLIGES, Answer, Served, erasure, objection, restriction
from asterisk_privacy.rights.words import BASES, SPANS, WORDS


def of(*bases: Basis) -> tuple[Served, ...]:
    return tuple(Served(f"p{n}", f"purpose {n}", basis) for n, basis in enumerate(bases))


@pytest.mark.parametrize(
    ("bases", "held", "claim", "outcome", "article"),
    [
        ([Basis.LEGITIMATE_INTEREST], False, None, "erased", "17(1)"),
        ([Basis.CONSENT, Basis.CONTRACT], False, None, "erased", "17(1)"),
        ([], False, None, "erased", "17(1)"),
        ([Basis.CONSENT], True, None, "refused", "17(3)(e)"),
        ([Basis.CONSENT], False, "summons", "refused", "17(3)(e)"),
        ([Basis.LEGAL_OBLIGATION], False, None, "refused", "17(3)(b)"),
        ([Basis.PUBLIC_TASK], False, None, "refused", "17(3)(b)"),
        ([Basis.LEGAL_OBLIGATION, Basis.CONSENT], False, None, "kept", "17(3)(b)"),
        ([Basis.LEGAL_OBLIGATION, Basis.CONSENT], True, None, "refused", "17(3)(e)"),
    ],
)
def test_erasure(bases: list[Basis], held: bool, claim: str | None, outcome: str, article: str) -> None:
    answer = erasure(of(*bases), held, claim)
    assert (answer.refused, answer.erased) == (outcome == "refused", outcome == "erased")
    assert article in answer.in_words()
    assert answer.withdrawn == (("p1",) if outcome == "kept" else ())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(Basis), max_size=4), st.booleans(), st.sampled_from([None, "summons"]), st.sampled_from(sorted(WORDS)))
def test_erasure_of_anything(bases: list[Basis], held: bool, claim: str | None, language: str) -> None:
    answer = erasure(of(*bases), held, claim)
    demanded = {f"p{n}" for n, basis in enumerate(bases) if basis in OBLIGES}
    assert not (answer.erased and (held or claim or demanded))  # what the law protects is never erased
    assert not (answer.refused and (answer.erased or answer.withdrawn))  # a refusal changes nothing
    assert not demanded & set(answer.withdrawn)
    if not answer.refused and not answer.erased:
        assert set(answer.withdrawn) == {f"p{n}" for n in range(len(bases))} - demanded
    assert answer.in_words(language) and "{" not in answer.in_words(language)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(Basis), min_size=1, max_size=4), st.data(), st.booleans(), st.sampled_from([None, "summons"]))
def test_objection_to_anything(bases: list[Basis], data: st.DataObject, held: bool, claim: str | None) -> None:
    number = data.draw(st.integers(0, len(bases) - 1))
    answer = objection(of(*bases), f"p{number}", held, claim)
    allowed = bases[number] in MAY_OBJECT and not (claim and bases[number] is not Basis.CONSENT)
    assert answer.refused is not allowed
    assert answer.withdrawn == ((f"p{number}",) if allowed else ())
    assert answer.erased == (allowed and len(bases) == 1 and not held)
    for language in WORDS:
        assert answer.in_words(language) and "{" not in answer.in_words(language)


@pytest.mark.parametrize("language", sorted(WORDS))
def test_what_somebody_else_asked_for_is_not_erased_first(language: str) -> None:
    answer = erasure(of(Basis.CONSENT), False, None, asked_for=True)
    assert answer.refused and not answer.erased and "{" not in answer.in_words(language)
    answer = objection(of(Basis.CONSENT), "p0", False, None, asked_for=True)
    assert not answer.refused and not answer.erased and answer.withdrawn == ("p0",) and "{" not in answer.in_words(language)


def test_an_objection_to_what_it_does_not_serve() -> None:
    with pytest.raises(ValueError, match="only p0"):
        objection(of(Basis.CONSENT), "p1", False, None)
    with pytest.raises(ValueError, match="none any more"):
        objection((), "p1", False, None)


def test_a_restriction_is_never_refused() -> None:
    assert restriction(False) == Answer(False, False, (), (("restricted",),))
    assert "legal hold" in restriction(True).in_words()


def test_every_language_has_every_sentence_with_the_same_blanks() -> None:
    for language, table in WORDS.items():
        assert table.keys() == WORDS["en"].keys(), language
        for key, sentence in table.items():
            assert sentence.count("{") == WORDS["en"][key].count("{"), (language, key)
        assert set(BASES[language]) == {basis.value for basis in Basis} and language in SPANS
