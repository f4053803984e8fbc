"""People with phones in one lane, and what they do; what really happened is written down while they do it, for `judge`.

Everybody speaks a time code of his own in conversation, and a pure tone of his own when not. The change of voice comes a moment *before*
a conversation begins and after it ends: what is sent in those moments is dated by the code itself.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from math import inf

import numpy as np
from measuring import tone_seconds
from plan import CUSTOMER

from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.lab.leg import Leg, State
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.timecode import TimeCode
from asterisk_privacy.lab.tones import MUSIC, Voice

SEEDS = {CUSTOMER: 0, "anna": 1, "ben": 2, "dora": 3, "mia": 4}
PRIVATE_HZ = {CUSTOMER: 950.0, "anna": 1050.0, "ben": 1150.0, "dora": 1250.0, "mia": 1350.0}
CODES = {name: TimeCode(seed) for name, seed in SEEDS.items()}
BASE = 3000
"""Each call of one phone has a minute of code of its own."""
OUT_SECONDS = 0.04
"""After this the frames with the old voice are out."""
PATIENCE = 12.0


class Mouth:
    def __init__(self, name: str, base: int, speaking: bool) -> None:
        self.base = base
        self.speaking = speaking
        self.silent = False
        self._code = CODES[name]
        self._tone = Voice(PRIVATE_HZ[name])

    def frame(self, n: int) -> Pcm | None:
        if self.silent:
            return None
        return self._code.frame(self.base + n) if self.speaking else self._tone.frame()

    def label(self, n: int) -> str:
        return "nothing" if self.silent else "code" if self.speaking else "private"


class Person(Phone):
    """A phone that lives for one row."""

    def __init__(self, name: str, lane: int, port: int, server_port: int, codec: str = "ulaw", sequence: int | None = None) -> None:
        super().__init__(f"{name}{lane}", port, server_port, codec=codec, first_sequence=sequence)
        self.who = name
        self.mouths: dict[int, Mouth] = {}
        self.speaking = False
        self._rung = 0

    def _new(self) -> Leg:
        leg = super()._new()
        mouth = Mouth(self.who, BASE * (len(self.legs) - 1), self.speaking)
        self.mouths[leg.number] = mouth
        leg.media.say(mouth)
        return leg

    def speak(self, yes: bool = True, leg: Leg | None = None) -> None:
        """Code (conversation) or tone (private), on one call or on all."""
        if leg is None:
            self.speaking = yes
        for number, mouth in self.mouths.items():
            if leg is None or leg.number == number:
                mouth.speaking = yes

    async def rings(self) -> Leg:
        """The next call that comes in."""
        incoming = [leg for leg in self.legs if leg.incoming]
        await self._until(lambda: len([leg for leg in self.legs if leg.incoming]) > self._rung, PATIENCE, "a call")
        incoming = [leg for leg in self.legs if leg.incoming]
        self._rung = len(incoming)
        return incoming[-1]

    async def picks_up(self, leg: Leg | None = None) -> float:
        """Answers what rings. Returns when."""
        leg = leg or await self.rings()
        leg.answer()
        await self._until(lambda: leg.state in (State.UP, State.ENDED), PATIENCE, "the answer")
        assert leg.state is State.UP, leg.ending
        return leg.answered_at

    async def gone(self, leg: Leg) -> float:
        await self._until(lambda: leg.state is State.ENDED, PATIENCE, "the end")
        return leg.ended_at


@dataclass(slots=True)
class Talk:
    """A conversation as it was. `legs`: of all parties, the customer's among them. `after`: of which kind the waiting was that followed."""

    legs: tuple[Leg, ...]
    begins: float
    begun: float
    ends: float = inf
    ended: float = inf
    after: SpanKind | None = None
    same: bool = False
    """It goes on from the one before, with other parties."""


