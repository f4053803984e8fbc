"""All calls of this PBX: answers the dialplan, follows the PBX, tells each call's runner what concerns it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from math import inf
from time import monotonic

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk.ari import Reading
from asterisk_privacy.asterisk.fastagi import AgiRequest
from asterisk_privacy.asterisk.taps import StasisWaiters
from asterisk_privacy.call import events as ev
from asterisk_privacy.call import pbx
from asterisk_privacy.call.behind import is_local
from asterisk_privacy.call.conversation import SELFTEST_ROOM
from asterisk_privacy.call.situation import Consent, Life
from asterisk_privacy.call.switchboard import Change, Switchboard
from asterisk_privacy.daemon.aftermath import LeftCall, end_calls
from asterisk_privacy.daemon.agents import Agents
from asterisk_privacy.daemon.answers import announcement, elsewhere, no_announcement, shown
from asterisk_privacy.daemon.boards import board_of
from asterisk_privacy.daemon.call_tools import Jobs, Tools
from asterisk_privacy.daemon.callers import Callers
from asterisk_privacy.daemon.conversations import Conversations
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import wall
from asterisk_privacy.daemon.logs import about
from asterisk_privacy.daemon.notices import Notices
from asterisk_privacy.daemon.other_recorders import OtherRecorders
from asterisk_privacy.daemon.remembered import LONGEST_STATE, Reminders, as_told
from asterisk_privacy.daemon.runner import CallRunner
from asterisk_privacy.daemon.selftest import NAME as SELFTEST
from asterisk_privacy.daemon.selftest import SelftestLine
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.taking_up import Chosen, erase_calls, object_to_calls, unheard
from asterisk_privacy.daemon.tally import Decision
from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.purpose import Profile
from asterisk_privacy.policy.sampling import sampled_purposes

log = logging.getLogger(__name__)

_PBX_EVENTS = pbx.PbxEvent.__args__


class Supervisor:
    """`ready` says why nothing can be recorded now (or None); asked at each new call."""

    def __init__(
        self,
        config: Config,
        tools: Tools,
        waiters: StasisWaiters,
        callers: Callers,
        health: Health,
        ready: Callable[[], str | None],
        reminders: Reminders,
        agents: Agents,
        left: Iterable[LeftCall] = (),
    ) -> None:
        self._config = config
        self._tools = tools
        self._waiters = waiters
        self._callers = callers
        self._health = health
        self._ready = ready
        self._reminders = reminders
        self._left = {call.row.id: call for call in left}
        self._by_channel: dict[str, CallRunner] = {}
        self._began_with: dict[str, Book] = {}  # by channel
        self._linked = False
        self._heard_until = -inf  # by the wall clock: until then every key was heard
        self._jobs = Jobs()
        self._others = OtherRecorders(config.asterisk.app)
        self._agents = agents
        agents.tell = self.pbx_told
        self._customers: dict[str, CallRunner] = {}
        self._conversations = Conversations(self._customers, self._others, health, self._erase, self._object_to)
        self._notices = Notices(self._conversations, self._by_channel, self._customers, health, lambda: str(self._config.dialplan.sounds))
        self.closing = False
        self.draining = False  # no new call is taken
        self.selftest = SelftestLine()

    @property
    def runners(self) -> tuple[CallRunner, ...]:
        return tuple(self._by_channel.values())

    def follow(self, config: Config, tools: Tools, callers: Callers) -> None:
        """Calls that begin from now on; those that go on keep what they began with."""
        self._config, self._tools, self._callers = config, tools, callers
        names = [self._board.name_of(channel) or "" for channel in self._board.channels]
        for event in self._agents.follow(config.agents.endpoints, names):
            self.pbx_told(event)

    @property
    def _board(self) -> Switchboard:
        return self._conversations.board

    def arm_selftest(self, public_key: str, like: str) -> Profile:
        """ValueError: the key or the profile is none."""
        return self.selftest.arm(self._config, self._tools, public_key, like)

    # ---- the dialplan asks (FastAGI)

    def answer(self, request: AgiRequest) -> Mapping[str, str]:
        """Channel variables for the dialplan: announce, or go on unrecorded."""
        wanted = request.parameters.get("profile", "")
        now = self._config.book.profiles
        test = self.selftest.take(wanted, self._board.name_of(request.channel))
        present = self._call_on(request.channel)
        began_with = self._began_with.get(present.channel if present is not None else "", self._config.book)
        profile = began_with.profiles.get(wanted) or now.get(wanted)
        profile, tools = (test.profile, test.tools) if test is not None else (profile, self._tools)
        if present is None and request.channel in self._others:  # it did not wait for us
            self._health.tally.decisions[Decision.ELSEWHERE] += 1
            return elsewhere()
        why = self._ready() if self._linked else "Asterisk's ARI is not connected"
        why = why or (None if profile is None else self._callers.why_not(profile))
        if self.draining and present is None and test is None:
            why = "the recorder was told to drain"
        if request.script != "start" or profile is None:
            why = f"the dialplan asks for {shown(wanted)}; config.toml has {', '.join(sorted(now))}"
        if self.closing:
            why = "the daemon is stopping"
        if why is not None or profile is None:
            quiet = self.draining or self.closing or wanted == SELFTEST  # nothing is amiss if another takes it
            return self._refuse(why or "", request.parameters.get("more", "0") != "0", quiet)
        if present is not None:
            return self._moved_to(present, profile, request.channel)
        if self._board.is_agents(request.channel):
            return self._colleague(request.channel)
        direction = request.parameters.get("direction", "in")
        drawn = sampled_purposes(profile, secrets.randbelow)
        runner = CallRunner(request.channel, profile, drawn, tools, self._over, around=self._conversations, called=direction == "out")
        self._enter(runner)
        self._health.calls_begun += 1
        self._health.tally.decisions[Decision.ANNOUNCE] += 1
        self._callers.begin(runner.call_id, profile, request.caller, direction, partial(setattr, runner, "person"))
        log.info("call %s begun on profile %s", runner.call_id, profile.name, extra=about("call.begun", runner.call_id, profile.name))
        return self._announce(runner, profile, request.channel)

    def _announce(self, runner: CallRunner, profile: Profile, channel: str) -> Mapping[str, str]:
        """`channel`: on which the notice plays, and which remembers the call."""
        state = self._reminders.write(channel, runner.memory)
        if len(state) > LONGEST_STATE:
            runner.write_down()
            state = ""
        return announcement(profile, runner.call_id, runner.notice, str(self._config.dialplan.sounds), state, self._config.asterisk.app)

    def _refuse(self, why: str, more: bool, quiet: bool) -> Mapping[str, str]:
        """`more`: the dialplan knows another recorder, which it asks next."""
        if more:
            self._health.tally.decisions[Decision.ELSEWHERE] += 1
            if not quiet:
                self._health.alarm(Alarm.NOT_READY, f"a call is left to another recorder: {why}")
            return elsewhere()
        self._health.alarm(Alarm.NOT_READY, f"a call goes on unrecorded: {why}")
        self._health.tally.decisions[Decision.UNRECORDED] += 1
        return no_announcement()

    def _colleague(self, channel: str) -> Mapping[str, str]:
        """An agent calls a recorded line: two colleagues are nothing to anybody (R14). A customer whom the agent brings onto that line by a
        transfer has heard no notice of it, and goes on in a call of their own, if they have one."""
        self._health.colleague(pbx.endpoint_of(self._board.name_of(channel) or ""))
        self._health.tally.decisions[Decision.COLLEAGUE] += 1
        return no_announcement()

    def unheard(self, request: AgiRequest) -> None:
        """The dialplan did not wait for our answer. Where the caller has gone meanwhile, no news of his channel will come any more; where
        there are several recorders, another one has been asked."""
        runner = self._call_on(request.channel)
        if runner is None:
            return
        left = "more" in request.parameters and runner.recorder.situation.life is Life.EXPECTED
        if left or (request.channel not in self._board and runner.customer in (None, request.channel)):
            runner.receive(ev.HungUp(monotonic()))

    def _moved_to(self, runner: CallRunner, profile: Profile, channel: str) -> Mapping[str, str]:
        """One call stays one recording (R17); what the first notice did not tell is told by a second one (R5)."""
        if runner.profile.tenant != profile.tenant:
            return self._left_company(runner)
        if runner.covers(profile):
            self._health.tally.decisions[Decision.COVERED] += 1
            return no_announcement()
        self._health.tally.decisions[Decision.ANNOUNCE] += 1
        runner.change_profile(profile, sampled_purposes(profile, secrets.randbelow))
        log.info("call %s moved to profile %s", runner.call_id, profile.name, extra=about("call.moved", runner.call_id, profile.name))
        return self._announce(runner, profile, channel)

    def _left_company(self, runner: CallRunner) -> Mapping[str, str]:
        """To the company that recorded it the call is over: what is said on another's line is not for its ears. Nor can that one have it,
        whose agents would hear of a call that was theirs only in part."""
        runner.receive(ev.HungUp(monotonic()))
        self._health.alarm(Alarm.NOT_READY, f"call {runner.call_id} came to a line of another tenant, and goes on unrecorded")
        self._health.tally.decisions[Decision.UNRECORDED] += 1
        return no_announcement()

    # ---- the PBX tells (ARI)

    def link_up(self, reading: Reading) -> None:
        """The whole state, read again. What was missed in between is unknown, so everything starts shut (DESIGN.md, ARI)."""
        known = self._agents.read(reading.agents, [channel.name for channel in reading.channels], reading.at)
        self._conversations.read_again(board_of(reading, known), reading.at)
        self._notices.follow(self._board.channels, reading.at)
        self._linked = True
        self._others.read({channel: announced.recorder for channel, announced in reading.announced.items()})
        chosen = Chosen(reading.announced, self._reminders)
        self._take_up(chosen)
        for channel, word in reading.pressed.items():
            at = reading.pressed_at[channel] - reading.ahead if channel in reading.pressed_at else None
            asyncio.get_running_loop().call_soon(self._conversations.pressed_unheard, channel, word, at, self._heard_until)
        for runner in self.runners:  # each by itself: a mistake in one call must not leave the others in the dark
            consent = chosen.by(runner.customer, runner.call_id, runner.notice, runner.channel)
            asyncio.get_running_loop().call_soon(self._link_restored, runner, consent)

    def _take_up(self, chosen: Chosen) -> None:
        """At the first reading: calls that the daemon before this one announced go on, the others that it left are over. What a customer's
        own channel remembers is newer than what half of a Local channel does."""
        taken, ours = list[CallRunner](), frozenset(self._left)
        for channel in sorted(chosen.memories, key=lambda c: is_local(self._board.name_of(c) or "")):
            memory = chosen.memories[channel]
            left = self._left.get(memory.call_id)
            lines = [self._config.book.profiles.get(name) for name in memory.profiles]
            known = [line for line in lines if line is not None]
            if channel in self._by_channel or channel in self._others:
                continue
            # a line may have been given to another company meanwhile
            if left is None or not known or lines[0] is None or any(line.tenant != left.row.tenant for line in known):
                if memory.call_id in ours:
                    self._tools.remember(channel, None)
                continue
            profile, *later = (as_told(line, memory) for line in known)
            del self._left[memory.call_id]
            called = left.row.direction == "out"
            runner = CallRunner(channel, profile, memory.drawn, self._tools, self._over, left, self._conversations, called)
            self._enter(runner)
            runner.receive(ev.LinkLost(monotonic()))  # until its surroundings are told
            consent = chosen.by(runner.customer, memory.call_id, memory.notice, channel) if runner.customer is not None else "none"
            newest = self._config.book.profiles.get(memory.newest_line)
            runner.take_up(memory, memory.consent if consent == "none" else consent, later, newest)
            taken.append(runner)
            self._health.calls_taken_up += 1
            if [line.purposes for line in (profile, *later)] != [line.purposes for line in known]:
                log.warning("call %s goes on without purposes of which its caller was not told, or not so", runner.call_id)
            log.info("call %s taken up again", runner.call_id, extra=about("call.taken-up", runner.call_id, profile.name))
        if taken:
            self._conversations.taken_up(taken)
        if self._left:
            for call in self._left.values():
                self._tools.ledger.post(partial(end_calls, calls=(call,)))
            self._left = {}

    def _link_restored(self, runner: CallRunner, consent: str) -> None:
        now = monotonic()
        if self._others.among({runner.channel, runner.customer or runner.channel}):
            runner.receive(ev.HungUp(now))
        if consent == "refused" and runner.recorder.situation.consent is not Consent.REFUSED:
            self._notices.refused(runner.channel, now)
        for event in unheard(runner.recorder.situation, consent, runner.recorder.refuse_key, now):
            runner.receive(event)
        if (runner.customer or runner.channel) not in self._board:
            self._notices.gone(runner, runner.customer or runner.channel, now)
        runner.receive(ev.LinkRestored(now))
        self._conversations.tell(Change(frozenset({runner.customer or runner.channel}), frozenset()), now)

    def link_down(self, why: str) -> None:
        self._linked = False
        self._health.alarm(Alarm.ARI_DOWN, f"{why}; {len(self._by_channel)} calls go on unrecorded until ARI is back")
        known_until = self._tools.proven()
        self._heard_until = wall(known_until).timestamp()
        for runner in self.runners:
            asyncio.get_running_loop().call_soon(runner.receive, ev.LinkLost(known_until))

    def pbx_told(self, event: ae.AriEvent) -> None:
        if isinstance(event, _PBX_EVENTS):
            self._follow(event)
            return
        match event:
            case ae.NoticeStage():
                runner = self._notices.stage(event)
                if runner is not None and runner.customer is not None:
                    self._conversations.tell(Change(frozenset({runner.customer}), frozenset()), event.at)
            case ae.NoticeKey():
                self._notices.key(event)
            case ae.AgentPressed():
                self._key(event)
            case ae.Unavailable():
                self._health.alarm(Alarm.MISSED_CALLS, f"a call went on unrecorded: the dialplan got no answer ({event.why})")
            case ae.StasisStarted():
                self._waiters.started(event.channel)
            case ae.OutOfSight() if self._comes_with_a_customer(event.channel):
                words = "a call is in another ARI application's bridge, whose holds Asterisk tells nobody: what is said there is not kept"
                self._health.alarm(Alarm.OUT_OF_SIGHT, words)
            case ae.Taken():
                self._others.told(event.channel, event.recorder)
                runner = self._call_on(event.channel)
                if event.channel in self._others and runner is not None:
                    runner.receive(ev.HungUp(monotonic()))
            case ae.PlaybackDone():
                self._tools.tones.playback_done(event.playback)
            case _:
                pass

    def _follow(self, event: pbx.PbxEvent) -> None:
        if isinstance(event, pbx.ChannelSeen) and event.name != self._board.name_of(event.channel):
            known = self._agents.seen(event.name)
            if known is not None and known.agent != self._board.is_agent(known.endpoint):
                self._board.apply(known)
        change = self._board.apply(event)
        if isinstance(event, pbx.ChannelGone):
            runner = self._call_on(event.channel)
            if runner is not None:
                self._notices.gone(runner, event.channel, event.at)
        self._notices.follow(change.touched, event.at)
        self._conversations.tell(change, event.at)
        if isinstance(event, pbx.ChannelGone):
            self._others.gone(event.channel)
            self._conversations.last_calls.gone(event.channel)

    def _call_on(self, channel: str) -> CallRunner | None:
        """Whose customer's channel this is; or else the one on which the call was announced, half of a Local channel too."""
        return self._customers.get(channel) or self._by_channel.get(channel)

    def _comes_with_a_customer(self, channel: str) -> bool:
        behind = self._board.behind(channel) if is_local(self._board.name_of(channel) or "") else frozenset()
        return channel in self._customers or not behind.isdisjoint(self._customers)

    # ---- the agent presses

    def _key(self, event: ae.AgentPressed) -> None:
        cmd, _, idle = event.cmd.partition("-")  # keep-last, object-last: dialled on the idle phone
        last = idle == "last"
        calls, endpoint = self._conversations, pbx.endpoint_of(event.name)
        meant = calls.last_calls_of(endpoint, self._config.keys.grace_seconds) if last else calls.calls_meant(event.channel)
        if not meant and calls.anothers_is_meant(event.channel, endpoint, last):
            return
        if not meant and (self._board.name_of(event.channel) or "").startswith(SELFTEST_ROOM):
            return
        if not meant:
            self._health.alarm(Alarm.UNKNOWN_CALL, "an agent's key belongs to no call that is known here")
            self._tools.tones.play(event.channel, "refused")
            return
        try:
            key = ev.AgentKey(cmd)
        except ValueError:
            self._health.alarm(Alarm.UNKNOWN_KEY, "the dialplan sent a key command that does not exist; compare features_privacy.conf")
            return
        self._health.tally.keys[key.value] += 1
        for number, runner in enumerate(meant):  # several customers in one conversation: the first call's recorder answers
            runner.receive(ev.KeyPressed(event.at, key, event.channel if number == 0 else ""))

    # ---- housekeeping

    def release(self) -> None:
        """Called several times a second: lets audio out of quarantine."""
        proven = self._tools.proven()
        for runner in self.runners:
            if runner.media.busy:
                asyncio.get_running_loop().call_soon(runner.media.release, proven)

    async def close(self) -> None:
        """Stop orderly: what may be kept is sealed, the rest is zeroed."""
        self.closing = True
        self._tools.ledger.stop_soon()
        runners = self.runners
        for runner in runners:
            runner.close()
        for runner in (*runners, *self._conversations.finished):
            await runner.finished()
        await self._jobs.finished()

    def _erase(self, calls: Collection[str], late: Collection[CallRunner], reason: str, done: Callable[[], None]) -> None:
        async def job() -> None:
            for runner in late:
                await runner.finished()
            if await erase_calls(tuple(calls), reason, self._tools):
                done()

        self._jobs.next(job)

    def _object_to(self, calls: Collection[str], purposes: Collection[str]) -> None:
        self._jobs.next(partial(object_to_calls, tuple(calls), frozenset(purposes), self._tools))

    def _over(self, runner: CallRunner) -> None:
        for runners in (self._by_channel, self._customers):
            for channel in {c for c in (runner.channel, runner.customer) if c is not None and runners.get(c) is runner}:
                del runners[channel]
        self._began_with.pop(runner.channel, None)
        self._notices.over(runner)
        self._conversations.over(runner)

    def _enter(self, runner: CallRunner) -> None:
        self._by_channel[runner.channel] = runner
        self._notices.begin(runner)
        self._began_with[runner.channel] = self._config.book
