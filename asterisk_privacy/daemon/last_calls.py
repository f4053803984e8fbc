"""Which call each agent left last: what the keys on the idle phone are about (keep-last, object-last).

A call with anybody but colleagues counts, recorded or not, this recorder's or another's. Else a key that is pressed after a call of which
nothing may be kept would keep the call of the customer before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asterisk_privacy.call.pbx import endpoint_of, has_phone
from asterisk_privacy.call.switchboard import Switchboard
from asterisk_privacy.daemon.other_recorders import OtherRecorders

MEMORY_SECONDS = 3600.0
"""As long as the longest [keys] grace_seconds."""


@dataclass(frozen=True, slots=True)
class LastCall:
    """`customers`: channels, ours or not, with whom the agent was when they left, at `left_at`. `theirs`: another recorder has the call."""

    customers: frozenset[str]
    left_at: float
    theirs: bool


class LastCalls:
    def __init__(self, others: OtherRecorders) -> None:
        self._others = others
        self._now: dict[str, tuple[str, frozenset[str]]] = {}  # by agent's channel: the endpoint, and with whom
        self._last: dict[str, LastCall] = {}  # by endpoint
        self._before: dict[str, frozenset[str]] = {}  # by agent's channel: with whom it was last, or is

    def follow(self, board: Switchboard, channels: Iterable[str], at: float) -> None:
        """The conversations of these channels may have changed."""
        for channel in channels:
            customers = _customers_of(board, channel)
            if customers:
                self._now[channel] = endpoint_of(board.name_of(channel) or ""), customers
                self._before[channel] = customers
            elif channel in self._now:
                endpoint, before = self._now.pop(channel)
                self._last.pop(endpoint, None)
                self._last[endpoint] = LastCall(before, at, bool(self._others.among(before)))
        while self._last and self._last[oldest := next(iter(self._last))].left_at < at - MEMORY_SECONDS:
            del self._last[oldest]

    def read_again(self, board: Switchboard, channels: Iterable[str], at: float) -> None:
        """What came in between is unknown, so that nobody can say any more which call was left last."""
        self._now.clear()
        self._last.clear()
        self._before.clear()
        self.follow(board, channels, at)

    def gone(self, channel: str) -> None:
        self._before.pop(channel, None)

    def before(self, channel: str) -> frozenset[str]:
        """Channels with whom this agent's channel was last."""
        return self._before.get(channel, frozenset())

    def of(self, endpoint: str) -> LastCall | None:
        return self._last.get(endpoint)


def _customers_of(board: Switchboard, channel: str) -> frozenset[str]:
    """Everybody but colleagues with whom this agent is in conversation; empty if it is no agent."""
    if not board.is_agents(channel):
        return frozenset()
    people = (c for c in board.hearing(channel) if has_phone(board.name_of(c) or ""))
    return frozenset(c for c in people if not board.is_agents(c))
