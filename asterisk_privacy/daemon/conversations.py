"""The calls of this PBX in their conversations: what each call's runner is told, and whom a key or a refusal concerns.

`call/conversation.py` decides who may be kept with whom; this module only carries news between it and the runners.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from time import monotonic

from asterisk_privacy.call import events as ev
from asterisk_privacy.call.behind import is_local
from asterisk_privacy.call.conversation import Role, Standing, conversation, role_of
from asterisk_privacy.call.news import surroundings
from asterisk_privacy.call.participants import PartyRole, Person
from asterisk_privacy.call.pbx import endpoint_of
from asterisk_privacy.call.situation import Consent, Hush, Life
from asterisk_privacy.call.switchboard import Change, Switchboard
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.last_calls import LastCalls
from asterisk_privacy.daemon.ledger import wall
from asterisk_privacy.daemon.other_recorders import OtherRecorders
from asterisk_privacy.daemon.runner import CallRunner
from asterisk_privacy.daemon.taking_up import meant_by

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0
"""For so long somebody may be unknown, or on the way to a notice, before it is told that the call is not kept for them."""
WITHDRAWN = "refused by another customer in it"


class Conversations:
    """`runners`: by the customer's channel. `erase`: what is kept of calls that are over, once these runners are done with
    theirs, and why; tells when the rows say so. `object_to`: the purposes with these
    names, in what is kept of them."""

    def __init__(
        self,
        runners: Mapping[str, CallRunner],
        others: OtherRecorders,
        health: Health,
        erase: Callable[[Collection[str], Collection[CallRunner], str, Callable[[], None]], None],
        object_to: Callable[[Collection[str], Collection[str]], None],
    ) -> None:
        self.board = Switchboard()
        self.last_calls = LastCalls(others)
        self._runners = runners
        self._others = others
        self._health = health
        self._told_of: set[tuple[str, str]] = set()  # call and stranger
        self._erase = erase
        self._object_to = object_to
        self._earlier: dict[str, frozenset[str]] = {}  # by call: others that an earlier daemon knew, in which its customer's voice may be
        self.finished: list[CallRunner] = []  # with voices of others in them that go on
        self._holds_hidden: set[str] = set()  # customers of whose calls that was said

    def standing(self, channel: str) -> Standing | None:
        runner = self._runners.get(channel)
        return None if runner is None else runner.standing

    # ---- what changes

    def read_again(self, board: Switchboard, at: float) -> None:
        self.board = board
        self.last_calls.read_again(board, board.channels, at)

    def tell(self, change: Change, at: float) -> None:
        """The runners of `change.touched` what it means to them. It was true at `at`."""
        now = monotonic()
        for channel in change.touched & self._runners.keys():
            runner = self._runners[channel]
            found = conversation(self.board, self.standing, channel)
            if found.holds_hidden and channel not in self._holds_hidden:
                self._holds_hidden.add(channel)
                words = "a call is with an endpoint of whose holds Asterisk tells nobody, and is not kept; see `check-config --ask`"
                self._health.alarm(Alarm.HOLDS_HIDDEN, words)
            if found.strangers:
                asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._still_strangers, runner)
            runner.beside = {c: self._runners[c].call_id for c in found.customers}
            for other in found.customers:
                self._runners[other].heard_in(self._runners[other].memory.heard_in | {runner.call_id})
            for event in surroundings(found, change, channel, at, now):
                runner.talks_with(self._people(event), event.at, event.parties)
                runner.receive(event)
        self.last_calls.follow(self.board, change.touched, at)

    def _people(self, event: ev.Surroundings) -> frozenset[Person]:
        agents = (endpoint_of(self.board.name_of(c) or "") for c in event.parties - event.customers)
        others = (self._runners[c].person for c in event.customers if c in self._runners)
        return frozenset((*(Person(PartyRole.AGENT, endpoint) for endpoint in agents), *others))

    def stands(self, runner: CallRunner, at: float) -> None:
        """What this call's customer allows changed at `at`: that concerns the calls of all who hear them."""
        if runner.customer is not None:
            self.tell(Change(self.board.connected(runner.customer) - {runner.customer}, frozenset()), at)

    def withdrew(self, runner: CallRunner) -> None:
        """This call's customer refused, or is off the record: their voice goes out of others' recordings too."""
        late = []
        for other in self._with_the_voice_of(runner):
            if other.over:
                other.wipe(WITHDRAWN)
                late.append(other)
            else:
                other.receive(ev.Withdrawn(monotonic()))
        over = self._over_before(runner) | {other.call_id for other in late}
        if over:  # until the rows say so the next daemon has to do it
            runner.heard_in(runner.memory.heard_in | over)
            self._erase(over, late, WITHDRAWN, partial(self._erased, runner, over))

    def _erased(self, runner: CallRunner, calls: frozenset[str]) -> None:
        self._earlier[runner.call_id] = self._earlier.get(runner.call_id, frozenset()) - calls
        if runner in self._runners.values():
            runner.heard_in(runner.memory.heard_in - calls)

    def taken_up(self, runners: Collection[CallRunner]) -> None:
        """All that go on. Who refused while no daemon lived goes out of others' recordings now. What a daemon before was told and did
        not come to is done now, too."""
        self._earlier = {runner.call_id: runner.memory.heard_in for runner in runners}
        for runner in runners:
            situation = runner.recorder.situation
            if situation.consent is Consent.REFUSED or situation.hush is Hush.OFF_RECORD:
                self.withdrew(runner)
            over = self._over_before(runner)
            if over and runner.memory.objected:
                self._object_to(over, runner.memory.objected)

    def objected(self, runner: CallRunner) -> None:
        """This call's customer objected to a purpose: others' recordings with their voice are not for it either."""
        for other in self._with_the_voice_of(runner):
            if other.over:
                other.objected_later()
            else:
                other.receive(ev.KeyPressed(monotonic(), ev.AgentKey.OBJECT, ""))
        over = self._over_before(runner)
        if over:
            self._object_to(over, runner.recorder.wishes.objected)

    def _with_the_voice_of(self, runner: CallRunner) -> list[CallRunner]:
        """Also of calls that are over."""
        known = (*self._runners.values(), *self.finished)
        return [other for other in known if other is not runner and runner.call_id in other.voices]

    def _over_before(self, runner: CallRunner) -> frozenset[str]:
        """Calls with their voice that an earlier daemon knew and this one does not."""
        return self._earlier.get(runner.call_id, frozenset()) - {r.call_id for r in self._runners.values()}

    # ---- who is meant

    def is_anothers(self, channel: str) -> bool:
        """Whether another recorder has this customer's call."""
        return channel in self._others

    def calls_of(self, channel: str) -> list[CallRunner]:
        """Those in one conversation with this channel, the one that is being recorded first."""
        found = (self._runners[c] for c in self.board.connected(channel) - {channel} if c in self._runners)
        return sorted(found, key=_age)

    def calls_meant(self, channel: str) -> list[CallRunner]:
        """Through the bridge first: after a transfer it is another call's. Else those that it was in before, as in a consultation."""
        here = self.calls_of(channel)
        if here or self._others.among(self.board.connected(channel)):
            return here
        return self.calls_before(channel)

    def pressed_unheard(self, channel: str, word: str, at: float | None, heard_until: float) -> None:
        """The last of pause, resume and off on an agent's channel; perhaps nobody heard of it. `at`: by the wall clock, None: not known."""
        same = {channel} | (self.board.behind(channel) if is_local(self.board.name_of(channel) or "") else frozenset())
        for number, runner in enumerate(self.calls_of(channel)):
            key = meant_by(word, at, runner.memory.joined(same), wall(runner.began_at).timestamp(), heard_until)
            hush = runner.recorder.situation.hush
            if key is not None and hush is not Hush.OFF_RECORD and (hush, key) != (Hush.PAUSED, ev.AgentKey.PAUSE):
                runner.receive(ev.KeyPressed(monotonic(), key, channel if number == 0 else ""))

    def anothers_is_meant(self, channel: str, endpoint: str, last: bool) -> bool:
        """The agent's key was meant for a call of another recorder, which hears of it as we do. `last`: for the one before."""
        if last:
            call = self.last_calls.of(endpoint)
            return call is not None and call.theirs
        return bool(self._others.among(self.board.connected(channel) | self.last_calls.before(channel)))

    def calls_before(self, channel: str) -> list[CallRunner]:
        """Those in which this agent's channel was before, and has been in no other since: in a consultation it is on the way back."""
        return sorted((self._runners[c] for c in self.last_calls.before(channel) if c in self._runners), key=_age)

    def last_calls_of(self, endpoint: str, grace: float) -> list[CallRunner]:
        """Of the call that this agent left last, if that was no more than `grace` seconds ago."""
        last = self.last_calls.of(endpoint)
        if last is None or last.theirs or monotonic() > last.left_at + grace:
            return []
        found = (self._runners[c] for c in last.customers if c in self._runners)
        return sorted(found, key=_age)

    # ---- who is not kept, and why

    def _still_strangers(self, runner: CallRunner) -> None:
        """Told once for each stranger: `status` names the endpoint, the log does not. Who has a call, here or of another recorder, is being
        told or has refused: that is as it should be."""
        situation, customer = runner.recorder.situation, runner.customer
        if customer is None or self._runners.get(customer) is not runner:
            return
        if situation.consent is not Consent.HEARD or situation.life is not Life.LIVE:
            return
        for channel in conversation(self.board, self.standing, customer).strangers:
            outsider = role_of(self.board, self.standing, channel, customer) is Role.OUTSIDER
            if outsider and channel not in self._runners and channel not in self._others and (runner.call_id, channel) not in self._told_of:
                self._told_of.add((runner.call_id, channel))
                self._health.outsider(endpoint_of(self.board.name_of(channel) or ""))

    def over(self, runner: CallRunner) -> None:
        """What it kept still answers for the voices of calls that go on."""
        living = {r.call_id for r in self._runners.values() if r is not runner}
        self.finished = [r for r in (*self.finished, runner) if r.voices & living]
        self._earlier.pop(runner.call_id, None)
        self._earlier = {call: others - {runner.call_id} for call, others in self._earlier.items()}  # of this one it is known by now
        self._holds_hidden -= {runner.channel, runner.customer}
        self._told_of = {told for told in self._told_of if told[0] != runner.call_id}


def _age(runner: CallRunner) -> tuple[float, str]:
    """As `call/conversation.py` says whose call has the recording."""
    return runner.began_at, runner.customer or runner.channel
