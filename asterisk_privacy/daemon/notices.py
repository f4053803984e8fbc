"""Notices as the dialplan tells of them, and whose call it is once a notice was heard.

On a channel of the customer's own that is plain. On half of a Local channel it is whoever is behind the other half (`call/behind.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from asterisk_privacy.asterisk.ari_events import NoticeKey, NoticeStage
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.behind import Listeners, is_local
from asterisk_privacy.call.conversation import SELFTEST_CUSTOMER
from asterisk_privacy.call.pbx import endpoint_of, has_phone
from asterisk_privacy.call.situation import Consent
from asterisk_privacy.call.switchboard import Switchboard
from asterisk_privacy.daemon.answers import notice_path
from asterisk_privacy.daemon.conversations import Conversations
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.logs import about
from asterisk_privacy.daemon.runner import CallRunner

log = logging.getLogger(__name__)

_OLD_INCLUDE = (
    "a call goes on unrecorded: extensions_privacy.conf is older than the recorder, and does not tell which announcement was heard; "
    "install the one of this release, then: asterisk -rx 'dialplan reload'"
)


@dataclass(slots=True)
class _Waiting:
    runner: CallRunner
    listeners: Listeners = field(default_factory=Listeners)


class Notices:
    """`runners`: by the channel on which the call was announced first. `customers`: by the customer's own, to which those are added whose
    customer is found."""

    def __init__(
        self,
        conversations: Conversations,
        runners: Mapping[str, CallRunner],
        customers: dict[str, CallRunner],
        health: Health,
        sounds: Callable[[], str],
    ) -> None:
        self._conversations = conversations
        self._sounds = sounds
        self._runners = runners
        self._customers = customers
        self._health = health
        self._waiting: dict[str, _Waiting] = {}  # by the channel on which the notice plays
        self._again: dict[str, Listeners] = {}  # by the half of a Local channel: of a later notice there, once it is known whose call it is
        self._refused_with: dict[str, list[str]] = {}  # by the same: others than the customer who may have refused there

    @property
    def _board(self) -> Switchboard:
        return self._conversations.board

    def begin(self, runner: CallRunner) -> None:
        """A call was announced on the runner's channel. A real one is the customer's own."""
        name = self._board.name_of(runner.channel)
        if name is not None and (not is_local(name) or name.startswith(SELFTEST_CUSTOMER)):
            self._is_whose(runner, runner.channel)
        else:
            self._waiting[runner.channel] = _Waiting(runner)

    def follow(self, channels: frozenset[str], at: float) -> None:
        """The conversations of these may have changed."""
        for channel in channels & self._waiting.keys():
            waiting = self._waiting[channel]
            name = self._board.name_of(channel)
            if name is not None and not is_local(name):  # it was asked for before its news came
                self._is_whose(waiting.runner, channel)
            else:
                waiting.listeners.present(self._people(channel), at)
        for channel in channels & self._again.keys():
            self._again[channel].present(self._people(channel), at)

    def stage(self, event: NoticeStage) -> CallRunner | None:
        """The notice begins or is over. Returns whose call was told of it."""
        runner = self._announced_on(event)
        if runner is None:
            return None
        if event.stage == "begin":
            if runner.customer not in (None, event.channel):
                self._again[event.channel] = Listeners()
            waiting = self._waiting.get(event.channel)
            listeners = waiting.listeners if waiting is not None else self._again.get(event.channel)
            if listeners is not None:
                listeners.begun(event.at)
                listeners.present(self._people(event.channel), event.at)
            runner.receive(ev.NoticeBegun(event.at))
        else:
            self._tell_if_it_failed(event, runner)
            runner.receive(ev.NoticeEnded(event.at, self._heard(runner, event.channel, event.at, event.heard)))
        return runner

    def _tell_if_it_failed(self, event: NoticeStage, runner: CallRunner) -> None:
        """A sound that Asterisk cannot play is told by nothing else: its calls just go on, unannounced."""
        silent = not event.heard and runner.recorder.situation.consent is not Consent.REFUSED
        if event.played == "FAILED" or (event.played is None and silent):
            profile = runner.announcing
            self._health.notice_failed(profile.name, notice_path(profile, self._sounds()))

    def key(self, event: NoticeKey) -> None:
        """A refusal counts in whatever announcement of this call it was pressed, any other key only in the newest, and only where nobody
        else can have pressed it."""
        runner = self._call_of(event)
        if runner is None:
            return
        if event.refuses or runner.refuses(event.notice, event.key):
            self.refused(event.channel, event.at)
            runner.receive(ev.KeyChosen(event.at, event.key, refuses=True))
        elif self._announced_on(event) is not None and self._is_the_callers(runner, event.channel):
            runner.receive(ev.KeyChosen(event.at, event.key))

    def _is_the_callers(self, runner: CallRunner, channel: str) -> bool:
        """A key that was pressed on half of a Local channel."""
        if runner.customer == channel or not is_local(self._board.name_of(channel) or ""):
            return True
        people = self._people(channel)
        return len(people) <= 1 if runner.customer is None else people == {runner.customer}

    def _call_of(self, event: NoticeStage | NoticeKey) -> CallRunner | None:
        """The runner of the call whose notice plays there: on the channel that it began with, or on the customer's own after that."""
        runner = self._customers.get(event.channel) or self._runners.get(event.channel)
        return runner if runner is not None and event.call == runner.call_id else None

    def _announced_on(self, event: NoticeStage | NoticeKey) -> CallRunner | None:
        """Only the announcement that was answered last counts, and no other line's."""
        runner = self._call_of(event)
        if runner is None:
            return None
        if not event.notice:
            self._health.alarm(Alarm.NOT_READY, _OLD_INCLUDE)
        return runner if event.notice == runner.notice else None

    def refused(self, channel: str, at: float) -> None:
        """A refusal counts for everybody who may have pressed the key, and for all of their call."""
        waiting = self._waiting.get(channel)
        if waiting is None and not is_local(self._board.name_of(channel) or ""):
            return
        for person in sorted(self._people(channel)):
            own = self._customers.get(person)
            if own is not None:
                own.receive(ev.KeyChosen(at, own.recorder.refuse_key or "", refuses=True))
            elif waiting is None:
                continue
            elif self._conversations.is_anothers(person):
                self._give_up(waiting.runner, at)
            elif waiting.runner.customer is None:
                self._is_whose(waiting.runner, person)
            else:
                self._customers[person] = waiting.runner
                self._refused_with.setdefault(channel, []).append(person)

    def _heard(self, runner: CallRunner, channel: str, at: float, heard: bool) -> bool:
        """Whether somebody heard it whose call this is. `heard`: it was played to its end."""
        if runner.customer is not None:
            return heard and (channel == runner.customer or self._heard_again(runner, channel))
        waiting = self._waiting.get(channel)
        if waiting is None:
            return heard
        listeners = waiting.listeners.heard_it
        if channel not in self._board:  # the question came late: its news came before it, and nothing more will
            self._give_up(runner, at)
            return False
        if not heard:
            return False
        if len(listeners) != 1:
            self._nobody(runner, channel, len(listeners))
            return False
        (person,) = listeners
        own = self._customers.get(person)
        if own is None and self._conversations.is_anothers(person):
            self._give_up(runner, at)
            return False
        if own is None:
            log.info(
                "call %s: who heard its notice was found behind a Local channel", runner.call_id, extra=about("call.found", runner.call_id)
            )
            return self._is_whose(runner, person)
        self._goes_on_in(own, runner, at)
        return False

    def _heard_again(self, runner: CallRunner, channel: str) -> bool:
        """A later notice on half of a Local channel: the customer may have gone since the one before, and another one have come."""
        listeners = self._again.pop(channel, Listeners()).heard_it
        if listeners == {runner.customer} or runner.recorder.situation.consent is Consent.REFUSED:
            return True
        call, line = runner.call_id, runner.announcing.name
        words = (
            f"call {call} goes on without the line {line}: not its caller alone is behind the Local channel on which the notice was played"
        )
        self._health.alarm(Alarm.NOBODY_BEHIND, words)
        return False

    def gone(self, runner: CallRunner, channel: str, at: float) -> None:
        """The call is over with its customer, unless others may have refused in it: they are not asked again. Half of a Local channel may
        go, and the call goes on."""
        if runner.customer not in (None, channel):
            return
        others = [c for c in self._refused_with.get(runner.channel, ()) if c in self._board]
        if others:
            self._customers.pop(channel, None)
            runner.is_of(others[0])
        else:
            runner.receive(ev.HungUp(at))

    def over(self, runner: CallRunner) -> None:
        self._waiting.pop(runner.channel, None)
        self._again.pop(runner.channel, None)
        for person in self._refused_with.pop(runner.channel, ()):
            if self._customers.get(person) is runner:
                del self._customers[person]

    def _is_whose(self, runner: CallRunner, customer: str) -> bool:
        """False: the channel is gone. Nothing would tell of the call's end."""
        if customer not in self._board:
            return False
        self._waiting.pop(runner.channel, None)
        runner.is_of(customer)
        self._customers[customer] = runner
        return True

    def _give_up(self, runner: CallRunner, at: float) -> None:
        """Another recorder has the customer's call, or it is over."""
        self._waiting.pop(runner.channel, None)
        runner.receive(ev.HungUp(at))

    def _goes_on_in(self, own: CallRunner, runner: CallRunner, at: float) -> None:
        """The customer has a call already, which came to this line: one call stays one recording (R17)."""
        self._waiting.pop(runner.channel, None)
        if own.profile.tenant != runner.profile.tenant:
            own.receive(ev.HungUp(at))
            self._health.alarm(Alarm.NOT_READY, f"call {own.call_id} came to a line of another tenant, and goes on unrecorded")
        elif not own.covers(runner.profile):
            _hears(own, runner, at)
        runner.receive(ev.HungUp(at))

    def _nobody(self, runner: CallRunner, channel: str, listeners: int) -> None:
        board = self._board
        colleagues = [c for c in board.behind(channel) if board.is_agents(c)]
        if colleagues and not listeners:
            self._health.colleague(endpoint_of(board.name_of(colleagues[0]) or ""))
            return
        words = f"call {runner.call_id} goes on unrecorded: {listeners} callers are behind the Local channel on which its notice was played"
        self._health.alarm(Alarm.NOBODY_BEHIND, words)

    def _people(self, channel: str) -> frozenset[str]:
        """Behind the other half, but for agents."""
        board = self._board
        people = (c for c in board.behind(channel) if has_phone(board.name_of(c) or ""))
        return frozenset(c for c in people if not board.is_agents(c))


def _hears(own: CallRunner, other: CallRunner, at: float) -> None:
    """The customer of `own` heard the notice of `other` to its end, and chose what is known there."""
    agreed = other.recorder.wishes.agreed
    own.change_profile(other.profile, other.memory.drawn, elsewhere=True)
    own.receive(ev.NoticeBegun(at))
    for key in dict.fromkeys(p.agree_key for p in other.profile.purposes if p.agree_key is not None and p.name in agreed):
        own.receive(ev.KeyChosen(at, key))
    own.receive(ev.NoticeEnded(at, True))
