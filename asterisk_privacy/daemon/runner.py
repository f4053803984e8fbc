"""One call while it lives: feeds its recorder and carries out what the recorder wants."""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import assert_never

from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.conversation import Standing
from asterisk_privacy.call.participants import Attendance, PartyRole, Person
from asterisk_privacy.call.recorder import Recorder
from asterisk_privacy.call.situation import Consent, Life
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, talk_ms, with_hold, with_nothing_heard
from asterisk_privacy.daemon.aftermath import LeftCall
from asterisk_privacy.daemon.call_files import CallFiles
from asterisk_privacy.daemon.call_tools import Around, Tools
from asterisk_privacy.daemon.drawing import draw
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.ledger import wall
from asterisk_privacy.daemon.logs import about
from asterisk_privacy.daemon.media import CallMedia
from asterisk_privacy.daemon.remembered import Memory, after, among_others, at_begin, consent_words, heard_first, joined, voices_after
from asterisk_privacy.daemon.taking_up import Before, retold
from asterisk_privacy.policy.consent import Choice, meaning_of
from asterisk_privacy.policy.purpose import Profile, Purpose

log = logging.getLogger(__name__)

Partial = cmd.DropPurposes | cmd.EraseFile | cmd.EraseMarked | cmd.From | cmd.To | cmd.KeepMarked | cmd.Draw | cmd.NoteConsent

HEARD_BY_MS = 1000
"""A conversation of that length is heard, unless something is wrong: a tap brings its first frame after 25 ms, or later under load."""


