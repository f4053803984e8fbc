"""A telephone in Python: SIP and RTP on 127.0.0.1, no dependencies, with exact control over what is said and when.

    async with Phone("customer", 5071, pbx_port, source=Tone(700)) as customer, Phone("agent", 5072, pbx_port, answer_after=0) as agent:
        await customer.dial("100")
        began = await agent.hold()          # monotonic moment at which the re-INVITE left
        customer.say(Tone(900))
        ...
        assert level(customer.heard(since=began + 0.2), 440) > -30

Asterisk must know the phone by the user part of From (`endpoint_identifier_order=username`, endpoint named like the phone, no
auth), have a contact `sip:NAME@127.0.0.1:PORT` in its AOR, and `direct_media=no`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import zlib
from collections.abc import Callable
from typing import Final, Self
from urllib.parse import quote

from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab.codecs import CODECS
from asterisk_privacy.lab.leg import Leg, State
from asterisk_privacy.lab.rtp import PERIOD, Sent, Silence, Source
from asterisk_privacy.lab.sip import Dialog, Message, SipError, parameter, response
from asterisk_privacy.lab.wire import Traced, Wire

HOST: Final = "127.0.0.1"
_PATIENCE: Final = 10.0


class Phone:
    """`port` 0 takes any free one. Without `answer_after` an incoming call rings until `answer()`.

    `first_sequence` is the RTP sequence number of a call's first packet; by default one that follows from the name, so that runs repeat.
    `number` is sent as P-Asserted-Identity (Asterisk: trust_id_inbound=yes). `packet_frames`: frames of 20 ms in a packet. `calls_as` is
    the From of its own calls, as it is sent: a display name and an address in brackets.
    """

    def __init__(
        self,
        name: str,
        port: int,
        server_port: int,
        *,
        codec: str = "ulaw",
        source: Source | None = None,
        answer_after: float | None = None,
        first_sequence: int | None = None,
        number: str = "",
        packet_frames: int = 1,
        calls_as: str = "",
    ) -> None:
        self.name = name
        self.answer_after = answer_after
        self.first_sequence = first_sequence
        self.legs: list[Leg] = []
        """All calls, oldest first."""
        self._source: Source = source if source is not None else Silence()
        self._codec = CODECS[codec]
        self._number = number
        self._packet_frames = packet_frames
        self._calls_as = calls_as
        self._server = (HOST, server_port)
        self._waiting: list[asyncio.Future[None]] = []
        self._wire = Wire(HOST, port, self._received, self._repeated)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        await self._wire.open()

    async def close(self) -> None:
        """Hang up what is left (waiting shortly for the answers) and stop all threads."""
        for leg in self.legs:
            leg.hangup()
        with contextlib.suppress(TimeoutError):  # the server may be gone: closing must work nevertheless
            await self._until(lambda: all(leg.state is State.ENDED for leg in self.legs), 2.0, "the end of all calls")
        for leg in self.legs:
            await leg.close()
        await self._wire.close()

    @property
    def port(self) -> int:
        return self._wire.port

    @property
    def trace(self) -> list[Traced]:
        """All SIP messages both ways."""
        return self._wire.trace

    @property
    def leg(self) -> Leg:
        """The latest call that lives, else the latest."""
        if not self.legs:
            raise SipError(f"{self.name} has no call")
        return next((leg for leg in reversed(self.legs) if leg.state is not State.ENDED), self.legs[-1])

    # -- calls --------------------------------------------------------------------------------------------------------------

    async def call(self, extension: str) -> Leg:
        """Send an INVITE and return at once."""
        leg = self._new()
        dialog = Dialog(
            call_id=f"{self.name}-{leg.number}-{os.getpid()}-{time.monotonic_ns():x}@{HOST}",
            local=self._calls_as or f"<sip:{self.name}@{HOST}>",
            remote=f"<sip:{extension}@{HOST}:{self._server[1]}>",
            target=f"sip:{extension}@{HOST}:{self._server[1]}",
            local_tag=f"t{leg.number}",
        )
        leg.place(dialog, [("P-Asserted-Identity", f"<sip:{self._number}@{HOST}>")] if self._number else [])
        return leg

    async def dial(self, extension: str, timeout: float = _PATIENCE) -> Leg:
        """Call, and wait for the answer."""
        await self.call(extension)
        return await self.answered(timeout)

    async def answer(self) -> Leg:
        """Pick up the call that rings."""
        leg = await self.ringing()
        leg.answer()
        return await self.answered()

    async def ringing(self, timeout: float = _PATIENCE) -> Leg:
        """Wait until the latest call rings (or is already past that)."""
        await self._until(lambda: bool(self.legs) and self.leg.state is not State.CALLING, timeout, "ringing")
        return self.leg

    async def answered(self, timeout: float = _PATIENCE) -> Leg:
        """Wait until the latest call is up. SipError when it ends instead."""
        await self._until(lambda: bool(self.legs) and self.leg.state in (State.UP, State.ENDED), timeout, "an answer")
        if self.leg.state is State.ENDED:
            raise SipError(f"{self.name}: the call ended: {self.leg.ending}")
        return self.leg

    async def ended(self, timeout: float = _PATIENCE) -> Leg:
        """Wait until the latest call has ended, whoever ended it."""
        await self._until(lambda: bool(self.legs) and self.leg.state is State.ENDED, timeout, "the end of the call")
        return self.leg

    async def hangup(self) -> Leg:
        leg = self.leg
        leg.hangup()
        await self._until(lambda: leg.state is State.ENDED, _PATIENCE, "the end of the call")
        return leg

    # -- within a call ------------------------------------------------------------------------------------------------------

    def say(self, source: Source) -> int:
        """From the next frame on, in this call and in later ones. Returns that frame's number (0 when there is no call yet)."""
        self._source = source
        return self.leg.media.say(source) if self.legs else 0

    async def talk(self, seconds: float) -> tuple[int, int]:
        """Let the call go on until frames for that long have left. Returns the numbers of the first and of the last."""
        media = self.leg.media
        first = media.frame
        last = first + round(seconds / PERIOD) - 1
        while media.frame <= last:
            if self.leg.media is not media or self.leg.state is State.ENDED:
                raise SipError(f"{self.name}: the call ended while talking: {self.leg.ending}")
            await asyncio.sleep(max(PERIOD / 4, (last - media.frame) * PERIOD))
        return first, last

    async def hold(self, kind: str = "sendonly") -> float:
        """kind: "sendonly", "inactive" or "c0" (c=0.0.0.0). Returns when the re-INVITE left, after it was accepted."""
        return await self.leg.hold(kind)

    async def unhold(self) -> float:
        return await self.leg.unhold()

    async def refresh(self) -> float:
        """A re-INVITE without SDP (a late offer), which changes nothing: it holds on, or talks on."""
        return await self.leg.refresh()

    async def unhold_late(self) -> float:
        """Unhold by a late offer."""
        return await self.leg.unhold_late()

    async def press(self, keys: str, how: str = "rfc4733") -> float:
        """Keys as RTP events ("rfc4733") or as SIP INFO ("info"). Returns when the first left, after the last was sent."""
        began = time.monotonic()
        if how == "rfc4733":
            if self.leg.media.event_payload is None:
                raise SipError(f"{self.name}: the other side takes no telephone-events")
            await asyncio.sleep(self.leg.media.press(keys))
            return began
        for key in keys:
            kind = [("Content-Type", "application/dtmf-relay")]
            answer = await self.leg.request("INFO", kind, f"Signal={key}\r\nDuration=160\r\n")
            if answer.status != 200:
                raise SipError(f"{self.name}: INFO {key} refused: {answer.start}")
        return began

    async def record(self, on: bool = True) -> int:
        """The phone's own Record key (SIP INFO with `Record: on`). Returns the status, such as 403 where it is not allowed."""
        return (await self.leg.request("INFO", [("Record", "on" if on else "off")])).status or 0

    async def refer(self, target: str | Leg) -> int:
        """Transfer the call: blind to an extension, attended to another leg of this phone. Returns the status."""
        leg = self.leg
        if isinstance(target, Leg):
            leg = next(one for one in reversed(self.legs) if one is not target and one.state is State.UP)
            other = target.dialog
            if other is None:
                raise SipError("the call to transfer to does not exist yet")
            replaces = quote(f"{other.call_id};to-tag={other.remote_tag};from-tag={other.local_tag}", safe="")
            to = f"<sip:{other.remote.strip('<>').removeprefix('sip:')}?Replaces={replaces}>"
        else:
            to = f"<sip:{target}@{HOST}:{self._server[1]}>"
        answer = await leg.request("REFER", [("Refer-To", to), ("Referred-By", f"<sip:{self.name}@{HOST}>")])
        return answer.status or 0

    def heard(self, since: float = 0.0, until: float = float("inf")) -> Pcm:
        """Samples (8 kHz) that arrived in the latest call from `since` to `until`, monotonic seconds."""
        return self.leg.media.heard(since, until)

    @property
    def sent(self) -> list[Sent]:
        """Every frame of the latest call: its number, when it left, what it was."""
        return self.leg.media.sent

    # -- what comes in ------------------------------------------------------------------------------------------------------

    def _new(self) -> Leg:
        first = self.first_sequence if self.first_sequence is not None else zlib.crc32(self.name.encode()) & 0x7FFF
        contact = f"<sip:{self.name}@{HOST}:{self.port}>"
        leg = Leg(self._wire, self._server, contact, self._codec, self._source, first, self._changed, self._packet_frames)
        self.legs.append(leg)
        return leg

    def _received(self, message: Message) -> None:
        leg = self._of(message)
        if leg is not None:
            leg.received(message)
        elif message.method == "INVITE" and not parameter(message.get("To"), "tag"):
            leg = self._new()
            leg.ring(message, f"t{leg.number}")
            if self.answer_after is not None:
                leg.answer(self.answer_after)
        elif message.method in ("OPTIONS", "NOTIFY"):
            self._wire.reply(message, response(message, 200, "OK", "t0"))
        elif message.method != "ACK":
            self._wire.reply(message, response(message, 481, "Call Does Not Exist", "t0"))

    def _repeated(self, final: Message) -> None:
        leg = self._of(final)
        if leg is not None:
            leg.acknowledge_again(final)

    def _of(self, message: Message) -> Leg | None:
        call_id = message.get("Call-ID")
        return next((leg for leg in self.legs if leg.dialog is not None and leg.dialog.call_id == call_id), None)

    # -- waiting ------------------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    async def _until(self, true: Callable[[], bool], timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not true():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            done, _ = await asyncio.wait([waiter], timeout=max(0.0, deadline - time.monotonic()))
            if not done:
                last = "; ".join(map(str, self.trace[-6:]))
                raise TimeoutError(f"{self.name} waited {timeout:g} s for {what}. Last messages: {last or 'none'}")
