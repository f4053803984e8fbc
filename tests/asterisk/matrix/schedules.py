"""Calls at random: holds, parking and transfers in any order."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import moves
from table import CURED, Row

if TYPE_CHECKING:
    from stage import Scene

SEED = 20261122
MOVES = ("hold", "hold", "hold", "customer-hold", "park", "blind", "attended")


def rows(count: int, slower: float = 1.0) -> list[Row]:
    """`slower`: by how much longer the conversations are."""
    rng = random.Random(SEED)
    return [_row(number, rng.randrange(2**32), slower) for number in range(count)]


def _row(number: int, seed: int, slower: float) -> Row:
    told = random.Random(seed)
    plan = [told.choice(MOVES) for _ in range(told.randint(2, 3))]
    # one colleague for consultations; and a parking lot that was left a moment ago may give another slot than the first
    plan = ["hold" if move in ("attended", "park") and move in plan[:index] else move for index, move in enumerate(plan)]
    return Row(
        f"random-{number}", "Random", ", ".join(plan), "talk", "the rest", _script(plan, seed, slower), bounds={**CURED, "timeline": 0.15}
    )


def _script(plan: list[str], seed: int, slower: float) -> Callable[[Scene], Awaitable[None]]:
    async def play(s: Scene) -> None:
        rng = random.Random(seed)
        await s.connected(seconds=slower * rng.uniform(0.3, 0.8))
        agent = s.anna
        for move in plan:
            other = next(p for p in (s.anna, s.ben, s.dora) if p is not agent)
            if move == "hold":
                await s.hold(agent, rng.choice(("sendonly", "inactive", "c0")), rng.uniform(0.1, 0.7))
            elif move == "customer-hold":
                await s.hold(s.cora, rng.choice(("sendonly", "inactive")), rng.uniform(0.1, 0.7))
            elif move == "park":
                await moves.park(s, agent)
                await s.talk(rng.uniform(0.1, 0.5))
                agent = rng.choice((agent, other))
                await moves.retrieve(s, agent)
            elif move == "blind" or agent is not s.anna:
                await moves.blind(s, agent, other)
                agent = other
            else:
                await moves.consult_refer(s, seconds=rng.uniform(0.1, 0.4))
                agent = s.ben
            await s.talk(slower * rng.uniform(0.3, 0.9))
        await s.bye()

    return play
