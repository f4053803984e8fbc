"""Where Asterisk's events say too little of a hold, or something wrong, Asterisk is asked before a call hears of it.

- A channel whose endpoint has `suppress_moh_on_sendonly`: no event tells of its holds. A new channel counts as such a one until Asterisk
  has said what its endpoint has.
- ChannelUnhold of a phone that goes on holding: at a re-INVITE without SDP (a refresh, say) Asterisk tells an unhold, whatever the SDP in
  the ACK says then (seen on 22.10.1). CHANNEL(rtp,hold) is what the SDP said last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable, Reading
from asterisk_privacy.asterisk.endpoints import ON, SUPPRESSES_HOLD, endpoint_settings
from asterisk_privacy.call import pbx
from asterisk_privacy.call.hindsight import SAME_MOMENT

ASKED_AGAIN_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
"""An endpoint of which Asterisk says nothing is asked less and less often, down to this."""
ALARM_SECONDS = 10.0
"""After so long without an answer a person is told: until there is one, no call with that endpoint is kept."""
_TECHNOLOGY = "PJSIP/"


@dataclass(eq=False, slots=True)
class _Phone:
    """Whose a channel is. `named_at`: when it was last seen under that name; an older list of channels may come later."""

    endpoint: str
    named_at: float


class HoldCheck:
    """`tell` gets what was found, as events of the PBX; `alarm`, once for each endpoint, why Asterisk does not say what it has. Everything
    is asked anew at each connection."""

    def __init__(self, ari: Ari, tell: Callable[[pbx.PbxEvent], None], alarm: Callable[[str], None]) -> None:
        self._ari = ari
        self._tell = tell
        self._alarm = alarm
        self._known: dict[str, _Phone] = {}
        """Channels of phones, by id. Those that were asked about or are being."""
        self._unheld: dict[str, float] = {}
        """Unholds that are in doubt: since when."""
        self._answers: dict[str, asyncio.Task[bool | str]] = {}
        """Being asked, by endpoint."""
        self._unanswered: set[str] = set()
        """Endpoints of which an alarm told."""
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
        self._answers.clear()  # a question over this link says nothing about the next
        self._unheld.clear()
        self._unanswered.clear()

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
        """Also where a pick-up gave the channel to another phone, by whose name it goes from then on."""
        if not name.startswith(_TECHNOLOGY):
            return
        endpoint = name.removeprefix(_TECHNOLOGY).rpartition("-")[0]
        known = self._known.get(channel)
        if known is not None and known.endpoint == endpoint:
            known.named_at = max(known.named_at, at)
            return
        if known is not None and at < known.named_at - SAME_MOMENT:
            return
        phone = self._known[channel] = _Phone(endpoint, at)
        self._tell(pbx.HoldsHidden(at, channel, certain=False))
        self._spawn(self._ask(channel, phone, at))

    async def _ask(self, channel: str, phone: _Phone, at: float) -> None:
        endpoint = phone.endpoint
        began, pause = monotonic(), ASKED_AGAIN_SECONDS
        while True:
            hides = await self._hides(endpoint)
            if self._known.get(channel) is not phone:
                return
            if isinstance(hides, bool):
                break
            if monotonic() - began >= ALARM_SECONDS and endpoint not in self._unanswered:
                self._unanswered.add(endpoint)
                self._alarm(f"Asterisk does not say whether it tells of an endpoint's holds, so its calls are not kept: {hides}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._unanswered.discard(endpoint)
        self._tell(pbx.HoldsHidden(at, channel, certain=True) if hides else pbx.HoldsTold(monotonic(), channel))

    async def _hides(self, endpoint: str) -> bool | str:
        """A string: why it is not known. Many channels that wait for it are one question."""
        task = self._answers.get(endpoint)
        if task is None:
            task = self._answers[endpoint] = asyncio.create_task(self._asked(endpoint))
            task.add_done_callback(partial(self._answered, endpoint))
        return await asyncio.shield(task)

    def _answered(self, endpoint: str, task: asyncio.Task[bool | str]) -> None:
        if self._answers.get(endpoint) is task:
            del self._answers[endpoint]

    async def _asked(self, endpoint: str) -> bool | str:
        """An endpoint that Asterisk does not know (any more) may be anything."""
        try:
            settings = await endpoint_settings(self._ari, endpoint)
        except (AriRefused, AriUnreachable, ValueError) as error:  # msgspec's are ValueErrors too
            return str(error)
        return settings is None or settings.get(SUPPRESSES_HOLD) in ON

    # ---- unholds that are none

    async def _confirm(self, channel: str) -> None:
        """Asks until the phone holds no more, or is gone. An answer is as old as its question: what was told meanwhile is newer."""
        first = True
        while (at := self._unheld.get(channel)) is not None:
            asked = monotonic()
            try:
                holds = await self._ari.variable(channel, "CHANNEL(rtp,hold)")
            except (AriRefused, AriUnreachable, ValueError):
                holds = "1"
            if self._unheld.get(channel) != at:
                continue  # a newer unhold is in doubt, or the channel is gone
            if holds != "1":
                del self._unheld[channel]
                self._tell(pbx.Unheld(at if first else asked, channel))
                return
            first = False
            await asyncio.sleep(ASKED_AGAIN_SECONDS)

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
