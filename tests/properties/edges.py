"""How much of a conversation is lost at its edges, in any weather, measured against what could be known.

Only what the recorder knows to be conversation can be kept. So a begin is measured from the moment at which the last of its news had
arrived; what lies between two pieces of news that came in the wrong order, around a lost link, or after keys that came in the wrong
order is in doubt and nobody's to keep; and what came in after its end was already true comes too late.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from scenarios.world import PING

from asterisk_privacy.call.events import AgentKey
from properties.schedule import Call

NEAR = 0.012  # one thing that people do takes Asterisk up to so many seconds of events, a millisecond apart (exchange.py)
SHORTEST = 0.4  # a piece below this is all edge


@dataclass(frozen=True)
class Piece:
    """A stretch of conversation that could be known, of one party. Seconds lost at its begin and its end, and of the longest hole."""

    channel: str
    begin: float
    end: float
    before: float
    after: float
    hole: float


def pieces(call: Call) -> Iterator[Piece]:
    """None where the news that the notice was heard was lost with the link."""
    if not call.world.announced:
        return
    kept: dict[str, list[tuple[float, float]]] = {}
    for frame in sorted(call.world.kept_frames(), key=lambda f: f.begin):
        kept.setdefault(frame.channel, []).append((frame.begin, frame.end))
    doubts = sorted([*_overtaken(call), *_unlinked(call), *_swapped_keys(call)])
    for begin, end, heard in call.truth.intervals():
        if begin < max(call.truth.wiped_at, call.truth.withdrawn_at):
            continue
        for known, until in _without(_known_since(call, begin), end, doubts):
            since = _awake(call, known)
            for channel in sorted(heard):
                if (last := _read_until(call, channel, until)) - since >= SHORTEST:
                    yield _piece(channel, since, last, kept.get(channel, []))


def _piece(channel: str, begin: float, end: float, kept: list[tuple[float, float]]) -> Piece:
    there = [(a, b) for a, b in kept if b > begin and a < end]
    if not there:
        return Piece(channel, begin, end, end - begin, end - begin, 0.0)
    hole = max((b[0] - a[1] for a, b in pairwise(there)), default=0.0)
    return Piece(channel, begin, end, max(0.0, there[0][0] - begin), max(0.0, end - there[-1][1]), hole)


def _known_since(call: Call, begin: float) -> float:
    return max([begin, *(n.arrived for n in call.world.news if begin - 0.002 <= n.at <= begin + NEAR)])


def _awake(call: Call, known: float) -> float:
    """A loop that stands still when the debounce is over opens the gate when it goes on."""
    settle = call.world.timing.settle
    return next((until - settle for since, until in sorted(call.world.busy) if since <= known + settle < until), known)


def _read_until(call: Call, channel: str, end: float) -> float:
    world = call.world
    late = (f.begin for n, f in enumerate(world.frames) if f.channel == channel and f.begin < end < world.read_at.get(n, end))
    return min([end, *late])


def _overtaken(call: Call) -> Iterator[tuple[float, float]]:
    newest = 0.0
    for news in call.world.news:
        if news.at < newest:
            yield news.at, news.arrived
        newest = max(newest, news.at)


def _unlinked(call: Call) -> Iterator[tuple[float, float]]:
    """From the last moment that was proven until everything was read again."""
    world = call.world
    for begin, back in world.down:
        yield begin - world.timing.quarantine - 2 * PING, min((at for at in world.back_at if at >= back), default=inf)


def _swapped_keys(call: Call) -> Iterator[tuple[float, float]]:
    """A pause that comes after the resume that was pressed after it pauses all the same, until resume is pressed again."""
    resumed = -inf
    for number, (news, key) in enumerate(call.world.keys):
        if key is AgentKey.RESUME:
            resumed = max(resumed, news.at)
        elif key is AgentKey.PAUSE and news.at < resumed:
            yield news.at, min([n.arrived for n, k in call.world.keys[number:] if k is AgentKey.RESUME], default=inf)


def _without(begin: float, end: float, gaps: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    for a, b in gaps:
        if b <= begin or a >= end:
            continue
        if a > begin:
            yield begin, a
        begin = max(begin, b)
    if begin < end:
        yield begin, end
