"""The link to ARI against a real websocket server: what it tells, in which order, and that every doubt ends in "down"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from toy_ari import ToyAri, channel, hold

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk.ari import Ari, AriAccess, Reading
from asterisk_privacy.asterisk.link import Link, Pace
from asterisk_privacy.call import pbx
from asterisk_privacy.errors import OperatorError

PACE = Pace(ping=0.02, silence=0.3, backoff=(0.02, 0.05, 0.3), stable=0.1, second_look=0.05)


class Story:
    """The listener: everything it was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.link: Link | None = None
        self.fail_at: str | None = None
        self.at_event: Callable[[], None] = lambda: None

    def link_up(self, reading: Reading) -> None:
        self.told.append(("up", reading))

    def pbx_told(self, event: ae.AriEvent) -> None:
        if self.fail_at == "event":
            raise RuntimeError("planted")
        self.at_event()
        self.told.append(("event", event))

    def link_down(self, why: str) -> None:
        self.told.append(("down", why))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told]

    @property
    def readings(self) -> list[Reading]:
        return [what for _, what in self.told if isinstance(what, Reading)]

    @property
    def held(self) -> list[str]:
        return [what.channel for _, what in self.told if isinstance(what, pbx.Held)]


@pytest.fixture
async def toy() -> AsyncIterator[ToyAri]:
    async with ToyAri() as made:
        yield made


@asynccontextmanager
async def running(toy: ToyAri, pace: Pace = PACE) -> AsyncIterator[tuple[Link, Story, asyncio.Task[None]]]:
    ari = Ari(AriAccess(toy.url, "u", "p"), "app", request_seconds=0.3, handshake_seconds=0.3)
    await ari.open()
    story = Story()
    link = Link(ari, story, 1.0, pace)
    task = asyncio.create_task(link.run())
    try:
        yield link, story, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await ari.close()


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.005)


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


async def test_a_handshake_that_hangs_is_given_up_and_tried_under_a_fresh_name(toy: ToyAri) -> None:
    toy.hang_handshakes = 2
    async with running(toy) as (link, story, _):
        await until(lambda: link.up)
        assert toy.apps == ["app", "app-1", "app-2"]
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


async def failing(toy: ToyAri) -> str:
    async with running(toy) as (_, _story, task):
        with pytest.raises(OperatorError) as caught:
            async with asyncio.timeout(5):
                await task
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_password_is_for_a_person(toy: ToyAri, status: int) -> None:
    toy.status = status
    assert "ari_password_file" in await failing(toy)


async def test_a_password_that_becomes_wrong(toy: ToyAri) -> None:
    async with running(toy) as (link, story, task):
        await until(lambda: link.up)
        toy.status = 401
        await toy.drop()
        await until(task.done)
        assert isinstance(task.exception(), OperatorError)
        assert story.kinds == ["up", "down"]


async def test_a_user_that_may_only_read(toy: ToyAri) -> None:
    toy.subscribe_status = 403
    assert "read_only" in await failing(toy)


async def test_a_name_that_another_daemon_has(toy: ToyAri) -> None:
    toy.taken = [True, True]
    assert "in use" in await failing(toy)
    assert toy.apps == []


async def test_a_name_that_a_dead_daemon_had_a_moment_ago(toy: ToyAri) -> None:
    toy.taken = [True, False]
    async with running(toy) as (link, _, _task):
        await until(lambda: link.up)


async def test_our_own_stale_name_after_a_lost_link_is_taken_back(toy: ToyAri) -> None:
    async with running(toy) as (link, story, _):
        await until(lambda: link.up)
        toy.taken = [True] * 10
        await toy.drop()
        await until(lambda: story.kinds == ["up", "down", "up"])


async def test_a_daemon_that_starts_before_asterisk_still_looks_whether_the_name_is_taken(toy: ToyAri) -> None:
    toy.status = 503
    async with running(toy) as (link, _, task):
        await until(lambda: link.counts["lost"] >= 2)
        toy.taken = [True, True]
        toy.status = 200
        await until(task.done)
        assert isinstance(task.exception(), OperatorError)