class CallRunner:
    """`over` is called when the call is done with and nothing of it is left in memory. `left`: what an earlier daemon left of it. `called`:
    the customer was called from here. `channel` is the one on which its notice was played, `customer` that of the person who heard it:
    another one where that is half of a Local channel, and none until they are found. `beside`: calls of the other customers in the present
    conversation, by channel; `voices`: of those whose voice came into this call."""

    def __init__(
        self,
        channel: str,
        profile: Profile,
        drawn: frozenset[str],
        tools: Tools,
        over: Callable[[CallRunner], None],
        left: LeftCall | None = None,
        around: Around | None = None,
        called: bool = False,
    ) -> None:
        self.call_id = left.row.id if left is not None else uuid.uuid4().hex
        self.channel = channel
        self.customer: str | None = None
        self.profile = profile
        self.began_at = monotonic() - (max(0.0, (datetime.now(UTC) - left.row.begun_at).total_seconds()) if left is not None else 0.0)
        self._attendance = Attendance(self.began_at, left.people if left is not None else ())
        self._drawn: set[tuple[str, str]] = set()  # purpose and agent: each is asked for once
        self.beside: dict[str, str] = {}
        self.voices: frozenset[str] = frozenset()
        number = (left.row.customer_hash, left.row.customer_sealed) if left is not None else (None, None)  # comes once it is hashed
        self.person = Person(PartyRole.CUSTOMER, None, *number)  # as other calls write of this one's customer
        self._called = called
        self._around = around
        self._tools = tools
        self._over = over
        self.recorder = Recorder(profile, drawn, self.began_at, tools.timing, tools.objection_purpose)
        self.media = CallMedia(
            channel,
            tools.capture,
            tools.new_ring,
            tools.health,
            tools.blind_seconds,
            tools.new_suspense(),
            lambda: tools.health.silent_hold(self._attendance.last_agent or "unknown"),
            self._silent_between_words,
            tools.ask_leg,
        )
        self._before = Before(left, round((monotonic() - self.began_at) * 1000), tools.vault, tools.ledger, tools.health)
        self.notice = secrets.token_hex(8)  # the announcement that was answered last: no other's stages count
        self._lines = {self.notice: profile}  # by announcement
        self.memory = at_begin(self.call_id, profile, drawn, self.notice)
        self._reminded = {channel} if left is not None else set[str]()  # channels of which there is something to forget
        self._joining: tuple[Profile, frozenset[str]] | None = None  # until its notice was heard
        self._retelling = False
        self._leaving = False
        self._broken = False
        self._files = CallFiles(self.call_id, profile.tenant, self.began_at, self.media, self._before, tools, self._file_failed)
        self._timers: list[asyncio.TimerHandle] = []
        self._lot: asyncio.Task[None] | None = None
        self._stood = self.standing

    @property
    def standing(self) -> Standing:
        """Of a call whose state is worth nothing any more nobody can say that it was not refused."""
        return replace(self.recorder.standing, called=self._called, silenced=self.recorder.standing.silenced or self._broken)

    @property
    def agents(self) -> tuple[str, ...]:
        """Endpoints that were in conversation, in order: PJSIP/agent."""
        return self._attendance.agents

    def receive(self, event: ev.Event) -> None:
        if isinstance(event, ev.HungUp | ev.LinkLost):
            self._attendance.talk(event.at, frozenset())
        whole = False
        left: list[cmd.Command] = []
        told_before = self.recorder.wishes.heard
        try:
            left = list(self.recorder.receive(event))
            self._remember(event, tuple(left), told_before)
            told = tuple(left)
            while left:
                self._carry_out(left[0])
                del left[0]
            whole = True
        finally:
            if not whole:
                self._give_up(left)
        self._tell_others(event, told)

    def _tell_others(self, event: ev.Event, commands: tuple[cmd.Command, ...]) -> None:
        standing = self.standing
        if self._around is None or self._retelling:
            return
        if standing != self._stood:
            self._stood = standing
            self._around.stands(self, event.at)
        if any(isinstance(c, cmd.Wipe) for c in commands) and not isinstance(event, ev.Withdrawn):
            self._around.withdrew(self)
        if any(isinstance(c, cmd.NoteConsent) and c.kind is cmd.ConsentKind.OBJECTED for c in commands):
            self._around.objected(self)

    def _give_up(self, left: list[cmd.Command]) -> None:
        """A mistake of ours: what this call's state is worth is unknown. Its gate stays shut; what was to be wiped is wiped."""
        self._broken = True
        self.media.shut(monotonic())
        for command in left[1:]:
            if isinstance(command, cmd.Wipe | cmd.EraseFile | cmd.EraseMarked | cmd.Finish):
                self._carry_out(command)

    def is_of(self, customer: str) -> None:
        self.customer = customer
        self.media.is_of(customer)
        if elsewhere := self._reminded - {customer}:
            self._forget_on(elsewhere)
            self.write_down()

    def covers(self, profile: Profile) -> bool:
        """Whether the caller need not hear this line's notice: what it says was heard already, or refused for the whole call."""
        announced = {p.name for p in self.profile.purposes}
        consent = self.recorder.situation.consent
        return consent is Consent.REFUSED or (consent is Consent.HEARD and announced >= {p.name for p in profile.purposes})

    def change_profile(self, profile: Profile, drawn: frozenset[str], elsewhere: bool = False) -> None:
        """The call comes to another line, and its notice plays next. `elsewhere`: on no channel that remembers this call's consent."""
        self._joining = (profile, drawn)
        self.notice = secrets.token_hex(8)
        self._lines[self.notice] = profile
        consent = self.memory.consent or ("none" if elsewhere else "")
        self._note(replace(self.memory, newest=self.notice, newest_line=profile.name, consent=consent))
        self.receive(ev.ProfileChanged(monotonic(), profile, drawn))

    def refuses(self, notice: str, key: str) -> bool:
        """Whether that key refuses in that announcement. In one that is not known here it is the refuse key of any line."""
        lines = [self._lines[notice]] if notice in self._lines else self._lines.values()
        return any(meaning_of(line, key).choice is Choice.REFUSE for line in lines)

    @property
    def announcing(self) -> Profile:
        """Whose notice plays, or played last."""
        return self.profile if self._joining is None else self._joining[0]

    def _joined(self, told_before: bool = True) -> None:
        """`told_before`: a notice of this call was heard before this one; else the lines until then count for nothing."""
        if self._joining is None:
            return
        (profile, drawn), self._joining = self._joining, None
        self.profile = self.profile.joined(profile) if told_before else profile
        self._note(joined(self.memory, profile, drawn) if told_before else heard_first(self.memory, profile, drawn, self.notice))

    def take_up(self, memory: Memory, consent: str, later: Sequence[Profile] = (), newest: Profile | None = None) -> None:
        """Brings a recorder that knows nothing to where the one of an earlier daemon was. `later`: lines to which the call came since.
        `newest`: the one that was asked for last."""
        self._retelling, first = True, self.profile
        for profile in later:
            self._joining = (profile, memory.drawn)
            self._joined()
        self.recorder.wishes.take_over(memory.agreed, memory.limit)
        now = monotonic()
        for event in retold(first, memory, consent, now, later):
            self.receive(event)
        self._retelling = False
        self.memory, self.voices = memory, memory.voices
        self.notice = memory.notice or self.notice
        self._lines = {self.notice: first} | ({memory.newest: newest} if newest is not None else {})
        self._drawn = {(purpose, agent) for purpose in memory.lots for agent in self.agents}

    def _remember(self, event: ev.Event, commands: tuple[cmd.Command, ...], told_before: bool) -> None:
        if isinstance(event, ev.NoticeEnded) and any(isinstance(c, cmd.NoteConsent) for c in commands):
            self._joined(told_before)
        if self._retelling:
            return
        self.voices = voices_after(self.voices, commands, self.beside)
        memory = among_others(after(self.memory, event, commands, self.recorder), event, commands, self.recorder, self.beside.values())
        chosen = consent_words(self.recorder.situation.consent, self.profile, self.recorder.wishes.agreed)
        elsewhere = self.memory.consent or self.customer not in (None, self.channel)
        self._note(replace(memory, consent=chosen if elsewhere or chosen == "refused" else ""))
        if isinstance(event, ev.AgentJoined) or any(isinstance(c, cmd.Open | cmd.Shut | cmd.StartFile | cmd.Wipe) for c in commands):
            self._tell()

    def heard_in(self, calls: frozenset[str]) -> None:
        """Those of other customers, whose recordings have what this one says."""
        self._note(replace(self.memory, heard_in=calls))

    def _note(self, memory: Memory) -> None:
        """What changed is written down at once."""
        if memory != self.memory:
            self.memory = memory
            if not self._retelling:
                self.write_down()

    def write_down(self) -> None:
        """What Asterisk is to remember of it."""
        channel = self.customer or self.channel
        self._reminded.add(channel)
        self._tools.remember(channel, self.memory)

    def _forget_on(self, channels: set[str]) -> None:
        self._reminded -= channels
        for channel in channels:
            self._tools.remember(channel, None)

    def _tell(self) -> None:
        """For a daemon that must take the call up again."""
        if self.recorder.situation.life is not Life.OVER:
            people, (spans, marks) = self._attendance.told(), self._story(*self.recorder.chronicle.going_on())
            self._tools.ledger.post(lambda registry: registry.tell_call(self.call_id, people, spans, marks))

    def _story(self, spans: tuple[Span, ...], marks: tuple[Mark, ...]) -> tuple[tuple[Span, ...], tuple[Mark, ...]]:
        """The whole call's, with what an earlier daemon told and what the recorder was not told: holds that only a phone knew of."""
        for hold in self.media.silent_holds:
            spans = with_hold(spans, round((hold.since - self.began_at) * 1000), round((hold.until - self.began_at) * 1000))
        heard = [(at, MarkKind.MISSING) for at in self.media.missing] + [(at, MarkKind(why.value)) for at, why in self.media.legs.marks]
        missing = [Mark(kind, max(0, round((at - self.began_at) * 1000))) for at, kind in heard]
        return self._before.story(spans, tuple(sorted((*marks, *missing), key=lambda mark: mark.at_ms)))

    def _silent_between_words(self) -> None:
        self._tools.health.silent_between_words(self._attendance.last_agent or "unknown")

    def talks_with(self, people: frozenset[Person], at: float, channels: frozenset[str] = frozenset()) -> None:
        """Who is in conversation with this customer from `at` on, and on which channels; nobody, if it is interrupted."""
        if self.recorder.situation.life in (Life.GRACE, Life.OVER):
            return
        self._note(self.memory.in_company(channels, wall(at)))
        known = bool(self.agents)
        if self._attendance.talk(at, people) and known:
            self.receive(ev.AgentJoined(at))

    def close(self) -> None:
        """The daemon stops: what is known to be conversation until now may still be sealed, nothing after it. A call that goes on is left
        to the next daemon; of one that has ended sealing waits, as always, for the proof of its last second."""
        self._leaving = self.recorder.situation.life in (Life.EXPECTED, Life.NOTICE, Life.LIVE)
        if self.recorder.situation.life is not Life.GRACE:
            known_until = min(self._tools.proven(), monotonic())
            self.receive(ev.LinkLost(known_until))
            self.receive(ev.HungUp(known_until))
        self.receive(ev.Tick(monotonic() + self._tools.timing.quarantine + self._tools.timing.grace))

    async def finished(self) -> None:
        """Waits until files and rows are as the commands so far want them."""
        await self._files.jobs.finished()

    def _carry_out(self, command: cmd.Command) -> None:
        match command:
            case cmd.Open():
                if not self._broken:
                    self._tools.health.tally.gate_openings += 1
                    log.debug("call %s: gate open, %d parties", self.call_id, len(command.parties), extra=about("gate.open", self.call_id))
                    self.media.open(command.at, command.parties, command.customers)
            case cmd.Shut():
                log.debug("call %s: gate shut", self.call_id, extra=about("gate.shut", self.call_id))
                self._tools.health.tally.gate_delay.observe(max(0.0, monotonic() - command.at))
                self.media.shut(command.at)
            case cmd.StartFile():
                lost_ms = self._files.start(self._purposes(command.purposes), command.part)
                if lost_ms:
                    self.receive(ev.AudioLost(monotonic(), lost_ms))
            case cmd.AddPurposes():
                self._files.add_purposes(self._purposes(command.purposes))
            case cmd.Seal():
                self._files.seal()
            case cmd.Wipe():
                self.wipe(command.reason)
            case cmd.Play():
                self._tools.tones.play(command.channel, command.tone.value)
            case cmd.WakeAt():
                self._timers.append(asyncio.get_running_loop().call_later(max(0.0, command.at - monotonic()), self._wake, command.at))
            case cmd.Finish():
                self._files.jobs.next(partial(self._finish, command))
            case _:
                self._carry_out_partly(command)

    def wipe(self, reason: str) -> None:
        """Nothing of the call stays, also if it is over."""
        self._files.wipe(reason)

    def objected_later(self) -> None:
        """Another customer in it objected, and the call is over: the rest of it is kept for the other purposes only."""
        for command in self.recorder.object(monotonic()):
            self._carry_out(command)

    @property
    def over(self) -> bool:
        """It may still be sealed."""
        return self.recorder.situation.life is Life.OVER

    def _carry_out_partly(self, command: Partial) -> None:
        """What concerns some purposes only."""
        match command:
            case cmd.EraseFile():
                self._files.erase(command.at, command.reason, before=not self._retelling)  # what it was told was carried out
            case cmd.EraseMarked():
                self._files.erase_marked(command.reason)
            case cmd.DropPurposes():
                self._files.drop_purposes(command.purposes, command.marked, command.reason)
            case cmd.From():
                self.media.marked.from_here(command.at)
            case cmd.To():
                self.media.marked.to_here(command.at)
            case cmd.KeepMarked():
                self._files.keep_marked(self._purposes(command.purposes), command.part)
            case cmd.Draw():
                self._lot = asyncio.create_task(self._draw(self._purposes(command.purposes)))
            case cmd.NoteConsent():
                if command.kind is cmd.ConsentKind.OBJECTED:
                    self._files.objected(self.recorder.wishes.objected)
                if not (self._retelling and command.kind in self._before.consent_known):
                    self._note_consent(command)
            case _:
                assert_never(command)

    def _note_consent(self, note: cmd.NoteConsent) -> None:
        at = wall(note.at)
        self._tools.health.tally.consents[note.kind.value] += 1
        self._tools.ledger.post(lambda registry: registry.note_consent(self.call_id, at, note.kind.value, note.key, note.detail))

    def _wake(self, at: float) -> None:
        self.receive(ev.Tick(max(at, monotonic())))

    def _purposes(self, names: tuple[str, ...]) -> tuple[Purpose, ...]:
        return tuple(p for p in self.profile.purposes if p.name in names)

    def _file_failed(self) -> None:
        self.receive(ev.FileFailed(monotonic()))

    async def _draw(self, purposes: tuple[Purpose, ...]) -> None:
        """Whatever goes wrong, no purpose takes the call."""
        asked = [(purpose, agent) for purpose in purposes for agent in self.agents if (purpose.name, agent) not in self._drawn]
        self._drawn.update((purpose.name, agent) for purpose, agent in asked)
        drawn = await draw(self._tools.ledger, self._tools.health, asked, self.call_id, self.profile.name)
        self._files.places += drawn.places
        self.receive(ev.Drawn(monotonic(), drawn.taken))

    async def _finish(self, command: cmd.Finish) -> None:
        for timer in self._timers:
            timer.cancel()
        self.media.shut(monotonic())
        self.media.wipe()
        self._tools.health.tally.kept_seconds += self.media.kept_seconds
        self._tools.health.tally.dropped_frames += self.media.dropped_frames
        self._tools.health.tally.missing_seconds += self.media.missing_seconds
        people, outcome, spans = self._attendance.told(), self._files.outcome(command.outcome), command.spans
        if command.outcome is cmd.Outcome.KEPT and not self.media.heard:
            if talk_ms(spans) >= HEARD_BY_MS:  # a call that was hardly answered needs nobody
                self._tools.health.alarm(Alarm.KEPT_NOTHING, f"call {self.call_id} was to be kept, and nothing of it was heard")
            spans = with_nothing_heard(spans)
        spans, marks = self._story(spans, command.marks)
        if self._leaving:
            marks = tuple(m for m in marks if m.kind is not MarkKind.HANGUP)
            self._tools.ledger.post(lambda registry: registry.tell_call(self.call_id, people, spans, marks))
            log.info("call %s goes on: the next daemon takes it up", self.call_id, extra=about("call.left", self.call_id))
        else:
            self._tools.health.outcomes[outcome.value] += 1
            self._tools.health.tally.call_told(spans, bool(self.agents))
            self._tools.ledger.post(
                lambda registry: registry.end_call(self.call_id, datetime.now(UTC), outcome.value, people, spans, marks)
            )
            self._forget_on(set(self._reminded))
            log.info("call %s over: %s", self.call_id, outcome.value, extra=about("call.over", self.call_id, self.profile.name))
        self._over(self)
