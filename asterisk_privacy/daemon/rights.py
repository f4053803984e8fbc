"""Joins registry and store to what persons may ask (rights/), which knows neither. Each answer, refusals too, is in the audit trail."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import soundfile

from asterisk_privacy.call.commands import ConsentKind
from asterisk_privacy.call.participants import Person, same_endpoint
from asterisk_privacy.call.timeline import overlap
from asterisk_privacy.daemon.proving import proving
from asterisk_privacy.daemon.purging import Rules, to_item
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.further import FurtherUse, further_uses
from asterisk_privacy.policy.words import say
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import CallRow, KeptPurpose, RecordingRow, State
from asterisk_privacy.retention.plan import Planned, judge, living
from asterisk_privacy.retention.purger import evidence_text
from asterisk_privacy.rights import refusals
from asterisk_privacy.rights.bundle import Change
from asterisk_privacy.rights.facts import Heard, KeptFor, Told
from asterisk_privacy.rights.refusals import Answer, Served
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.opening import open_recording
from asterisk_privacy.store.seal_text import open_text
from asterisk_privacy.store.shelf import Shelf
from asterisk_privacy.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Asked:
    """What the officer says about a request; it stands in the audit trail for good, so it names nobody."""

    reason: str
    identity_check: str
    legal_claim: str | None = None  # why the recording is needed for a claim
    request: int | None = None


def erase(registry: Registry, vault: Vault, row: RecordingRow, asked: Asked, now: datetime) -> Answer:
    """The purger's way: row purging -> shredded -> row purged with the evidence; what a crash cuts off, the purger finishes."""
    _must_be_sealed(row)
    answer = refusals.erasure(served(row), held(row), asked.legal_claim, asked_for(row, now))
    _note(registry, row, "erase", asked, answer)
    _carry_out(registry, vault, row, answer, "erase", asked, now)
    return answer


def object_to(registry: Registry, vault: Vault | None, row: RecordingRow, purpose: str, asked: Asked, now: datetime) -> Answer:
    """Without a vault what is left without a purpose is not erased here: nobody may hear it any more, and the purger takes it."""
    _must_be_sealed(row)
    try:
        answer = refusals.objection(served(row), purpose, held(row), asked.legal_claim, asked_for(row, now))
    except ValueError as error:
        raise OperatorError(f"recording {row.id}: {error}") from None
    _note(registry, row, "object", asked, answer)
    _carry_out(registry, vault, row, answer, "object", asked, now)
    return answer


def object_to_further(registry: Registry, row: RecordingRow, purpose: str, title: str, asked: Asked, now: datetime) -> Answer:
    """To being heard for what the recording was not made for, and its own purpose is compatible with: never refused, and nothing else
    changes. It holds for all recordings of the call, as one that was said during the call."""
    _must_be_sealed(row)
    answer = refusals.further(title)
    _note(registry, row, "object", asked, answer)
    registry.note_consent(row.call_id, now, ConsentKind.OBJECTED, None, purpose)
    return answer


def restrict(registry: Registry, row: RecordingRow, except_for: Sequence[str], asked: Asked, now: datetime) -> Answer:
    _must_be_sealed(row)
    unknown = [name for name in except_for if name not in (p.name for p in row.purposes)]
    if unknown:
        raise OperatorError(f"recording {row.id}: does not serve purpose {unknown[0]!r}, so it cannot be excepted")
    registry.restrict(row.id, now, asked.reason, except_for)
    answer = refusals.restriction(held(row))
    _note(registry, row, "restrict", asked, answer)
    return answer


def further_of(row: RecordingRow, settings: Config, now: datetime, rules: Rules | None = None) -> tuple[FurtherUse, ...]:
    """For what else it may be heard at this moment, by whose role listens for that. Of what is not sealed, for nothing."""
    book = settings.book.purposes
    if row.state is not State.SEALED or not any(p.name in book and book[p.name].compatible for p in row.purposes):
        return ()
    still = living_purposes(row, rules or Rules.of(settings), now)
    return further_uses(((p.name, p.basis) for p in row.purposes), still, row.objected, book)


def living_purposes(row: RecordingRow, rules: Rules, now: datetime) -> frozenset[str]:
    """Names of those that still keep it, by themselves: not withdrawn, and not ended by what happened, by age or by their latest date."""
    lives = living(to_item(row, rules), now)
    return frozenset(p.name for p, alive in zip(row.purposes, lives, strict=True) if alive)


def served(row: RecordingRow) -> tuple[Served, ...]:
    return tuple(Served(p.name, p.title, p.basis) for p in row.purposes)


def asked_for(row: RecordingRow, now: datetime) -> bool:
    """Whether a person waits for an answer about it, within the time that there is for one."""
    return any(now < request.until for request in row.requests)


def held(row: RecordingRow) -> bool:
    return bool(row.circumstances.holds)


