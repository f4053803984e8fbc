"""Where Asterisk's events say too little of a hold, or something wrong, Asterisk is asked before a call hears of it.

- A channel whose endpoint has `suppress_moh_on_sendonly`: no event tells of its holds. A new channel counts as such a one until Asterisk
  has said what its endpoint has.
- ChannelUnhold of a phone that goes on holding: at a re-INVITE without SDP (a refresh, say) Asterisk tells an unhold, whatever the SDP in
  the ACK says then (seen on 22.10.1). CHANNEL(rtp,hold) is what the SDP said last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any

from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable, Reading
from asterisk_privacy.asterisk.endpoints import ON, SUPPRESSES_HOLD, endpoint_settings
from asterisk_privacy.call import pbx

ASKED_AGAIN_SECONDS = 0.2
_TECHNOLOGY = "PJSIP/"


class HoldCheck:
    """`tell` gets what was found, as events of the PBX. Everything is asked anew at each connection."""

    def __init__(self, ari: Ari, tell: Callable[[pbx.PbxEvent], None]) -> None:
        self._ari = ari
        self._tell = tell
        self._known: dict[str, str] = {}
        """Channels of phones, by id: the endpoint. Those that were asked about or are being."""
        self._unheld: dict[str, float] = {}
        """Unholds that are in doubt: since when."""
        self._answers: dict[str, asyncio.Task[bool]] = {}
        """Being asked, by endpoint."""
        self._work: set[asyncio.Task[None]] = set()

    def connected(self, reading: Reading) -> None:
        """After whoever is told has taken in `reading`."""
        self.disconnected()
        for channel in reading.channels:
            self._look_at(channel.id, channel.name, reading.at)

    def disconnected(self) -> None:
        for task in self._work:
            task.cancel()
        self._known.clear()
        self._unheld.clear()

    def takes(self, event: pbx.PbxEvent) -> bool:
        """Hears of each event of the PBX. True: it is in doubt, and will be told once Asterisk has confirmed it."""
        match event:
            case pbx.ChannelSeen():
                self._look_at(event.channel, event.name, event.at)
            case pbx.ChannelGone():
                self._known.pop(event.channel, None)
                self._unheld.pop(event.channel, None)
            case pbx.Unheld() if event.channel in self._known:
                if event.channel not in self._unheld:
                    self._spawn(self._confirm(event.channel))
                self._unheld[event.channel] = event.at
                return True
        return False

    # ---- endpoints that hide their holds

    def _look_at(self, channel: str, name: str, at: float) -> None:
        if channel in self._known or not name.startswith(_TECHNOLOGY):
            return
        self._known[channel] = endpoint = name.removeprefix(_TECHNOLOGY).rpartition("-")[0]
        self._tell(pbx.HoldsHidden(at, channel, certain=False))
        self._spawn(self._ask(channel, endpoint, at))

    async def _ask(self, channel: str, endpoint: str, at: float) -> None:
        hides: bool | None = None
        while hides is None:
            hides = await self._hides(endpoint)
            if channel not in self._known:
                return
            if hides is None:
                await asyncio.sleep(ASKED_AGAIN_SECONDS)
        self._tell(pbx.HoldsHidden(at, channel, certain=True) if hides else pbx.HoldsTold(at, channel))

    async def _hides(self, endpoint: str) -> bool | None:
        """None: Asterisk does not answer. An endpoint that it does not know (any more) may be anything."""
        task = self._answers.get(endpoint)
        if task is None:
            task = self._answers[endpoint] = asyncio.create_task(self._asked(endpoint))
            task.add_done_callback(lambda _task: self._answers.pop(endpoint, None))
        try:
            return await asyncio.shield(task)
        except (AriRefused, AriUnreachable):
            return None

    async def _asked(self, endpoint: str) -> bool:
        settings = await endpoint_settings(self._ari, endpoint)
        return settings is None or settings.get(SUPPRESSES_HOLD) in ON

    # ---- unholds that are none

    async def _confirm(self, channel: str) -> None:
        """Asks until the phone holds no more, or is gone."""
        first = True
        while channel in self._unheld:
            try:
                holds = await self._ari.variable(channel, "CHANNEL(rtp,hold)")
            except (AriRefused, AriUnreachable):
                holds = "1"
            if holds != "1" and (at := self._unheld.pop(channel, None)) is not None:
                self._tell(pbx.Unheld(at if first else monotonic(), channel))
                return
            first = False
            await asyncio.sleep(ASKED_AGAIN_SECONDS)

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
