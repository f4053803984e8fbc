"""A call that an earlier daemon began: its first parts, its story until now, and what to tell a fresh recorder about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from asterisk_privacy.asterisk.ari import Announced
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.commands import ConsentKind, Outcome
from asterisk_privacy.call.situation import Consent, Hush, Life, Situation
from asterisk_privacy.call.timeline import Mark, Span, SpanKind
from asterisk_privacy.daemon.aftermath import LeftCall
from asterisk_privacy.daemon.call_tools import Tools
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.remembered import Memory, Reminders
from asterisk_privacy.daemon.storage import destroy
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Profile, Purpose
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.vault import Vault


class Chosen:
    """What Asterisk remembers of what customers chose. A call may have been announced on several channels, its customer's and halves of
    Local channels; a refusal on any of them is the call's, also one of which only the daemon before knew. `memories`: by channel."""

    def __init__(self, announced: Mapping[str, Announced], reminders: Reminders) -> None:
        read = {channel: reminders.read(channel, said.state) for channel, said in announced.items()}
        self.memories = {channel: memory for channel, memory in read.items() if memory is not None}
        self._announced = announced
        self._refused = frozenset(m.call_id for c, m in self.memories.items() if "refused" in (m.consent, announced[c].consent))

    def by(self, customer: str | None, call_id: str, notice: str, announced_on: str) -> str:
        """As PRIVACY_CONSENT has it. Of a notice on half of a Local channel whose listener is not known only a refusal counts."""
        said = [self._announced[c] for c in (announced_on, customer) if c is not None and c in self._announced]
        if call_id in self._refused or any(one.consent == "refused" for one in said):
            return "refused"
        own = self._announced.get(customer) if customer is not None else None
        return own.consent_to(notice) if own is not None else "none"


def retold(profile: Profile, memory: Memory, consent: str, at: float, later: Sequence[Profile] = ()) -> Iterator[ev.Event]:
    """What a new recorder must be told to be where the old one was. `consent`: PRIVACY_CONSENT, which outlives the daemon. Without
    consent nothing is told of a notice, and nothing can be recorded; one that plays now will tell of its end itself. `later`: other
    lines whose notice the old one knew was heard; then no key counts but those that it knew of, since a key means another thing on
    each line."""
    choice, _, keys = consent.partition(":")
    if choice == "refused":
        yield _refusal(profile.refuse_key, at)
    if choice in ("notice", "agreed"):
        yield ev.NoticeBegun(at)
        for key in keys if not later else "":
            yield ev.KeyChosen(at, key)
        yield ev.NoticeEnded(at, True)
        for other in later:
            yield ev.ProfileChanged(at, other, memory.drawn)
            yield ev.NoticeBegun(at)
            yield ev.NoticeEnded(at, True)
    decided = [p.name for line in (profile, *later) for p in line.purposes if p.one_in is None and p.name in memory.lots]
    if decided:
        yield ev.Drawn(at, memory.drawn & frozenset(decided))
    if memory.objected:
        yield ev.KeyPressed(at, ev.AgentKey.OBJECT, "", memory.objected)
    if memory.flagged and choice in ("notice", "agreed"):
        yield ev.KeyPressed(at, ev.AgentKey.KEEP, "", memory.flagged)
    if memory.hush is Hush.PAUSED:
        yield ev.KeyPressed(at, ev.AgentKey.PAUSE, "")
    elif memory.hush is Hush.OFF_RECORD:
        yield ev.KeyPressed(at, ev.AgentKey.OFF_RECORD, "")


def unheard(situation: Situation, consent: str, refuse_key: str | None, at: float) -> Iterator[ev.Event]:
    """What the caller chose, or heard to its end, while the link was down: what a recorder in `situation` must be told, given the
    PRIVACY_CONSENT of its channel. A second line's notice leaves no trace of having been heard; its call stays shut."""
    choice, _, keys = consent.partition(":")
    if choice == "refused" and situation.consent is not Consent.REFUSED:
        yield _refusal(refuse_key, at)
    elif choice in ("notice", "agreed") and situation.consent is Consent.UNASKED and situation.life in (Life.EXPECTED, Life.NOTICE):
        yield ev.NoticeBegun(at)
        for key in keys:
            yield ev.KeyChosen(at, key)
        yield ev.NoticeEnded(at, True)


def meant_by(word: str, at: float | None, joined: float | None, began: float, heard_until: float) -> ev.AgentKey | None:
    """What the last of pause, resume and off on an agent's channel says to a call, given when it was pressed: the channel may have been in
    others since. What shuts is obeyed late; a resume has to be pressed again. `joined`: since when, as far as was known, the channel is in
    this call; `heard_until`: everything pressed until then was heard. Where it is not known which call was meant, nothing is wiped."""
    if word not in ("pause", "off") or (at is not None and at < began):
        return None
    if at is None:
        return ev.AgentKey.PAUSE
    if joined is None:
        return ev.AgentKey.PAUSE if at >= heard_until else None
    return None if at < joined else ev.AgentKey(word)


def _refusal(refuse_key: str | None, at: float) -> ev.Event:
    """The line that was refused may be another one than is known here."""
    return ev.KeyChosen(at, refuse_key or "", refuses=True)


