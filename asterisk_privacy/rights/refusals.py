"""What a person asks of one recording, and what the law lets us answer. Pure: a wish and what is known go in, an answer with its reason
and article comes out.

    erasure      art. 17(3)(b): a legal obligation or a public task needs it; (e): legal claims, which a legal hold and a stated claim are
    restriction  art. 18: not refused; it stores what there is, and that disturbs no hold
    objection    art. 21(1): to what rests on a legitimate interest or a public task; 7(3): consent is withdrawn at any time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asterisk_privacy.policy.purpose import Basis
from asterisk_privacy.rights.words import WORDS

OBLIGES = frozenset({Basis.LEGAL_OBLIGATION, Basis.PUBLIC_TASK})
MAY_OBJECT = frozenset({Basis.LEGITIMATE_INTEREST, Basis.PUBLIC_TASK, Basis.CONSENT})


@dataclass(frozen=True, slots=True)
class Served:
    """A purpose that the recording serves, as far as an answer needs it."""

    name: str
    title: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class Answer:
    """What is done with one recording. Nothing is done where `refused`; else its purposes `withdrawn` end, and it goes if `erased`."""

    refused: bool
    erased: bool
    withdrawn: tuple[str, ...]  # names of purposes
    reasons: tuple[tuple[str, ...], ...]  # (key of words.WORDS[language], what fills it in ...)

    def in_words(self, language: str = "en") -> str:
        return " ".join(WORDS[language][key].format(*fill) for key, *fill in self.reasons)


def erasure(purposes: Sequence[Served], held: bool, legal_claim: str | None, asked_for: bool = False) -> Answer:
    """A purpose that the law demands keeps the recording, for that purpose only: the others end (17(3): "to the extent"). `asked_for`:
    somebody waits for a copy of it, or for its restriction; erased first, there would be no answer to them."""
    if held:
        return _refused(("held",))
    if asked_for:
        return _refused(("asked-for",))
    if legal_claim:
        return _refused(("claim",))
    demanded = [p for p in purposes if p.basis in OBLIGES]
    if not demanded:
        return Answer(False, True, (), (("erased",),))
    others = tuple(p for p in purposes if p.basis not in OBLIGES)
    reasons: list[tuple[str, ...]] = [(_demand(p.basis), p.title) for p in demanded]
    if not others:
        return _refused(*reasons)
    return Answer(False, False, tuple(p.name for p in others), (*reasons, ("ended", ", ".join(p.title for p in others))))


def objection(purposes: Sequence[Served], name: str, held: bool, legal_claim: str | None, asked_for: bool = False) -> Answer:
    """To the purpose `name`, which the recording serves (ValueError if not). With no other purpose left it is erased, unless a hold
    keeps it: then nobody uses it for what was objected to, and it goes when the hold is released. So with what somebody asks for."""
    wanted = next((p for p in purposes if p.name == name), None)
    if wanted is None:
        raise ValueError(f"does not serve purpose {name!r}, only {', '.join(p.name for p in purposes) or 'none any more'}")
    if wanted.basis not in MAY_OBJECT:
        return _refused(("no-objection", wanted.title, wanted.basis.value))
    if legal_claim and wanted.basis is not Basis.CONSENT:
        return _refused(("claim-outweighs", wanted.title))
    if len(purposes) > 1:
        return Answer(False, False, (name,), (("withdrawn", wanted.title),))
    if held:
        return Answer(False, False, (name,), (("withdrawn", wanted.title), ("held-for-now",)))
    if asked_for:
        return Answer(False, False, (name,), (("withdrawn", wanted.title), ("asked-for-now",)))
    return Answer(False, True, (name,), (("withdrawn", wanted.title), ("none-left",)))


def further(title: str) -> Answer:
    """Nobody owes the controller what a recording was not made for."""
    return Answer(False, False, (), (("withdrawn", title),))


def restriction(held: bool) -> Answer:
    return Answer(False, False, (), (("restricted",), *([("restricted-held",)] if held else [])))


def _demand(basis: Basis) -> str:
    return "obligation" if basis is Basis.LEGAL_OBLIGATION else "public-task"


def _refused(*reasons: tuple[str, ...]) -> Answer:
    return Answer(True, False, (), reasons)
