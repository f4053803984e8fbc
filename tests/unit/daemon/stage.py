"""One call on a stage: a real runner, registry and store; only Asterisk is made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from types import MappingProxyType

import numpy as np
from as_it_lies import open_recording

from asterisk_privacy.audio.frames import FRAME_SAMPLES
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.participants import PartyRole, Person
from asterisk_privacy.call.recorder import Timing
from asterisk_privacy.call.timeline import passages
from asterisk_privacy.daemon.call_tools import Tools
from asterisk_privacy.daemon.health import Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.runner import CallRunner
from asterisk_privacy.policy.purpose import Profile, Purpose
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

TIMING = Timing(settle=0.0, quarantine=0.2, grace=5.0)


class Tap:
    """Both microphones; each frame carries its number."""

    may_be_deaf = True
    told_until = inf

    def __init__(self, taps: list[Tap], sink: Callable[[float, bytes], None]) -> None:
        self.sink = sink
        taps.append(self)
        self._taps = taps

    def beside(self, _sink: Callable[[float, bytes], None], _ended: Callable[[], None]) -> None:
        return None

    def hear(self) -> None:
        """Each frame was told when it came."""

    def stop(self) -> None:
        if self in self._taps:
            self._taps.remove(self)


class Stage:
    """A call in made-up time, which is ahead of the real one; what the runner asks of the registry and the disk is real."""

    def __init__(self, folder: Path) -> None:
        self.identity = Identity.generate()
        self.vault = Vault(folder / "recordings", Recipients.of([self.identity.public]))
        self.health = Health()
        self.registry = Registry.open(folder / "registry.sqlite")
        self.ledger = Ledger(self.registry, self.health)
        self.memory = RingMemory(1 << 30)
        self.taps: list[Tap] = []
        self.tones: list[str] = []
        self.now = 0.0

    def attach(self, _channel: str, sink: Callable[[float, bytes], None], _ended: Callable[[], None]) -> Tap:
        return Tap(self.taps, sink)

    def play(self, _channel: str, name: str) -> None:
        self.tones.append(name)

    async def call(
        self, purposes: tuple[Purpose, ...], keys: dict[int, str], drawn: frozenset[str] = frozenset(), stop_at: int | None = None,
        tenant: str | None = None, passed_on: Mapping[int, str] = MappingProxyType({}), agent: str = "anna",
        never_came: range = range(0),
    ) -> CallRunner:  # fmt: skip
        """Three seconds of talk; `keys` are pressed after so many frames of 20 ms. `stop_at`: leave it there, in mid-call. `passed_on`: at
        which frames another agent takes the call over, and who. `never_came`: frames that Asterisk did not send."""
        tools = Tools(
            self, self, self.vault, self.ledger, self.health, lambda: Ring(600, self.memory), lambda: self.now, TIMING, 60.0,  # type: ignore[arg-type]
            remember=lambda _channel, _memory: None,
        )  # fmt: skip
        self.tones.clear()
        runner = CallRunner("caller", Profile("line", "Line", "nl", "notice", purposes, "3", tenant), drawn, tools, lambda _runner: None)
        began = self.now = runner.began_at
        self.ledger.post(lambda r: r.begin_call(runner.call_id, "line", datetime.now(UTC), None, None, "in"))
        runner.receive(ev.NoticeBegun(began))
        runner.receive(ev.NoticeEnded(began + 0.1, True))
        await _talk(runner, agent, began + 0.2)
        for n in range(150):
            at = began + 0.2 + 0.02 * n
            if n == stop_at:
                return runner
            if n in passed_on:
                await _talk(runner, passed_on[n], at)
            if n in keys:
                runner.receive(ev.KeyPressed(at, ev.AgentKey(keys[n]), "anna"))
            for tap in tuple(self.taps) if n not in never_came else ():
                tap.sink(at + 0.02, np.full(FRAME_SAMPLES, 100 + 100 * n, dtype="<i2").tobytes())
            self.now = at - 0.2
            runner.media.release(self.now)
        runner.receive(ev.HungUp(began + 3.2))
        self.now = began + 60
        runner.receive(ev.Tick(began + 3.2 + TIMING.quarantine))
        await runner.finished()  # sealed, in the grace time
        for later, key in sorted((n, k) for n, k in keys.items() if n >= 150):
            runner.receive(ev.KeyPressed(began + 0.2 + 0.02 * later, ev.AgentKey(key), "anna"))
        runner.receive(ev.Tick(began + 3.2 + TIMING.quarantine + TIMING.grace))
        await runner.finished()
        await self.ledger.drained()
        assert self.memory.used == 0 and not self.taps
        return runner

    def heard(self, row: RecordingRow) -> list[int]:
        """The numbers of the frames that a reviewer hears."""
        audio, _ = open_recording(self.vault.path(row.id), [self.identity])
        assert len(audio) * 1000 // 8000 == row.duration_ms == passages(row.spans)[-1].audio_to_ms
        return [round((int(v) - 100) / 100) for v in audio[FRAME_SAMPLES // 2 :: FRAME_SAMPLES, 0] if v]

    def rows(self, runner: CallRunner) -> dict[int, RecordingRow]:
        return {row.part: row for row in self.registry.recordings(call_id=runner.call_id)}


async def _talk(runner: CallRunner, agent: str, at: float) -> None:
    """As the supervisor tells it; whom the draws are made for is known when it returns."""
    runner.talks_with(frozenset({Person(PartyRole.AGENT, f"PJSIP/{agent}")}), at)
    runner.receive(ev.Surroundings(at, frozenset({agent})))
    if runner._lot is not None:
        await runner._lot