class Before:
    """What there was of a call before this daemon took it up, `at_ms` after its begin. Empty for a call of this daemon's own."""

    def __init__(self, left: LeftCall | None, at_ms: int, vault: Vault, ledger: Ledger, health: Health) -> None:
        self._at_ms = at_ms
        self._vault = vault
        self._ledger = ledger
        self._health = health
        self._spans = left.spans if left is not None else ()
        self._marks = left.row.marks if left is not None else ()
        self._parts = {r.id: {p.name for p in r.purposes} for r in left.parts} if left is not None else {}
        self.last_part = max((r.part for r in left.parts), default=0) if left is not None else 0
        self.consent_known = frozenset(note.kind for note in left.row.consent) if left is not None else frozenset()
        self._mine = left is None

    def outcome(self, outcome: Outcome) -> Outcome:
        """Of the whole call."""
        return Outcome.KEPT if self._parts and outcome in (Outcome.NOT_KEPT, Outcome.UNANNOUNCED) else outcome

    def story(self, spans: tuple[Span, ...], marks: tuple[Mark, ...]) -> tuple[tuple[Span, ...], tuple[Mark, ...]]:
        """The whole call's, given what the recorder tells of its own time. What it was retold is no news."""
        if self._mine:
            return spans, marks
        known = self._spans[-1].end_ms if self._spans else 0
        unseen = (Span(SpanKind.LOST, known, self._at_ms),) if known < self._at_ms else ()
        later = tuple(replace(s, start_ms=max(s.start_ms, self._at_ms)) for s in spans if s.end_ms >= self._at_ms)
        return (*self._spans, *unseen, *later), (*self._marks, *(m for m in marks if m.at_ms > self._at_ms))

    def add_purposes(self, purposes: tuple[Purpose, ...], at: datetime) -> None:
        wanted = [(part, p) for part, names in self._parts.items() for p in purposes if p.name not in names]
        for part, purpose in wanted:
            self._parts[part].add(purpose.name)
            self._ledger.post(partial(Registry.add_purpose, recording_id=part, purpose=purpose, at=at))

    def drop_purposes(self, names: tuple[str, ...], at: datetime, reason: str) -> None:
        gone = [(part, name) for part, had in self._parts.items() for name in names if name in had]
        for part, name in gone:
            self._parts[part].discard(name)
            self._ledger.post(partial(Registry.withdraw_purpose, recording_id=part, name=name, at=at, reason=reason))

    def objected(self, names: frozenset[str], at: datetime, reason: str) -> Callable[[], Coroutine[None, None, None]]:
        """Withdraws these purposes; what is left without one is erased by what is returned."""
        gone = [part for part, had in self._parts.items() if had and had <= names]
        self._parts = {part: had for part, had in self._parts.items() if part not in gone}
        self.drop_purposes(tuple(sorted(names)), at, reason)
        if gone and not self._parts:
            self._spans = tuple(replace(s, kind=SpanKind.ERASED) if s.kind is SpanKind.TALK else s for s in self._spans)
        return partial(_erase, gone, reason, self._vault, self._ledger, self._health)

    async def erase(self, reason: str, talk_becomes: SpanKind) -> None:
        """A refusal, or off the record: the earlier parts go too."""
        self._spans = tuple(replace(s, kind=talk_becomes) if s.kind is SpanKind.TALK else s for s in self._spans)
        parts, self._parts = self._parts, {}
        await _erase(parts, reason, self._vault, self._ledger, self._health)


async def erase_calls(calls: Iterable[str], reason: str, tools: Tools) -> bool:
    """All that is kept of these calls, which are over. Whether the rows say so."""
    left = False
    for call in calls:
        rows = await tools.ledger.ask(lambda registry, call=call: registry.recordings(State.SEALED, call))  # type: ignore[misc]
        await _erase([row.id for row in rows], reason, tools.vault, tools.ledger, tools.health)
        left |= bool(await tools.ledger.ask(lambda registry, call=call: registry.recordings(State.SEALED, call)))  # type: ignore[misc]
    return not left


async def object_to_calls(calls: Iterable[str], purposes: frozenset[str], tools: Tools) -> None:
    """Another customer in these calls, which are over, objected to these purposes. What is left without one goes."""
    why, now, told = "another customer in it objected to its purpose", datetime.now(UTC), ", ".join(sorted(purposes))
    for call in calls:
        row_of_call = await tools.ledger.ask(lambda registry, call=call: registry.call(call))  # type: ignore[misc]
        if row_of_call is None or not any((n.kind, n.detail) == (ConsentKind.OBJECTED, told) for n in row_of_call.consent):
            tools.ledger.post(partial(Registry.note_consent, call_id=call, at=now, kind=ConsentKind.OBJECTED, key=None, detail=told))
        for row in await tools.ledger.ask(lambda registry, call=call: registry.recordings(State.SEALED, call)):  # type: ignore[misc]
            kept = {purpose.name for purpose in row.purposes}
            if kept and kept <= purposes:
                await _erase([row.id], why, tools.vault, tools.ledger, tools.health)
                continue
            for name in kept & purposes:
                tools.ledger.post(partial(Registry.withdraw_purpose, recording_id=row.id, name=name, at=now, reason=why))


async def _erase(parts: Iterable[str], reason: str, vault: Vault, ledger: Ledger, health: Health) -> None:
    """Each with its evidence. What the disk refuses is an alarm, and done by the purger, as the row says so."""
    for part in parts:
        try:
            await _erase_one(part, reason, vault, ledger)
        except OperatorError as error:
            health.alarm(Alarm.STORE_FAILED, str(error))


async def _erase_one(part: str, reason: str, vault: Vault, ledger: Ledger) -> None:
    now = datetime.now(UTC)
    await ledger.ask(lambda registry: registry.mark_purging(part, now, reason))
    evidence = json.dumps((await destroy(vault, part)).told())
    await ledger.ask(lambda registry: registry.mark_purged(part, now, reason, evidence))