async def test_replaced_by_another_daemon(toy: ToyAri) -> None:
    async with running(toy) as (link, story, task):
        await until(lambda: link.up)
        await toy.send({"type": "ApplicationReplaced", "application": "app"})
        await until(task.done)
        assert "took over" in str(task.exception())
        assert story.kinds == ["up", "down"]


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
        assert len(ours) == 2, ours  # run, and one ping; no state reading is left


# ---- who holds, as read after a lost link (real values: CHANNEL(onhold) and CHANNEL(rtp,hold) of Asterisk 22.10.1)

CUSTOMER, AGENT, COLLEAGUE = "c", "a", "b"
ONHOLD, PHONE = "CHANNEL(onhold)", "CHANNEL(rtp,hold)"


async def reading(toy: ToyAri, names: dict[str, str], kind: str = "mixing") -> Reading:
    toy.channels = [channel(number, name) for number, name in names.items()]
    toy.bridges = [{"id": "br", "bridge_type": kind, "channels": list(names)}]
    async with running(toy) as (_link, story, _):
        await until(lambda: bool(story.readings))
        return story.readings[0]


TWO = {CUSTOMER: "PJSIP/customer-0", AGENT: "PJSIP/agent-1"}
THREE = {**TWO, COLLEAGUE: "PJSIP/agent2-2"}


async def test_nobody_holds(toy: ToyAri) -> None:
    got = await reading(toy, TWO)
    assert (got.holding, got.suspects) == (frozenset(), frozenset())


async def test_the_agent_holds(toy: ToyAri) -> None:
    toy.variables = {(CUSTOMER, ONHOLD): "1", (AGENT, PHONE): "1"}
    got = await reading(toy, TWO)
    assert got == replace(got, holding=frozenset({AGENT}), suspects=frozenset())


async def test_a_hold_in_a_conference_is_told_by_the_phone_only(toy: ToyAri) -> None:
    toy.variables = {(AGENT, PHONE): "1"}
    assert (await reading(toy, THREE)).holding == {AGENT}


async def test_told_to_hold_and_nobody_admits_it(toy: ToyAri) -> None:
    """Asterisk's own transfer feature, or a phone of another technology."""
    toy.variables = {(CUSTOMER, ONHOLD): "1"}
    assert (await reading(toy, TWO)).suspects == {AGENT}


@pytest.mark.parametrize("answer", [500, 404, "", "?"])
async def test_a_phone_that_does_not_say(toy: ToyAri, answer: str | int) -> None:
    toy.variables = {(AGENT, PHONE): answer}
    got = await reading(toy, TWO)
    assert got == replace(got, holding=frozenset(), suspects=frozenset({AGENT}))


async def test_other_technologies_are_believed_in_twos_and_suspected_in_threes(toy: ToyAri) -> None:
    assert (await reading(toy, {CUSTOMER: "PJSIP/customer-0", AGENT: "SIP/old-1"})).suspects == frozenset()
    assert (await reading(toy, {**TWO, COLLEAGUE: "SIP/old-1"})).suspects == {COLLEAGUE}


async def test_local_channels_hold_nothing(toy: ToyAri) -> None:
    toy.variables = {("l2", ONHOLD): "1", ("l2", PHONE): 500, (AGENT, PHONE): "1"}
    got = await reading(toy, {"l2": "Local/7702@from-outside-00000000;2", AGENT: "PJSIP/agent-1"})
    assert got == replace(got, holding=frozenset({AGENT}), suspects=frozenset())


async def test_the_last_key_of_each_agent(toy: ToyAri) -> None:
    toy.variables = {(AGENT, "PRIVACY_HUSH"): "pause", (CUSTOMER, "PRIVACY_HUSH"): 404, (COLLEAGUE, "PRIVACY_HUSH"): ""}
    assert (await reading(toy, THREE)).pressed == {AGENT: "pause"}


async def test_a_parking_lot_is_not_asked(toy: ToyAri) -> None:
    toy.variables = {(AGENT, PHONE): 500}
    assert (await reading(toy, TWO, "holding")).suspects == frozenset()
