"""Whether a phone is dead silent between words, or a network lost that: asked of Asterisk. Only the answers are made up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from test_media import SPOKEN, Lines

from asterisk_privacy.asterisk.leg_facts import LegFacts
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SECONDS
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.daemon import lost_packets
from asterisk_privacy.daemon.health import Health
from asterisk_privacy.daemon.media import CallMedia

WORDS = (25 * SPOKEN + 20 * bytes(FRAME_BYTES)) * 4 + 25 * SPOKEN
QUIET = 150 * bytes(FRAME_BYTES)


class Call:
    """With an agent, and what Asterisk says that it lost of him, question by question; the last answer stays."""

    def __init__(self, *lost: int | None) -> None:
        self.lines, self.told, memory = Lines(), list[str](), RingMemory(1 << 26)
        self.answers, self.asked = list(lost), list[str]()
        self.media = CallMedia(
            "caller", self.lines, lambda: Ring(60, memory), Health(), 60.0, Suspense(2, 0), lambda: self.told.append("hold"),
            silent_between_words=lambda: self.told.append("between words"), ask_leg=self.ask,
        )  # fmt: skip
        self.at = 0.0

    async def ask(self, channel: str) -> LegFacts | None:
        self.asked.append(channel)
        lost = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return None if lost is None else LegFacts("PJSIP/anna", 1000, enciphered=False, decodes=True, lost=lost)

    async def goes_on(self, agent: str, sounds: bytes) -> None:
        """In a stretch of its own."""
        self.media.open(self.at, frozenset({agent}))
        for begin in range(0, len(sounds), 10 * FRAME_BYTES):
            piece = sounds[begin : begin + 10 * FRAME_BYTES]
            self.at += len(piece) // FRAME_BYTES * FRAME_SECONDS
            for channel in ("caller", agent):
                self.lines.made[channel][-1].arrives(self.at, piece if channel == agent else len(piece) // FRAME_BYTES * SPOKEN)
            self.media.release(self.at)
            await asyncio.sleep(0)
        await asyncio.sleep(2 * lost_packets.REPORT_SECONDS)
        self.media.release(self.at)
        self.media.shut(self.at)
        self.media.release(self.at + 1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_packets, "REPORT_SECONDS", 0.1)


@pytest.fixture
async def call() -> AsyncIterator[Callable[..., Call]]:
    calls = []

    def make(*lost: int | None) -> Call:
        calls.append(Call(*lost))
        return calls[-1]

    yield make
    for one in calls:
        one.media.wipe()


async def test_a_phone_of_which_nothing_is_lost_is_believed(call: Callable[..., Call]) -> None:
    """Whatever was lost of it before it was learned."""
    one = call(700, 702)
    await one.goes_on("anna", WORDS)
    await one.goes_on("anna", QUIET)
    assert one.told == ["between words"] and one.asked == ["anna", "anna"]


@pytest.mark.parametrize("lost", [(0, 60), (60, 0), (None,), (0, None)], ids=["lost", "counted anew", "not told", "told no more"])
async def test_in_doubt_its_silence_is_a_hold(call: Callable[..., Call], lost: tuple[int | None, ...]) -> None:
    one = call(*lost)
    await one.goes_on("anna", WORDS)
    await one.goes_on("anna", QUIET)
    assert one.told == ["hold"]


async def test_it_is_learned_anew_when_the_network_is_well_again(call: Callable[..., Call]) -> None:
    one = call(0, 60, 60, 60)
    await one.goes_on("anna", WORDS)
    await one.goes_on("anna", WORDS)
    await one.goes_on("anna", QUIET)
    assert one.told == ["between words"]


async def test_of_another_agent_nothing_is_believed_before_it_was_asked(call: Callable[..., Call]) -> None:
    one = call(0)
    await one.goes_on("anna", WORDS)
    one.answers = [0, 60]
    await one.goes_on("bert", WORDS)
    await one.goes_on("bert", QUIET)
    assert one.told == ["between words", "hold"] and one.asked == ["anna", "anna", "bert", "bert"]


async def test_nothing_is_asked_of_a_phone_whose_room_is_heard(call: Callable[..., Call]) -> None:
    one = call(0)
    await one.goes_on("anna", 150 * SPOKEN)
    assert one.asked == []
