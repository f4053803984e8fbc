"""The recorder of one call: events in, commands out. It decides; it does nothing.

The gate is never commanded. After each event the situation is looked up in `situation.GATE`, and if the answer differs
from before, `Open` or `Shut` is issued. There is no pause() that a code path could forget to undo.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.chronicle import Chronicle
from asterisk_privacy.call.conversation import Standing
from asterisk_privacy.call.marking import Marking
from asterisk_privacy.call.situation import GATE, NEXT_LIFE, Consent, Demand, Gate, Hush, Life, Link, Situation, Talk, span_kind
from asterisk_privacy.call.timeline import MarkKind, SpanKind
from asterisk_privacy.call.timing import USUAL, Milliseconds, Timing
from asterisk_privacy.call.wishes import Draws, Wishes
from asterisk_privacy.policy.consent import Choice, meaning_of
from asterisk_privacy.policy.purpose import Profile


class Recorder:
    """One call. `drawn` names the sample purposes that took it already; `began_at` is the zero of its timeline; `objection_purpose` is
    what the agent's objection key takes away (empty: all sample purposes)."""

    def __init__(
        self, profile: Profile, drawn: frozenset[str], began_at: float, timing: Timing = USUAL, objection_purpose: str = ""
    ) -> None:
        self._profile = profile
        self._timing = timing
        self.wishes = Wishes(profile, drawn, objection_purpose)
        self._joining: ev.ProfileChanged | None = None  # until its notice was heard
        self._draws = Draws(self.wishes, began_at)
        self._parties: frozenset[str] = frozenset()
        self._waiting = SpanKind.WAIT
        self._settled_at: float | None = None
        self._customers: frozenset[str] = frozenset()  # of the parties
        self._opened_for: tuple[frozenset[str], frozenset[str]] | None = None
        self._began_at = began_at
        self._ms = Milliseconds(began_at)
        self._clock = began_at  # the newest moment heard of; events may come out of order
        self._shut_at = -inf  # since when the gate is shut
        self._bad_news = inf  # since when this event says that there was nothing to keep
        self._hushed_at = -inf
        self._hung_up_at = began_at
        self._kept: tuple[str, ...] = ()  # purposes of the file, in order
        self._file_open = False
        self._file_failed = False
        self._part = 0
        self.chronicle = Chronicle(began_at)
        self.marking = Marking(began_at, self.wishes, self.chronicle)
        self.situation = Situation()

    @property
    def gate(self) -> Gate:
        return GATE[self.situation]

    @property
    def standing(self) -> Standing:
        """What it means to others that this call's customer is in a conversation with them."""
        s = self.situation
        silenced = s.consent is Consent.REFUSED or s.hush is not Hush.NONE
        allows = self.wishes.told() if s.consent is Consent.HEARD and s.life is Life.LIVE else None
        return Standing(self._began_at, allows, silenced, frozenset((*self._kept, *self.marking.kept)), tenant=self._profile.tenant)

    @property
    def refuse_key(self) -> str | None:
        """Of the line whose notice counts now."""
        return self._profile.refuse_key

    def receive(self, event: ev.Event) -> tuple[cmd.Command, ...]:
        """Takes one event and returns what must be done about it, in order. Never raises for an event at an unexpected moment."""
        if self.situation.life is Life.OVER:
            return ()
        out: list[cmd.Command] = []
        before = self.situation.life
        self._clock, self._bad_news = max(self._clock, event.at), inf
        self.situation = replace(self.situation, life=NEXT_LIFE[before, type(event)])
        match event:
            case ev.NoticeBegun() | ev.ProfileChanged():
                out += self._announcing(event, before)
            case ev.KeyChosen():
                out += self._choose(event)
            case ev.NoticeEnded():
                if before in (Life.EXPECTED, Life.NOTICE):
                    out += self._announced(event)
            case ev.Surroundings():
                out += self._moved(event)
            case ev.AgentJoined():
                self._draws.agent_joined(event.at, self._demand() is Demand.NONE)
            case ev.Withdrawn():
                out += self._withdrawn()
            case ev.KeyPressed():
                out += self._pressed(event)
            case ev.Drawn():
                out += self._decided(event)
            case ev.LinkLost():
                self._bad_news = event.at
                self.situation = replace(self.situation, link=Link.DOWN)
            case ev.LinkRestored():
                # who is in conversation is unknown until the next Surroundings
                self._parties, self._customers, self._bad_news = frozenset(), frozenset(), event.at
                self.situation = replace(self.situation, link=Link.UP, talk=Talk.SILENT)
            case ev.FileFailed():
                self._file_open, self._file_failed = False, True
            case ev.AudioLost():
                self.chronicle.lost_first(event.lost_ms)
            case ev.HungUp():
                self._bad_news = event.at
                if before is not Life.GRACE:
                    out += self._hung_up(event)
        self._settle()
        self.situation = replace(self.situation, demand=self._demand())
        out = self._move_gate(event.at) + out if self.gate is Gate.SHUT else out + self._move_gate(event.at)
        out += self._file_if_wanted() + self._draw_if_due()
        self.chronicle.turn(self._span_kind(), self._ms.after(self._clock))
        return (*out, *self._close())

    # ---- the announcement

    def _announcing(self, event: ev.NoticeBegun | ev.ProfileChanged, before: Life) -> list[cmd.Command]:
        if isinstance(event, ev.ProfileChanged):
            self._profile, self._joining = event.profile, event  # its keys count from now on
            return []
        if self._joining is not None and before is Life.LIVE:  # while it plays nobody is tapped, whoever can hear the caller
            self.situation = replace(self.situation, life=Life.NOTICE)
        return [cmd.NoteConsent(event.at, cmd.ConsentKind.NOTICE_BEGUN)] if before is Life.EXPECTED or self._joining is not None else []

    def _choose(self, event: ev.KeyChosen) -> list[cmd.Command]:
        meaning = meaning_of(self._profile, event.key)
        refuses = event.refuses or meaning.choice is Choice.REFUSE
        if self.situation.consent is Consent.REFUSED or not (refuses or meaning.choice is Choice.AGREE):
            return []
        if refuses:
            self.situation = replace(self.situation, consent=Consent.REFUSED)
            self.wishes.heard = False
            self.chronicle.mark(MarkKind.REFUSED, event.at)
            self._forget()
            return [cmd.NoteConsent(event.at, cmd.ConsentKind.REFUSED, event.key or None), cmd.Wipe("refused by the customer")]
        self.wishes.agreed |= meaning.agreed
        self.chronicle.mark(MarkKind.AGREED, event.at)
        return [cmd.NoteConsent(event.at, cmd.ConsentKind.AGREED, event.key)]

    def _announced(self, event: ev.NoticeEnded) -> list[cmd.Command]:
        if self.situation.consent is Consent.REFUSED or not event.heard:
            return []
        self.situation = replace(self.situation, consent=Consent.HEARD)
        if self._joining is not None:
            self.wishes.join(self._joining.profile, self._joining.drawn)
            self._joining = None
            self._draws.again()
        self.wishes.heard = True
        out: list[cmd.Command] = [cmd.NoteConsent(event.at, cmd.ConsentKind.NOTICE_HEARD)]
        if not self.wishes.agreed:
            out.append(cmd.NoteConsent(event.at, cmd.ConsentKind.SILENCE))
        return out

    # ---- conversation

    def _moved(self, event: ev.Surroundings) -> list[cmd.Command]:
        self._waiting = event.waiting
        learned = max(event.at, event.learned if event.learned is not None else event.at)
        self._clock = max(self._clock, learned)
        if not event.parties or self._parties - event.parties or event.at < self._shut_at:
            # also where the gate is shut by now: it should have been shut earlier
            self._bad_news = event.at
        if self.situation.life is Life.GRACE:
            return []
        self.wishes.ceiling = event.ceiling
        if (event.parties, event.customers) == (self._parties, self._customers):
            return []
        self._parties, self._customers = event.parties, event.customers
        if not event.parties:
            self._settled_at = None
            self.situation = replace(self.situation, talk=Talk.SILENT)
            return []
        # also when one party replaced another without a gap: a new source needs fresh taps (facts 11)
        self._settled_at = learned + self._timing.settle
        self.situation = replace(self.situation, talk=Talk.SETTLING)
        return [cmd.WakeAt(self._settled_at)]

    def _settle(self) -> None:
        if self.situation.talk is Talk.SETTLING and self._settled_at is not None and self._clock >= self._settled_at:
            self.situation = replace(self.situation, talk=Talk.TALKING)

    def _move_gate(self, at: float) -> list[cmd.Command]:
        wanted = (self._parties, self._customers) if self.gate is Gate.OPEN else None
        out: list[cmd.Command] = []
        if self._opened_for is not None and wanted != self._opened_for:
            out.append(self._shut(min(at, self._bad_news)))
        elif wanted is None and self._bad_news < inf and self._ms.before(self._bad_news) < self._shut_at:
            out.append(self._shut(self._bad_news))
        if wanted is not None and wanted != self._opened_for:
            # never in the past: frames that are on their way were not let in by anybody
            out.append(cmd.Open(self._ms.after(self._clock), *wanted))
        if wanted is not None:
            self.wishes.let_in()
        self._opened_for = wanted
        return out

    def _shut(self, at: float) -> cmd.Command:
        self._shut_at = self._ms.before(at)
        kind = self._span_kind()
        self.chronicle.no_talk_since(self._shut_at, SpanKind.LOST if kind is SpanKind.TALK else kind)
        return cmd.Shut(self._shut_at)

    # ---- the agent's keys

    def _pressed(self, event: ev.KeyPressed) -> list[cmd.Command]:
        out: list[cmd.Command] = []
        tone = cmd.Tone.REFUSED
        recordable = self.situation.consent is Consent.HEARD and self.situation.life in (Life.LIVE, Life.GRACE)
        live = recordable and self.situation.life is Life.LIVE
        hush = self.situation.hush
        if event.key is ev.AgentKey.KEEP and recordable and hush is not Hush.OFF_RECORD and self._can_keep():
            tone = cmd.Tone.KEEP
            self.chronicle.mark(MarkKind.KEEP, event.at)
            out += self._want(self.wishes.flaggable(event.purposes))
        elif event.key is ev.AgentKey.PAUSE and self._before_hang_up(event.at):
            # at any moment before hang-up, also before the notice was heard: pausing needs no permission (promise 8)
            tone = cmd.Tone.PAUSE
            self._bad_news, self._hushed_at = event.at, max(self._hushed_at, event.at)
            self.chronicle.mark(MarkKind.PAUSE, event.at)
            if hush is Hush.NONE:  # off the record stays so
                self.situation = replace(self.situation, hush=Hush.PAUSED)
        elif event.key is ev.AgentKey.RESUME and live and not self._file_failed and event.at >= self._hushed_at:
            # a resume that was pressed before the pause and comes after it undoes nothing
            tone = cmd.Tone.RESUME
            self.chronicle.mark(MarkKind.RESUME, event.at)
            self.situation = replace(self.situation, hush=Hush.NONE)
        elif event.key is ev.AgentKey.FROM and live and self._can_mark(event.at):
            tone = cmd.Tone.FROM
            out += self.marking.from_here(event.at)
        elif event.key is ev.AgentKey.TO and self.marking.open and self._before_hang_up(event.at):
            tone = cmd.Tone.TO
            out += self.marking.to_here(event.at)
        elif event.key is ev.AgentKey.OBJECT and (self.wishes.objection or event.purposes):
            # at any moment: an objection needs no permission either (R4)
            tone = cmd.Tone.OBJECTED
            out += self.object(event.at, event.purposes)
        elif event.key is ev.AgentKey.OFF_RECORD:
            # never refused: stopping needs no permission (promise 8), and in the grace time it still erases
            tone = cmd.Tone.OFF_RECORD
            self._hushed_at = max(self._hushed_at, event.at)
            self.chronicle.mark(MarkKind.OFF_RECORD, event.at)
            self.situation = replace(self.situation, hush=Hush.OFF_RECORD)
            self._forget()
            out.append(cmd.Wipe("off the record"))
        if event.channel:
            out.append(cmd.Play(tone, event.channel))
        return out

    def _before_hang_up(self, at: float) -> bool:
        """A key may become known later than a hang-up that came after it."""
        return self.situation.life is not Life.GRACE or at < self._hung_up_at

    def _can_keep(self) -> bool:
        """After hang-up only what is still there can be kept."""
        left = self.situation.life is Life.LIVE or any(s.kind is SpanKind.TALK for s in self.chronicle.told()[0])
        return bool(self.wishes.flaggable()) and not self._file_failed and left

    def _can_mark(self, at: float) -> bool:
        hushed = self.situation.hush is Hush.OFF_RECORD or at < self._hushed_at
        return bool(self.wishes.marked()) and not self._file_failed and not hushed

    def _keep_marked(self) -> list[cmd.Command]:
        purposes = self.marking.to_keep()
        self._part += bool(purposes)
        return [cmd.KeepMarked(purposes, self._part)] if purposes else []

    # ---- the objection to a purpose (R4)

    def object(self, at: float, meant: frozenset[str] | None = None) -> list[cmd.Command]:
        """Also to a call that is over."""
        could_mark = bool(self.wishes.marked())
        new = self.wishes.object(meant)
        if not new:
            return []
        self.chronicle.mark(MarkKind.OBJECTED, at)
        out: list[cmd.Command] = [cmd.NoteConsent(at, cmd.ConsentKind.OBJECTED, None, ", ".join(sorted(new)))]
        why = "the customer objected to its purpose"
        gone, self._kept = tuple(p for p in self._kept if p in new), tuple(p for p in self._kept if p not in new)
        if gone and self._kept:
            out.append(cmd.DropPurposes(gone, False, why))
        elif gone or (not self._kept and self._demand() is Demand.NONE):
            out += self._erase_file(why)
        return out + self.marking.object(new, could_mark, why)

    # ---- another customer in it refused

    def _withdrawn(self) -> list[cmd.Command]:
        """Their voice cannot be taken out of this customer's, so all of it goes. This customer did not refuse: what is said from now on
        may be kept."""
        out = self._interrupted()
        self._forget()
        return [*out, cmd.Wipe("refused by another customer in it")]

    def _interrupted(self) -> list[cmd.Command]:
        """What was open is shut now; it may open again at once."""
        if self._opened_for is None:
            return []
        self._opened_for = None
        return [self._shut(self._clock)]

    def _erase_file(self, why: str) -> list[cmd.Command]:
        """The marked parts stay, and what is said from now on may still be kept for another purpose."""
        out = self._interrupted()
        self._file_open = False
        self.chronicle.erased()
        return [*out, cmd.EraseFile(self._ms.after(self._clock), why)]

    # ---- purposes and the file

    def _want(self, purposes: tuple[str, ...]) -> list[cmd.Command]:
        new = tuple(p for p in purposes if p not in self._kept)
        if not new:
            return []
        first = not self._kept
        self._kept += new
        if not first:
            return [cmd.AddPurposes(new)]
        self._part += 1
        self._file_open = True
        return [cmd.StartFile(new, self._part)]

    def _demand(self) -> Demand:
        if self._file_failed:
            return Demand.NONE
        if self._kept or self.wishes.standing():
            return Demand.STREAM
        return Demand.LATENT if self.wishes.flaggable() or self.wishes.marked() or self.wishes.undecided() else Demand.NONE

    def _draw_if_due(self) -> list[cmd.Command]:
        """With the first conversation of each agent: from then on it is known whose call this is too."""
        purposes = self._draws.due() if self.gate is Gate.OPEN else ()
        return [cmd.Draw(purposes)] if purposes else []

    def _decided(self, event: ev.Drawn) -> list[cmd.Command]:
        """Until now the ring held what was said, so nothing is lost to a purpose that takes the call, and nothing left if none does."""
        self._draws.answered(event.taken)
        if self.situation.hush is Hush.OFF_RECORD or self._file_failed:
            return []
        if self._kept or self.wishes.standing():
            return self._want(self.wishes.standing())
        if self._demand() is Demand.NONE and self.situation.consent is Consent.HEARD and self.wishes.ceiling is None:
            self.chronicle.no_talk_since(self._draws.undecided_since, SpanKind.LOST)
            return [cmd.EraseFile(self._ms.after(self._clock), "no purpose took this call")]
        return []

    def _file_if_wanted(self) -> list[cmd.Command]:
        """A standing purpose opens its file with the first conversation, not for calls that never come to one."""
        return self._want(self.wishes.standing()) if self.gate is Gate.OPEN else []

    def _forget(self) -> None:
        """Goes with Wipe: nothing that was said so far is there any more."""
        self._kept, self._file_open = (), False
        self.marking.forget()
        self.wishes.forget_voices()
        self.chronicle.wiped()

    # ---- the end

    def _hung_up(self, event: ev.HungUp) -> list[cmd.Command]:
        self._hung_up_at = event.at
        self._parties = self._customers = frozenset()
        self.chronicle.mark(MarkKind.HANGUP, event.at)
        self.situation = replace(self.situation, talk=Talk.SILENT)
        drained = event.at + self._timing.quarantine
        return [cmd.WakeAt(drained), cmd.WakeAt(max(drained, event.at + self._timing.grace))]

    def _close(self) -> list[cmd.Command]:
        now = self._clock
        if self.situation.life is not Life.GRACE or now < self._hung_up_at + self._timing.quarantine:
            return []
        out: list[cmd.Command] = []
        if self._file_open:
            self._file_open = False
            out.append(cmd.Seal())
        out += self._keep_marked()
        can_keep = bool(self.wishes.flaggable()) and self.situation.hush is not Hush.OFF_RECORD and not self._file_failed
        waits_for_key = can_keep or self.wishes.objectionable()
        if not waits_for_key or now >= self._hung_up_at + self._timing.grace:
            self.situation = replace(self.situation, life=Life.OVER)
            out.append(cmd.Finish(self._outcome(), *self.chronicle.closed(self._hung_up_at)))
        return out

    def _outcome(self) -> cmd.Outcome:
        if self.situation.consent is Consent.REFUSED:
            return cmd.Outcome.REFUSED
        if self.situation.consent is Consent.UNASKED:
            return cmd.Outcome.UNANNOUNCED
        if self._file_failed:
            return cmd.Outcome.FAILED
        return cmd.Outcome.KEPT if self._kept or self.marking.kept else cmd.Outcome.NOT_KEPT

    def _span_kind(self) -> SpanKind | None:
        return span_kind(self.situation, self.chronicle.current, self._waiting)