@dataclass(slots=True)
class Scene:
    """One call of one row."""

    lane: int
    people: dict[str, Person]
    talks: list[Talk] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    """Measured by the row itself."""
    faults: list[str] = field(default_factory=list)
    """Found by the row itself."""

    @property
    def cora(self) -> Person:
        return self.people[CUSTOMER]

    @property
    def anna(self) -> Person:
        return self.people["anna"]

    @property
    def ben(self) -> Person:
        return self.people["ben"]

    @property
    def dora(self) -> Person:
        return self.people["dora"]

    def number(self, name: str) -> str:
        return f"{name}{self.lane}"

    # -- conversation

    def begin(self, at: float, *parties: Person | Leg, until: float | None = None, same: bool = False) -> None:
        legs = tuple(p.leg if isinstance(p, Person) else p for p in parties)
        if not self.talks or self.talks[-1].ended < inf:
            self.talks.append(Talk(legs, at, at if until is None else until, same=same))

    def end(self, at: float, after: SpanKind | None = None, until: float | None = None) -> None:
        """A hold is called so once it was accepted: on a machine with other work Asterisk comes to it later than it was sent, and only then
        does anybody hold."""
        talk = self.talks[-1] if self.talks else None
        if until is None:
            until = time.monotonic() if after is SpanKind.HOLD else at
        if talk is not None and talk.ended == inf:
            talk.ends, talk.ended, talk.after = at, until, after

    async def will_speak(self, *who: Person) -> None:
        for person in who:
            person.speak()
        await asyncio.sleep(OUT_SECONDS)

    def fall_silent(self, *who: Person) -> None:
        for person in who or self.people.values():
            person.speak(False)

    async def talk(self, seconds: float = 0.7) -> None:
        await asyncio.sleep(seconds)

    # -- what people do

    async def connected(self, extension: str = "dial", agent: str = "anna", seconds: float = 0.7) -> Leg:
        """The customer dials, the agent answers, they talk."""
        await self.cora.call(self.number(extension))
        return await self.answered_by(self.people[agent], seconds)

    async def answered_by(self, agent: Person, seconds: float = 0.7) -> Leg:
        leg = await agent.rings()
        await self.will_speak(self.cora, agent)
        self.begin(await agent.picks_up(leg), self.cora, leg)
        await self.talk(seconds)
        return leg

    async def hold(self, who: Person, kind: str = "sendonly", seconds: float = 0.6, leg: Leg | None = None) -> None:
        """Hold, wait, unhold: the same parties talk again."""
        leg = leg or who.leg
        legs = self.talks[-1].legs
        self.end(await leg.hold(kind), SpanKind.HOLD)
        self.fall_silent()
        await self.talk(seconds)
        await self.unhold(leg, legs)

    async def unhold(self, leg: Leg, legs: tuple[Leg, ...]) -> None:
        await self.will_speak(*(p for p in self.people.values() if any(one in p.legs for one in legs)))
        self.begin(await leg.unhold(), *legs)

    async def dials(self, who: Person, extension: str) -> Leg:
        """And is answered by the PBX or by whoever answers by himself."""
        leg = await who.call(extension)
        await who._until(lambda: leg.state in (State.UP, State.ENDED), PATIENCE, f"an answer of {extension}")
        assert leg.state is State.UP, f"{extension}: {leg.ending}"
        return leg

    async def bye(self, who: Person | None = None) -> None:
        """Somebody hangs up, the customer if nobody is named."""
        leg = (who or self.cora).leg
        at = time.monotonic()
        leg.hangup()
        await (who or self.cora).gone(leg)  # Asterisk knows of it now, a busy one a little later than it was sent
        self.end(at, None, max(leg.ended_at, at + 0.01))
        self.fall_silent()

    async def until_heard(self, listener: Person, speaker: Person, patience: float = 8.0, leg: Leg | None = None) -> float:
        """When the speaker's code came to the listener's ear, looked at every 40 ms."""
        media, code, deadline = (leg or listener.leg).media, CODES[speaker.who], time.monotonic() + patience
        since = time.monotonic()
        while time.monotonic() < deadline:
            await asyncio.sleep(0.04)
            packets = media.packets(since)
            since = packets[-2].at if len(packets) > 1 else since
            if packets and code.heard(np.concatenate([p.samples for p in packets])):
                return packets[0].at
        raise TimeoutError(f"{listener.name} never heard {speaker.name}")

    async def until_music(self, listener: Person, since: float, patience: float = 8.0) -> None:
        """Looked at every 20 ms; the music must have been there for 60 ms."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            await asyncio.sleep(0.02)
            if tone_seconds(listener.leg.media.heard(since), MUSIC) > 0.06:
                return
        raise TimeoutError(f"{listener.name} never heard music")
