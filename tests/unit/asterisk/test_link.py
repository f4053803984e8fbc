"""The link to ARI against a real websocket server: what it tells, in which order, and that every doubt ends in "down"."""

from __future__ import annotations

import asyncio
import time

import pytest
from ari_double import ToyAri, channel, hold
from link_story import PACE, Story, running, until

from asterisk_privacy.asterisk.ari import Ari, AriAccess
from asterisk_privacy.asterisk.link import Link, Pace


async def test_up_then_events_then_proof(toy: ToyAri) -> None:
    toy.channels = [channel("1")]
    async with running(toy) as (link, story, _):
        await until(lambda: link.proven_until > 0)
        assert story.kinds == ["up"]
        await toy.send(hold("1"))
        await until(lambda: story.held == ["1"])
        sent = time.monotonic()
        await until(lambda: link.proven_until > sent)
        assert link.proven_until <= time.monotonic()
        assert toy.apps == ["app"]


async def test_nothing_is_proven_before_the_events_that_came_before_it_were_told(toy: ToyAri) -> None:
    async with running(toy) as (link, story, _):
        await until(lambda: link.up)
        seen: list[float] = []
        story.at_event = lambda: seen.append(link.proven_until)
        for _n in range(20):
            before = time.monotonic()
            await toy.send(hold("1"))
            await toy.sockets[-1].pong(repr(time.monotonic()).encode())
            await until(lambda: len(seen) == _n + 1)  # noqa: B023
            assert seen[-1] < before
            await until(lambda: link.proven_until >= before)  # noqa: B023


async def test_events_that_come_while_the_state_is_read_are_applied_after_it(toy: ToyAri) -> None:
    toy.state_gate = asyncio.Event()
    async with running(toy) as (link, story, _):
        await toy.reading.wait()
        await until(lambda: bool(toy.sockets))
        await toy.send(hold("1"))
        await toy.send(hold("2"))
        await asyncio.sleep(0.05)
        assert story.told == []
        assert not link.up
        toy.state_gate.set()
        await until(lambda: len(story.told) == 3)
        assert (story.kinds, story.held) == (["up", "event", "event"], ["1", "2"])


async def test_a_close_is_told_and_the_state_read_again(toy: ToyAri) -> None:
    async with running(toy) as (link, story, _):
        await until(lambda: link.up)
        toy.channels = [channel("7")]
        await toy.drop()
        await until(lambda: story.kinds == ["up", "down", "up"])
        assert [len(r.channels) for r in story.readings] == [0, 1]
        assert toy.apps == ["app", "app"]
        assert link.counts["lost"] == 1


async def test_proof_never_covers_the_time_without_a_link(toy: ToyAri) -> None:
    async with running(toy, Pace(0.02, 0.3, (0.2,), 0.1, 0.05)) as (link, story, _):
        await until(lambda: link.proven_until > 0)
        await toy.drop()
        await until(lambda: story.kinds == ["up", "down"])
        at_down = link.proven_until
        lost = time.monotonic()
        await asyncio.sleep(0.1)
        assert link.proven_until == at_down
        await until(lambda: story.kinds == ["up", "down", "up"])
        assert link.proven_until == at_down or link.proven_until > lost


async def test_a_half_open_connection_is_lost_and_told_at_once(toy: ToyAri) -> None:
    """Never answers a ping, never answers a close. Events alone do not count as life: they may be old."""
    async with running(toy) as (link, story, _):
        await until(lambda: link.proven_until > 0)
        toy.pongs = False
        since = time.monotonic()
        while story.kinds[-1] != "down":
            await toy.send(hold("1"))
            await asyncio.sleep(0.02)
            assert time.monotonic() - since < 2
        assert "no sign of life" in str(story.told[-1][1])
        assert link.proven_until < since + 0.1
        toy.pongs = True
        await until(lambda: story.kinds[-1] == "up" or link.up)


async def test_who_stood_still_has_not_lost_the_link(toy: ToyAri) -> None:
    """No ping was sent meanwhile that could have been answered, and what came is still to be read."""
    async with running(toy) as (link, story, _):
        await until(lambda: link.proven_until > 0)
        for _ in range(3):
            await toy.send(hold("1"))
            time.sleep(3 * PACE.silence)  # noqa: ASYNC251
            await toy.send(hold("2"))
            now = time.monotonic()
            await until(lambda: link.proven_until > now)  # noqa: B023
        assert (story.kinds, story.held) == (["up", *["event"] * 6], ["1", "2"] * 3)
        assert link.counts["lost"] == 0


async def test_a_handshake_that_hangs_is_given_up_and_tried_under_a_fresh_name(toy: ToyAri) -> None:
    toy.hang_handshakes = 2
    async with running(toy) as (link, story, _):
        await until(lambda: link.up and bool(story.kinds))  # told just after
        assert toy.apps == ["app", "app~1", "app~2"]
        assert (story.kinds, link.counts["handshake_failed"]) == (["up"], 2)


