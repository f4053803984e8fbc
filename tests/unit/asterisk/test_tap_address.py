"""Where a tap's audio goes when several recorders share an Asterisk, and which taps one of them may take away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from ari_double import ToyAri

from asterisk_privacy.asterisk.ari import Ari, AriAccess
from asterisk_privacy.asterisk.ari_snapshots import Channel, Dialplan
from asterisk_privacy.asterisk.audiosocket import AudioSocketServer
from asterisk_privacy.asterisk.taps import MOST_A_SECOND, MOST_AT_WORK, SnoopCapture, StasisWaiters

S = {"context": "privacy-tap", "extension": "s", "priority": "1"}
OURS = {"context": "privacy-tap", "extension": "to-10.0.0.5:9092", "label": "here"}


class Waiters(StasisWaiters):
    """Every channel that is made starts at once."""

    def expect(self, channel: str):  # type: ignore[no-untyped-def]
        future = super().expect(channel)
        self.started(channel)
        return future


@asynccontextmanager
async def capturing(toy: ToyAri, address: str, app: str = "asterisk-privacy") -> AsyncIterator[SnoopCapture]:
    ari = Ari(AriAccess(toy.url, "user", "password"), app)
    await ari.open()
    capture = SnoopCapture(ari, AudioSocketServer(), Waiters(), address)
    yield capture
    await capture.drained()
    await ari.close()


async def attach(capture: SnoopCapture, ended: list[str]) -> None:
    """One tap, as far as Asterisk is asked for it."""
    tap = capture.attach("caller", lambda _at, _samples: None, lambda: ended.append("ended"))
    await capture.drained()
    tap.stop()
    await capture.drained()


@pytest.fixture
async def toy() -> AsyncIterator[ToyAri]:
    async with ToyAri() as toy:
        yield toy


async def test_without_an_address_of_its_own_the_dialplan_knows(toy: ToyAri) -> None:
    async with capturing(toy, "") as capture:
        await attach(capture, [])
    assert toy.continued == [S]


async def test_with_one_it_says_it_in_the_same_request(toy: ToyAri) -> None:
    async with capturing(toy, "10.0.0.5:9092") as capture:
        await attach(capture, [])
    assert toy.continued == [OURS]
    assert len([r for r in toy.requests if not r.startswith("DELETE")]) == 2, "an attach is two requests"


async def test_none_is_renewed_while_asterisk_has_enough_to_do(toy: ToyAri) -> None:
    async with capturing(toy, "") as capture:
        first = capture.attach("caller", lambda _at, _samples: None, lambda: None)
        seconds = [first.beside(lambda _at, _samples: None, lambda: None) for _ in range(MOST_AT_WORK)]
        assert seconds[-1] is None and capture.report() == {"renewed": MOST_AT_WORK - 1}
        await capture.drained()
        assert first.beside(lambda _at, _samples: None, lambda: None) is not None, "it has done what it was asked"


async def test_none_is_renewed_while_this_process_has_more_to_do_than_it_can(toy: ToyAri) -> None:
    async with capturing(toy, "") as capture:
        first = capture.attach("caller", lambda _at, _samples: None, lambda: None)
        capture._server.late = 0.3
        assert first.beside(lambda _at, _samples: None, lambda: None) is None
        capture._server.late = 0.1
        assert first.beside(lambda _at, _samples: None, lambda: None) is not None


async def test_so_many_are_renewed_in_a_second(toy: ToyAri, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asterisk_privacy.asterisk.taps.MOST_AT_WORK", 1000)
    async with capturing(toy, "") as capture:
        tap = capture.attach("caller", lambda _at, _samples: None, lambda: None)
        began = time.monotonic()
        made = [tap.beside(lambda _at, _samples: None, lambda: None) for _ in range(50)]
        assert time.monotonic() - began > 1 or [one is not None for one in made] == [True] * MOST_A_SECOND + [False] * 40
        capture._renewed_at.extend([began - 2] * MOST_A_SECOND)
        assert tap.beside(lambda _at, _samples: None, lambda: None) is not None


async def test_an_older_include_is_asked_once_until_the_next_connection(toy: ToyAri) -> None:
    toy.old_include = True
    async with capturing(toy, "10.0.0.5:9092") as capture:
        await attach(capture, [])
        await attach(capture, [])
        assert toy.continued == [OURS, S, S]
        assert (capture.attached, capture.failed) == (2, 0)
        toy.old_include = False
        await capture.sweep([])
        await attach(capture, [])
    assert toy.continued[3:] == [OURS]


async def test_a_channel_that_is_gone_says_nothing_of_the_include(toy: ToyAri) -> None:
    ended: list[str] = []
    toy.gone = True
    async with capturing(toy, "10.0.0.5:9092") as capture:
        await attach(capture, ended)
        assert (capture.failed, ended) == (1, ["ended"])
        toy.gone = False
        await attach(capture, ended)
    assert toy.continued == [OURS, S, OURS]


def snoop(number: str, *, exten: str = "s", app: str = "AudioSocket", data: str = "", context: str = "privacy-tap") -> Channel:
    return Channel(number, "Snoop/1-00000001", "Up", Dialplan(context, exten, app, data))


@pytest.mark.parametrize(
    ("address", "app", "ours"),
    [
        ("10.0.0.5:9092", "asterisk-privacy", ["mine", "begun", "fresh", "probe"]),
        ("10.0.0.6:9092", "asterisk-privacy-2", ["theirs", "theirs-begun", "their-probe"]),
        ("", "asterisk-privacy", ["unsaid", "begun", "fresh", "probe"]),
    ],
)
async def test_only_its_own_are_swept(toy: ToyAri, address: str, app: str, ours: list[str]) -> None:
    there = [
        snoop("mine", exten="to-10.0.0.5:9092"),
        snoop("theirs", exten="to-10.0.0.6:9092"),
        snoop("unsaid"),
        snoop("begun", app="Stasis", data="asterisk-privacy", context="default"),
        snoop("fresh", app="Stasis", data="asterisk-privacy~1,x", context="default"),
        snoop("theirs-begun", app="Stasis", data="asterisk-privacy-2", context="default"),
        snoop("strange", context="spy", exten="to-10.0.0.5:9092"),
        Channel("probe", "Local/s@privacy-probe-00000001;1", "Down", Dialplan("privacy-probe", "s", "Stasis", "asterisk-privacy")),
        Channel("their-probe", "Local/s@privacy-probe-00000002;1", "Down", Dialplan("privacy-probe", "s", "Stasis", "asterisk-privacy-2")),
        Channel("phone", "PJSIP/agent-1", "Up", Dialplan("privacy-tap", "to-10.0.0.5:9092", "AudioSocket", "")),
    ]
    async with capturing(toy, address, app) as capture:
        assert await capture.sweep(there) == len(ours)
    assert [r for r in toy.requests if r.startswith("DELETE")] == [f"DELETE channels/{name}" for name in ours]
