"""One call in simulated time: the real switchboard, recorder, quarantine and ring; only Asterisk, its taps and the disk are made up.

Every frame carries its own number in its samples (as values that G.711 keeps exactly), so what was kept can be read back frame by frame.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import ceil

import numpy as np

from asterisk_privacy.asterisk.audiosocket import LISTEN_SECONDS, MOMENT_SECONDS
from asterisk_privacy.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Leg
from asterisk_privacy.audio.marked import Marked
from asterisk_privacy.audio.quarantine import Quarantine
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call import conversation, news, pbx, recorder, switchboard
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.situation import Gate, Life
from asterisk_privacy.policy.purpose import Profile
from scenarios.sound import File, Frame, Tap, read, written

CALLER = "caller"
ATTACH = 0.022  # facts 10: first frame 21-23 ms after the tap was asked for
AT_ONCE = 0.002  # what Asterisk sends has arrived after this; when it is read is another matter
RELEASE = 0.2
EVENT, FRAME, HOUSE = 2, 4, 6
PING = 0.25


class World:
    """`at` and `when` are seconds since the call's begin. `lag()` is how late the next PBX event comes, `jitter()` the same of a frame."""

    def __init__(
        self,
        profile: Profile,
        drawn: frozenset[str] = frozenset(),
        timing: recorder.Timing | None = None,
        lag: Callable[[], float] = lambda: 0.0,
        jitter: Callable[[], float] = lambda: 0.0,
        echo: Callable[[], float] = lambda: -1.0,
        overtake: Callable[[], bool] = lambda: False,
        objection: str = "",
    ) -> None:
        self.timing = timing or recorder.Timing()
        self.recorder = recorder.Recorder(
            profile, frozenset(p.name for p in profile.purposes if p.one_in) & drawn, 0.0, self.timing, objection
        )
        self.drawn = drawn
        self.board = switchboard.Switchboard()
        self.others: dict[str, conversation.Standing] = {}  # who else has a call here, by channel
        self.voices: set[str] = set()  # of these, whose voice may be in what is kept
        self.quarantine = Quarantine()
        self.memory = RingMemory(1 << 30)
        self.ring = Ring(3600, self.memory)
        self.marked = Marked(Ring(3600, self.memory))
        self.marked_file: File | None = None
        self.lines: dict[str, Profile] = {}
        self.draw_takes = 0.05  # seconds until the registry has answered
        self._keep_from = 0.0
        self.lag, self.jitter, self.echo, self.overtake = lag, jitter, echo, overtake
        self.now = 0.0
        self.frames: list[Frame] = []
        self.files: list[File] = []
        self.file: File | None = None
        self.log: list[tuple[float, cmd.Command]] = []
        self.told: list[pbx.PbxEvent] = []
        self.finished: cmd.Finish | None = None
        self.busy: list[tuple[float, float]] = []  # when the event loop did nothing
        self.down: list[tuple[float, float]] = []  # when the link delivered nothing
        self.seen: Counter[str] = Counter()
        self.gate_faults: list[str] = []
        self._finish: cmd.Finish | None = None
        self._sealing = False
        self._taps: list[Tap] = []
        self._places: dict[str, int] = {}
        self._queue: list[tuple[float, int, int, Callable[[], None]]] = []
        self._count = 0
        self._ping = 0.0
        self.do(0.0, self._housekeeping, HOUSE)
        self.do(0.0, lambda: self._pong(0.0))

    # ---- what happens

    def do(self, at: float, what: Callable[[], None], rank: int = EVENT) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at, rank, self._count, what))

    def emit(self, event: pbx.PbxEvent, lag: float | None = None) -> None:
        """Asterisk tells of `event`, which is true at `event.at`."""
        self.told.append(event)
        late = self.lag() if lag is None else lag
        self._deliver(event.at, late, lambda: self._pbx(event))
        again = self.echo()
        if again >= 0:
            self._deliver(event.at, again, lambda: self._pbx(event))

    def tell(self, event: ev.Event, lag: float | None = None) -> None:
        """Something else that comes over the same stream: notice, keys."""
        self._deliver(event.at, self.lag() if lag is None else lag, lambda: self.receive(event))

    def _deliver(self, at: float, late: float, what: Callable[[], None]) -> None:
        # what was true before the link came back and had not arrived when it was lost never arrives
        self.do(at + late, lambda: None if any(a <= self.now and at < b for a, b in self.down) else what())

    def change_line(self, at: float, name: str) -> None:
        """The dialplan asks the daemon again; the daemon knows at once, whatever the stream does."""
        profile = self.lines[name]
        drawn = frozenset(p.name for p in profile.purposes if p.one_in) & self.drawn
        self.do(at, lambda: self.receive(ev.ProfileChanged(at, profile, drawn)))

    def lose_link(self, at: float, noticed: float, back: float, read: Callable[[], switchboard.Switchboard]) -> None:
        """Nothing is delivered from `at` to `back`; that it is so becomes known at `noticed`. `read` is how all is read afterwards."""
        self.down.append((at, back))
        self.do(noticed, lambda: self.receive(ev.LinkLost(self.proven())))
        self.do(back, lambda: self._read(read()))

    def _read(self, board: switchboard.Switchboard) -> None:
        self.board = board
        if CALLER not in self.board:
            self.receive(ev.HungUp(self.now))
        self.receive(ev.LinkRestored(self.now))
        self._tell_surroundings(switchboard.Change(frozenset({CALLER}), frozenset()), self.now)

    def _pbx(self, event: pbx.PbxEvent) -> None:
        change = self.board.apply(event)
        if isinstance(event, pbx.ChannelGone) and event.channel == CALLER:
            self.receive(ev.HungUp(event.at))
        if CALLER in change.doubted:
            self.seen["doubted"] += 1
        self._tell_surroundings(change, event.at)

    def _tell_surroundings(self, change: switchboard.Change, at: float) -> None:
        if CALLER in change.touched:
            found = conversation.conversation(self.board, self._standing, CALLER)
            for event in news.surroundings(found, change, CALLER, at, self.now):
                self.receive(event)

    def _standing(self, channel: str) -> conversation.Standing | None:
        return self.recorder.standing if channel == CALLER else self.others.get(channel)

    def stands(self, at: float, who: str, without: str = "", **what: object) -> None:
        """What another customer's call allows from `at` on, as their own recorder says at once. `without`: a purpose objected to."""

        def tell() -> None:
            before = self.others.get(who, conversation.Standing(began_at=at))
            after = replace(before, **what)  # type: ignore[arg-type]
            if without:
                after = replace(after, allows=(after.allows or frozenset()) - {without})
            self.others[who] = after
            self._tell_surroundings(switchboard.Change(self.board.connected(who), frozenset()), at)
            if after.silenced and not before.silenced and who in self.voices:
                self.receive(ev.Withdrawn(self.now))
            if without and who in self.voices:
                self.receive(ev.KeyPressed(self.now, ev.AgentKey.OBJECT, ""))

        self.do(at, tell)

    # ---- the daemon

    def proven(self) -> float:
        return min(self.now, self._ping) - self.timing.quarantine

    def receive(self, event: ev.Event) -> None:
        for command in self.recorder.receive(event):
            self.log.append((self.now, command))
            self.seen[type(command).__name__] += 1
            self._carry_out(command)
        self._check_gate()

    def _check_gate(self) -> None:
        s = self.recorder.situation
        fine = (s.life is Life.LIVE, s.consent.value == "heard", s.demand.value != "none", s.hush.value == "none")
        fine += (s.link.value == "up", s.talk.value == "talking")
        if (self.recorder.gate is Gate.OPEN) != all(fine):
            self.gate_faults.append(f"{s}")

    def _carry_out(self, command: cmd.Command) -> None:
        match command:
            case cmd.Open():
                self._untap()
                stretch = self.quarantine.open(command.at)
                self.voices |= command.customers
                for channel in (CALLER, *sorted(command.parties)):
                    self.tap(channel, stretch, Leg.CUSTOMER if channel in {CALLER, *command.customers} else Leg.AGENT)
            case cmd.Shut():
                if command.at < self.now - 0.1:
                    self.seen["late shut"] += 1
                self.quarantine.shut(command.at)
                self._untap()
            case cmd.StartFile():
                self.file = File(command.part, list(command.purposes))
                self.files.append(self.file)
                self.file.blocks += self.ring.drain()
            case cmd.AddPurposes():
                assert self.file is not None
                self.file.purposes += command.purposes
            case cmd.Seal():
                self._sealing = True
                self._try_seal(self.now + 3.0)
            case cmd.Wipe():
                for tap in self._taps:
                    self._readable(tap)
                self.quarantine.wipe()
                self.ring.wipe()
                self.marked.wipe()
                self.voices.clear()
                self._erase(self.file, self.marked_file)
            case cmd.WakeAt():
                at = command.at
                self.do(max(at, self.now), lambda: self.receive(ev.Tick(max(at, self.now))), HOUSE)
            case cmd.Finish():
                self._finish = command
                if not self._sealing:
                    self._over()
            case _:
                self._carry_out_partly(command)

    def _carry_out_partly(self, command: cmd.Command) -> None:
        """What concerns some purposes only."""
        match command:
            case cmd.From():
                self.marked.from_here(command.at)
            case cmd.To():
                self.marked.to_here(command.at)
            case cmd.KeepMarked():
                self._sealing = True
                self.marked_file = File(command.part, list(command.purposes), state="marked", marked=True)
                self.files.append(self.marked_file)
                self._try_seal(self.now + 3.0)
            case cmd.EraseMarked():
                self.marked.wipe()
                self._erase(self.marked_file)
            case cmd.EraseFile():
                self.ring.wipe()
                self._keep_from = command.at
                self._erase(self.file)
            case cmd.DropPurposes():
                file = self.marked_file if command.marked else self.file
                assert file is not None and set(command.purposes) < set(file.purposes)
                file.purposes = [p for p in file.purposes if p not in command.purposes]
            case cmd.Draw():
                taken = frozenset(command.purposes) & self.drawn
                self.do(self.now + self.draw_takes, lambda: self.receive(ev.Drawn(self.now, taken)))
            case _:
                pass

    def _erase(self, *files: File | None) -> None:
        for file in files:
            if file is not None:
                file.state = "erased"
            if file is self.file:
                self.file = None
            if file is self.marked_file:
                self.marked_file = None

    def fail_file(self) -> None:
        if self.file is not None:
            self.file.state = "cut short"
        self.receive(ev.FileFailed(self.now))

    def _try_seal(self, give_up: float) -> None:
        self.release()
        if self.quarantine.busy and self.now < give_up:
            self.do(self.now + 0.05, lambda: self._try_seal(give_up), HOUSE)
            return
        self._sealing = False
        if self.file is not None and self.file.state == "open":
            self.file.state = "sealed"
        if self.marked_file is not None and self.marked_file.state == "marked":
            self.marked_file.state = "sealed"
            self.marked_file.blocks += self.marked.ring.drain()
        if self._finish is not None:
            self._over()

    def _over(self) -> None:
        self.finished = self._finish
        self._untap()
        self.quarantine.shut(self.now)
        self.quarantine.wipe()
        self.ring.wipe()
        self.marked.wipe()

    def release(self) -> None:
        for began, block, _ in self.quarantine.release(self.proven()):
            self.marked.take(began, block)
            if began < self._keep_from - 1e-6:
                continue
            if self.file is not None:
                self.file.blocks.append(block)
            else:
                self.ring.append(block)

    def _housekeeping(self) -> None:
        if self.finished is None:
            self.release()
            self.do(self.now + RELEASE, self._housekeeping, 0 if self.overtake() else HOUSE)

    def _pong(self, sent: float) -> None:
        if self.finished is None:
            if not any(a <= self.now < b for a, b in self.down):
                self._ping = sent
            self.do(sent + PING, lambda: self._pong(sent + PING))

    # ---- taps

    def tap(self, channel: str, stretch: int, leg: Leg) -> None:
        tap = Tap(channel, leg, stretch)
        self._taps.append(tap)
        self._frame(tap, self.now + ATTACH)

    def _untap(self) -> None:
        for tap in self._taps:
            self._readable(tap, ending=True)
            tap.on = False
        self._taps.clear()

    def _frame(self, tap: Tap, begin: float) -> None:
        def spoken() -> None:
            if tap.on:
                number = len(self.frames)
                self.frames.append(Frame(tap.channel, begin))
                tap.arrived = max(tap.arrived, self.now + min(AT_ONCE, self.jitter()))
                tap.unread.append((tap.arrived, written(number, self._places.setdefault(tap.channel, len(self._places)))))
                if not tap.reading:
                    tap.reading = True
                    # the first is read when it comes, all others with those of all taps
                    listened = tap.arrived if tap.new else ceil(tap.arrived / LISTEN_SECONDS) * LISTEN_SECONDS
                    self.do(listened + self.jitter(), lambda: self._readable(tap), 1 if self.overtake() else FRAME)
                self._frame(tap, begin + FRAME_SECONDS)

        self.do(begin + FRAME_SECONDS, spoken, -1)

    def _readable(self, tap: Tap, ending: bool = False) -> None:
        """As asterisk.audiosocket reads."""
        read = [(self.now if tap.new else at, samples) for at, samples in tap.unread if at <= self.now]
        del tap.unread[: len(read)]
        tap.reading = tap.new = False
        if tap.unread and not ending:
            tap.reading = True
            self.do(tap.unread[0][0], lambda: self._readable(tap), FRAME)
        if len(read) > LISTEN_SECONDS / FRAME_SECONDS + 1:
            self.seen["burst"] += 1
        if not read or not tap.on:
            return
        at, frames = read[-1][0], [samples for _, samples in read]
        if ending and at > self.now - MOMENT_SECONDS:
            at, frames = at - FRAME_SECONDS, frames[:-1]
        if frames:
            self.take(tap, at, frames)

    def take(self, tap: Tap, at: float, frames: list[bytes]) -> None:
        self.quarantine.push(tap.stretch, tap.leg, tap.channel, at, b"".join(frames))

    # ---- time

    def run(self, until: float = 1000.0) -> None:
        while self._queue and self._queue[0][0] <= until:
            at, rank, count, what = heapq.heappop(self._queue)
            if rank >= 0:
                stalled = [end for begin, end in self.busy if begin <= at < end]
                if stalled:
                    heapq.heappush(self._queue, (max(stalled), rank, count, what))
                    continue
            self.now = max(self.now, at)
            what()

    # ---- what was kept

    def kept_frames(self, states: tuple[str, ...] = ("sealed", "open"), marked: bool = False) -> list[Frame]:
        """Of the file of the whole call, or of that of its marked parts."""
        return [self.frames[n] for f in self.files if f.state in states and f.marked is marked for slot in self.slots(f) for n in slot]

    def slots(self, file: File) -> list[list[int]]:
        if not file.blocks:
            return []
        return read(np.concatenate(file.blocks).reshape(-1, FRAME_SAMPLES, 2))

    def kept_intervals(self, channel: str, marked: bool = False) -> list[tuple[float, float]]:
        """Of one party's voice; holes under 30 ms do not count."""
        joined: list[tuple[float, float]] = []
        for frame in sorted((f for f in self.kept_frames(("sealed",), marked) if f.channel == channel), key=lambda f: f.begin):
            if joined and frame.begin - joined[-1][1] < 0.03:
                joined[-1] = (joined[-1][0], frame.end)
            else:
                joined.append((frame.begin, frame.end))
        return joined
