"""Which endpoints are agents': [agents] of the configuration names them, or their own settings say so. Asked as soon as a channel appears.

A phone that is called rings before anybody can speak, and the answer takes a millisecond: it costs no word of a call. An endpoint of which
nothing is known is not an agent's, so that the gate is shut until it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic

from asterisk_privacy.asterisk.agent_marks import TECHNOLOGY, is_named
from asterisk_privacy.asterisk.ari import AriRefused, AriUnreachable
from asterisk_privacy.call.pbx import EndpointRead, endpoint_of

log = logging.getLogger(__name__)

FRESH_SECONDS = 10.0
"""For so long an answer counts for further channels of the endpoint. After a reload of pjsip.conf the next call asks anew."""
RETRIES = (0.5, 2.0, 5.0)
"""Seconds until an endpoint is asked again of which Asterisk told nothing."""


class Agents:
    """`ask`: whether a PJSIP endpoint's settings say so; raises AriRefused or AriUnreachable. `tell`: takes what was learned."""

    def __init__(self, ask: Callable[[str], Awaitable[bool]], patterns: Sequence[str]) -> None:
        self.tell: Callable[[EndpointRead], None] = lambda _event: None
        self.patterns = tuple(patterns)
        self._ask = ask
        self._known: dict[str, tuple[bool, float]] = {}  # and when it was told
        self._asking: dict[str, asyncio.Task[None]] = {}

    def read(self, marked: Mapping[str, bool], channel_names: Sequence[str], at: float) -> list[EndpointRead]:
        """The whole state was read again: what was known before may be old."""
        self._known = {endpoint: (agent, at) for endpoint, agent in marked.items()}
        endpoints = {*marked, *map(endpoint_of, channel_names)}
        for endpoint in endpoints - marked.keys():
            self._ask_about(endpoint)
        return [EndpointRead(at, e, is_named(e, self.patterns) or marked.get(e, False)) for e in sorted(endpoints)]

    def follow(self, patterns: Sequence[str], channel_names: Sequence[str]) -> list[EndpointRead]:
        """The configuration names others now."""
        if tuple(patterns) == self.patterns:
            return []
        self.patterns, now = tuple(patterns), monotonic()
        endpoints = sorted(set(map(endpoint_of, channel_names)))
        return [EndpointRead(now, e, is_named(e, self.patterns) or self._known.get(e, (False, now))[0]) for e in endpoints]

    def seen(self, channel_name: str) -> EndpointRead | None:
        """A channel exists under this name. Returns what is known of it at once; else it is asked, and told later."""
        endpoint, now = endpoint_of(channel_name), monotonic()
        if is_named(endpoint, self.patterns):
            return EndpointRead(now, endpoint, True)
        if not endpoint.startswith(TECHNOLOGY):
            return None
        agent, told_at = self._known.get(endpoint, (False, -FRESH_SECONDS))
        if now - told_at >= FRESH_SECONDS:
            self._ask_about(endpoint)
        return EndpointRead(now, endpoint, agent) if endpoint in self._known else None

    def _ask_about(self, endpoint: str) -> None:
        if endpoint.startswith(TECHNOLOGY) and endpoint not in self._asking:
            self._asking[endpoint] = asyncio.create_task(self._find_out(endpoint))

    async def _find_out(self, endpoint: str) -> None:
        try:
            for pause in (*RETRIES, None):
                try:
                    agent = await self._ask(endpoint)
                except (AriRefused, AriUnreachable, ValueError) as error:  # msgspec's are ValueErrors too
                    if pause is None:
                        log.warning("an endpoint's settings could not be read, so that it counts as nobody's: %s", error)
                        return
                    await asyncio.sleep(pause)
                    continue
                now = monotonic()
                self._known[endpoint] = (agent, now)
                self.tell(EndpointRead(now, endpoint, agent or is_named(endpoint, self.patterns)))
                return
        finally:
            del self._asking[endpoint]
