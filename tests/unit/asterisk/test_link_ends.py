"""The link ends, with one line, where only a person can help: a wrong password, a second daemon."""

from __future__ import annotations

import asyncio

import pytest
from ari_double import ToyAri
from link_story import running, until

from asterisk_privacy.errors import OperatorError


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
    toy.taken = [True] * 99
    assert "in use" in await failing(toy)
    assert toy.apps == []


async def test_a_name_that_a_dead_daemon_had_a_moment_ago(toy: ToyAri) -> None:
    toy.taken = [True, True, True]
    async with running(toy) as (link, _, _task):
        await until(lambda: link.up)


async def test_a_name_that_asterisk_goes_on_listing_though_nobody_listens(toy: ToyAri, caplog: pytest.LogCaptureFixture) -> None:
    toy.taken = [True] * 99
    toy.owner_answers = False
    toy.variables["variable", "PRIVACY_ALIVE"] = "an answer to somebody else"
    async with running(toy) as (link, _, _task):
        await until(lambda: link.up)
    assert "nobody listens there: taken over" in caplog.text


async def test_who_listens_says_so(toy: ToyAri) -> None:
    async with running(toy) as (link, _, _task):
        await until(lambda: link.up)
        await toy.send(
            {
                "type": "ChannelUserevent",
                "timestamp": "2026-11-22T06:17:23.123+0000",
                "eventname": "PrivacyAlive-5a",
                "userevent": {"eventname": "PrivacyAlive-5a"},
            }
        )
        await until(lambda: toy.variables.get(("variable", "PRIVACY_ALIVE")) == "5a")


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
        toy.taken = [True] * 99
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