async def test_a_state_that_cannot_be_read_in_time_is_no_state(toy: ToyAri) -> None:
    toy.hang_state = True
    async with running(toy) as (link, story, _):
        await until(lambda: link.counts["lost"] >= 2)
        assert story.told == []
        toy.hang_state = False
        await until(lambda: story.kinds == ["up"])


async def test_a_late_state_of_a_lost_connection_is_never_applied(toy: ToyAri) -> None:
    toy.state_gate = asyncio.Event()
    toy.channels = [channel("old")]
    async with running(toy) as (link, story, _):
        await until(lambda: toy.reading.is_set() and bool(toy.sockets))
        await toy.drop()
        toy.channels = [channel("new")]
        await until(lambda: len(toy.sockets) == 2)
        toy.state_gate.set()
        await until(lambda: link.up)
        await asyncio.sleep(0.1)
        assert [[c.id for c in r.channels] for r in story.readings] == [["new"]]


async def test_back_off_grows_while_it_flaps_and_begins_anew_after_a_stable_time(toy: ToyAri) -> None:
    async with running(toy, Pace(0.02, 0.3, (0.01, 0.02, 0.05), 0.15, 0.05)) as (link, _, _task):
        for n in range(3):
            await until(lambda: link.up and len(toy.sockets) == n + 1)  # noqa: B023
            await toy.drop()
            await until(lambda: not link.up)
        await until(lambda: link.up)
        assert link._tries == 3
        await asyncio.sleep(0.2)
        await toy.drop()
        await until(lambda: link._tries == 1)


NOT_UNDERSTOOD = ["{", "[]", '{"type": "ChannelHold"}', '{"type": "ChannelHold", "channel": 5}', '{"type": "NewInVersion30"}']


@pytest.mark.parametrize("text", NOT_UNDERSTOOD)
async def test_what_is_not_understood_shuts_and_reads_again(toy: ToyAri, text: str) -> None:
    async with running(toy) as (link, story, _):
        await until(lambda: link.up)
        await toy.send(text)
        await until(lambda: story.kinds == ["up", "down", "up"])


async def test_an_unknown_type_costs_one_reading_only(toy: ToyAri) -> None:
    async with running(toy) as (link, story, _):
        await until(lambda: link.up)
        await toy.send('{"type": "NewInVersion30"}')
        await until(lambda: story.kinds == ["up", "down", "up"])
        await toy.send('{"type": "NewInVersion30"}')
        await toy.send(hold("1"))
        await until(lambda: story.held == ["1"])
        assert (story.kinds, link.counts["unknown"]) == (["up", "down", "up", "event"], 2)


async def test_distrust_is_down_at_once(toy: ToyAri) -> None:
    async with running(toy) as (link, story, _):
        await until(lambda: link.up)
        link.distrust("planted")
        link.distrust("again")
        await asyncio.sleep(0)
        assert story.told[-1] == ("down", "planted")
        await until(lambda: story.kinds == ["up", "down", "up"])


async def test_a_mistake_of_the_listener_reaches_the_net_and_not_the_link(toy: ToyAri) -> None:
    caught: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: caught.append(context["exception"]))
    async with running(toy) as (link, story, task):
        await until(lambda: link.up)
        story.fail_at = "event"
        await toy.send(hold("1"))
        await until(lambda: len(caught) == 1)
        assert isinstance(caught[0], RuntimeError)
        story.fail_at = None
        await toy.send(hold("2"))
        await until(lambda: story.held == ["2"])
        assert not task.done()


async def test_nothing_listens() -> None:
    ari = Ari(AriAccess("http://127.0.0.1:1", "u", "p"), "app")
    await ari.open()
    link = Link(ari, Story(), 1.0, PACE)
    task = asyncio.create_task(link.run())
    await until(lambda: link.counts["lost"] >= 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await ari.close()
    assert link.counts["handshake_failed"] == 0


async def test_a_reading_of_the_state_ends_with_its_connection(toy: ToyAri) -> None:
    toy.state_gate = asyncio.Event()
    async with running(toy) as (link, _, _task):
        await until(lambda: toy.reading.is_set() and bool(toy.sockets))
        toy.status = 503  # no further connection gets that far
        await toy.drop()
        await until(lambda: link.counts["lost"] >= 1)
        await asyncio.sleep(0.05)
        assert [t for t in asyncio.all_tasks() if "_enter" in repr(t.get_coro())] == []


async def test_connections_leave_no_tasks_behind(toy: ToyAri) -> None:
    async with running(toy, Pace(0.02, 0.3, (0.01,), 0.1, 0.05)) as (link, story, _):
        await until(lambda: link.up)
        for n in range(5):
            await toy.drop()
            await until(lambda: story.kinds.count("up") == n + 2)  # noqa: B023
        await asyncio.sleep(0.05)
        ours = [t for t in asyncio.all_tasks() if "Link." in repr(t.get_coro())]
        assert len(ours) == 3, ours  # run, one ping and one look at the clock; no state reading is left