def outlook(row: RecordingRow, settings: Config, language: str, now: datetime) -> Planned | None:
    """As the purger judges it; None when there is nothing left to judge."""
    return judge(to_item(row, Rules.of(settings)), now, language) if row.state in (State.WRITING, State.SEALED) else None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a copy is for: a customer by every hash that their number may have, or an agent by endpoint."""

    hashes: frozenset[str] = frozenset()
    agent: str | None = None

    def is_(self, person: Person) -> bool:
        if self.agent is not None:
            return person.endpoint is not None and same_endpoint(person.endpoint, self.agent)
        return person.number_hash in self.hashes


def told(
    registry: Registry, settings: Config, row: RecordingRow, identities: Sequence[Identity], whose: Subject, language: str, now: datetime
) -> Told:
    """What the person is told is what the purger would say."""
    call = registry.call(row.call_id)
    sealed = None if call is None else _sealed_number(call, whose)
    titles = {name: purpose.title_in(language) for name, purpose in settings.book.purposes.items()}
    titles |= {p.name: _title(p, settings, language) for p in row.purposes}
    judged = judge(to_item(row, Rules.of(settings)), now, language)
    further = further_of(row, settings, now)
    others = {p.name: tuple((titles[use.purpose], use.because) for use in further if use.made_for == p.name) for p in row.purposes}
    verdicts = [say(clause, language) for _, clause in judged.clauses[len(judged.clauses) - len(row.purposes) :]]  # blocks stand before
    return Told(
        recording_id=row.id,
        recorded_at=row.recorded_at,
        line=row.profile,
        duration_ms=row.duration_ms or 0,
        truncated=row.truncated,
        purposes=tuple(
            KeptFor(titles[p.name], p.basis, p.reasoning, p.criterion.in_words(language), verdict, others[p.name])
            for p, verdict in zip(row.purposes, verdicts, strict=True)
        ),
        heard=tuple(Heard(h.at, titles.get(h.purpose, h.purpose)) for h in registry.listens(row.id) if h.by_others),
        restricted_at=None if row.restriction is None else row.restriction.at,
        held=held(row),
        number=open_text(sealed, identities) if sealed else None,
        own_audio=None if call is None else _own_audio(registry, row, call, whose),
        spans=row.spans,
        marks=row.marks,
    )


def _sealed_number(call: CallRow, whose: Subject) -> bytes | None:
    """Their own, and nobody else's who was in the call."""
    if call.customer_hash in whose.hashes:
        return call.customer_sealed
    return next((one.person.number_sealed for one in call.participants if whose.is_(one.person) and one.person.number_sealed), None)


def _own_audio(registry: Registry, row: RecordingRow, call: CallRow, whose: Subject) -> tuple[tuple[int, int], ...] | None:
    """None for the customer on whose channel the call was, who is in all of it, and where nobody wrote down when."""
    own = [one for one in call.participants if whose.is_(one.person)]
    if call.customer_hash in whose.hashes or not own or any(one.from_ms is None for one in own):
        return None
    audio = audio_of(row, registry.recordings(call_id=row.call_id))
    return overlap(audio, [(one.from_ms or 0, one.to_ms) for one in own])


def _title(purpose: KeptPurpose, settings: Config, language: str) -> str:
    """As it was promised; in the person's language where the policy still has it."""
    known = settings.book.purposes.get(purpose.name)
    return known.title_in(language) if known is not None and known.title == purpose.title else purpose.title


def flac_of(registry: Registry, shelf: Shelf, identities: Sequence[Identity]) -> Callable[[Told, Change], bytes]:
    """Decrypts and encodes in memory."""

    def make(one: Told, change: Change) -> bytes:
        with proving(registry, one.recording_id, "copy for the person") as content:
            samples, rate = open_recording(shelf.source(one.recording_id), content, identities)
        memory = io.BytesIO()
        soundfile.write(memory, change(samples, rate), rate, format="FLAC", subtype="PCM_16")
        return memory.getvalue()

    return make


def _carry_out(registry: Registry, vault: Vault | None, row: RecordingRow, answer: Answer, what: str, asked: Asked, now: datetime) -> None:
    """A failure is in the trail too, behind the answer that it belies; the row stays purging if it had got so far."""
    try:
        if answer.erased and vault is not None:
            registry.nodes.refuse_elsewhere(row.id)  # before anything is done that only its erasure justifies
        for name in answer.withdrawn:
            registry.withdraw_purpose(row.id, name, now, asked.reason)
        if answer.erased and vault is not None:
            with registry.only_one():
                _shred(registry, vault, row, f"at the person's request: {asked.reason}", now)
    except OperatorError as error:
        registry.audit(registry.actor, f"subject.{what}-failed", row.id, {"why": type(error).__name__})
        raise


def _shred(registry: Registry, vault: Vault, row: RecordingRow, why: str, now: datetime) -> None:
    if row.restriction is not None:
        registry.lift_restriction(row.id, now, "the person asked for its erasure")
    registry.mark_purging(row.id, now, why)
    evidence = vault.shred(row.id)
    if vault.has(row.id):
        raise OperatorError(f"recording {row.id}: the file is still there after shredding; the row stays purging, see: purge")
    registry.mark_purged(row.id, now, why, evidence_text(evidence))


def _must_be_sealed(row: RecordingRow) -> None:
    if row.state is State.WRITING:
        raise OperatorError(f"recording {row.id}: is being made at this moment; ask again when the call is over")
    if row.state is not State.SEALED:
        raise OperatorError(f"recording {row.id}: is {row.state} already")


def _note(registry: Registry, row: RecordingRow, what: str, asked: Asked, answer: Answer) -> None:
    detail = {"reason": asked.reason, "identity_check": asked.identity_check, "answer": answer.in_words()}
    if asked.legal_claim:
        detail["legal_claim"] = asked.legal_claim
    if asked.request is not None:
        detail["request"] = str(asked.request)
    registry.audit(registry.actor, f"subject.{what}{'-refused' if answer.refused else ''}", row.id, detail)
