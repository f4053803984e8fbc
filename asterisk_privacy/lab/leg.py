"""One call of a phone, from INVITE to BYE, either way round."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Any, Final

from asterisk_privacy.lab.codecs import Codec
from asterisk_privacy.lab.rtp import Media, Source
from asterisk_privacy.lab.sip import EVENT_PAYLOAD, Dialog, Direction, Message, Sdp, SipError, parameter, response, uri
from asterisk_privacy.lab.srtp import Srtp, inline, key_of, new_key
from asterisk_privacy.lab.wire import T1, T2, Address, Wire

_GLARE: Final = 0.3  # both sides re-INVITEd at once (491): try again after this
_numbers: Final = itertools.count(1)


class State(Enum):
    CALLING = auto()
    """INVITE sent or received, nobody alerted yet."""
    RINGING = auto()
    UP = auto()
    ENDED = auto()


class Leg:
    """State changes call `changed`. Made by Phone; use its methods where they suffice."""

    def __init__(
        self,
        wire: Wire,
        server: Address,
        contact: str,
        codec: Codec,
        source: Source,
        first_sequence: int,
        changed: Callable[[], None],
        packet_frames: int = 1,
    ) -> None:
        self.state = State.CALLING
        self.incoming = False
        self.early = False
        """Early media (183) was offered: what is heard before the answer is in `media` too."""
        self.ending = ""
        """Why it ended: "BYE sent", "BYE received", "486 Busy Here", ..."""
        self.answered_at = self.ended_at = 0.0
        self.remote_sdp: Sdp | None = None
        self.infos: list[Message] = []
        """INFO requests that came."""
        self.notifies: list[Message] = []
        self.number = next(_numbers)
        self.media = Media(codec, source, first_sequence, ssrc=0x5EED0000 + self.number)
        self.media.packet_frames = packet_frames
        self.invite: Message | None = None
        self.dialog: Dialog | None = None
        self._wire = wire
        self._server = server
        self._contact = contact
        self._changed = changed
        self._direction = Direction.SENDRECV
        self._address = "127.0.0.1"
        self._version = 0
        self._key = b""  # of SRTP
        self._acks: dict[int, Message] = {}
        self._acked = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- setting up ---------------------------------------------------------------------------------------------------------

    def place(self, dialog: Dialog, extra: Sequence[tuple[str, str]] = ()) -> None:
        """Send the first INVITE."""
        self.dialog = dialog
        self.invite = dialog.request("INVITE", self._wire.via(), self._contact)
        self._with_sdp(self.invite, self._sdp())
        self.invite.headers += extra
        self._spawn(self._place(self.invite))

    async def _place(self, invite: Message) -> None:
        final = await self._wire.request(invite, self._server, self._progress, timeout=180.0)
        dialog = self._known()
        status = final.status or 0
        if status >= 300:
            dialog.remote_tag = parameter(final.get("To"), "tag")
            self._ack(final, invite.branch)
            self.end(final.start.removeprefix("SIP/2.0 "))
            return
        dialog.remote_tag = parameter(final.get("To"), "tag")
        dialog.target = uri(final.get("Contact")) or dialog.target
        dialog.routes = list(reversed(final.all("Record-Route")))
        self._ack(final)
        self._listen_to(Sdp.parse(final.body))
        self._up()

    def _progress(self, message: Message) -> None:
        if message.body and "sdp" in message.get("Content-Type"):
            self.early = True
            self._listen_to(Sdp.parse(message.body))
        if (message.status or 0) >= 180 and self.state is State.CALLING:
            self.state = State.RINGING
            self._changed()

    def ring(self, invite: Message, local_tag: str) -> None:
        """An INVITE came: alert."""
        self.incoming = True
        self.invite = invite
        self.dialog = Dialog(
            call_id=invite.get("Call-ID"),
            local=f"<{uri(invite.get('To'))}>",
            remote=f"<{uri(invite.get('From'))}>",
            target=uri(invite.get("Contact")),
            local_tag=local_tag,
            remote_tag=parameter(invite.get("From"), "tag"),
            routes=invite.all("Record-Route"),
        )
        if invite.body:
            self.remote_sdp = Sdp.parse(invite.body)
        self._wire.reply(invite, response(invite, 180, "Ringing", local_tag, [("Contact", self._contact)]))
        self.state = State.RINGING
        self._changed()

    def answer(self, after: float = 0.0) -> None:
        """Pick up, `after` seconds from now."""
        self._spawn(self._answer(after))

    async def _answer(self, after: float) -> None:
        await asyncio.sleep(after)
        if self.state is not State.RINGING or self.invite is None:
            return
        sdp = self._agreed(self.remote_sdp) if self.remote_sdp is not None else self._sdp()
        if self.remote_sdp is not None:
            self._listen_to(self.remote_sdp)
        self._accept(self.invite, sdp)
        self._up()

    # -- while it lives -----------------------------------------------------------------------------------------------------

    async def hold(self, kind: str = "sendonly") -> float:
        """Re-INVITE with a=sendonly, a=inactive or ("c0") c=0.0.0.0. Returns when it left, after it was accepted."""
        self._address = "0.0.0.0" if kind == "c0" else "127.0.0.1"
        self._direction = Direction.SENDRECV if kind == "c0" else Direction(kind)
        return await self._reinvite()

    async def unhold(self) -> float:
        """Re-INVITE with a=sendrecv. Returns when it left, after it was accepted."""
        return await self.hold("sendrecv")

    async def refresh(self) -> float:
        """Re-INVITE without SDP; ours comes with the ACK, and says what was said last. Returns when it left, after it was accepted."""
        return await self._reinvite(offer=False)

    async def unhold_late(self) -> float:
        """The same, with a=sendrecv."""
        self._address, self._direction = "127.0.0.1", Direction.SENDRECV
        return await self._reinvite(offer=False)

    async def encipher(self) -> float:
        """Re-INVITE to SRTP, and speak it from the answer on. Returns when it left, after it was accepted."""
        self._key = new_key()
        return await self._reinvite()

    async def _reinvite(self, offer: bool = True) -> float:
        while True:
            message = self._known().request("INVITE", self._wire.via(), self._contact)
            if offer:
                self._with_sdp(message, self._sdp())
            left = time.monotonic()
            final = await self._wire.request(message, self._server)
            if final.status == 491:
                self._ack(final, message.branch)
                await asyncio.sleep(_GLARE)
                continue
            if (final.status or 0) >= 300:
                self._ack(final, message.branch)
                raise SipError(f"re-INVITE refused: {final.start}")
            theirs = Sdp.parse(final.body)
            self._ack(final, sdp=None if offer else self._agreed(theirs))
            self._listen_to(theirs)
            return left

    async def request(self, method: str, headers: Sequence[tuple[str, str]] = (), body: str = "") -> Message:
        """Any other request inside the call; its final response."""
        message = self._known().request(method, self._wire.via(), self._contact)
        message.headers += headers
        message.body = body
        return await self._wire.request(message, self._server)

    def hangup(self) -> None:
        """BYE, CANCEL or 486, whichever fits; `state` becomes ENDED when it is answered."""
        if self.state is not State.ENDED:
            self._spawn(self._hangup())

    async def _hangup(self) -> None:
        if self.state is State.UP:
            await self.request("BYE")
            self.end("BYE sent")
        elif self.incoming and self.invite is not None:
            self._wire.reply(self.invite, response(self.invite, 486, "Busy Here", self._known().local_tag))
            self.end("486 sent")
        elif self.invite is not None:
            keep = {"Via", "From", "To", "Call-ID", "Max-Forwards", "Route"}
            headers = [h for h in self.invite.headers if h[0] in keep] + [("CSeq", f"{self.invite.cseq} CANCEL")]
            await self._wire.request(Message(f"CANCEL {self._known().target} SIP/2.0", headers), self._server)

    def received(self, request: Message) -> None:
        """A request inside this call."""
        method, tag = request.method, self._known().local_tag
        if method == "ACK":
            self._acked.set()
            if request.body:
                self._listen_to(Sdp.parse(request.body))
            return
        if method == "CANCEL":
            self._wire.reply(request, response(request, 200, "OK", tag))
            if self.state is State.RINGING and self.invite is not None:
                self._wire.reply(self.invite, response(self.invite, 487, "Request Terminated", tag))
                self.end("CANCEL received")
            return
        if method in ("INVITE", "UPDATE"):
            self._reinvited(request)
            return
        known = method in ("BYE", "INFO", "NOTIFY", "OPTIONS", "MESSAGE")
        self._wire.reply(request, response(request, 200, "OK", tag) if known else response(request, 501, "Not Implemented", tag))
        if method == "BYE":
            self.end("BYE received")
        elif method == "INFO":
            self.infos.append(request)
        elif method == "NOTIFY":
            self.notifies.append(request)

    def _reinvited(self, request: Message) -> None:
        offer = Sdp.parse(request.body) if request.body else None
        if offer is not None:
            self._listen_to(offer)
        if request.method == "UPDATE" and offer is None:
            self._wire.reply(request, response(request, 200, "OK", self._known().local_tag, [("Contact", self._contact)]))
        else:
            self._accept(request, self._agreed(offer) if offer is not None else self._sdp())

    def acknowledge_again(self, final: Message) -> None:
        """A 2xx came again: our ACK was lost."""
        ack = self._acks.get(final.cseq)
        if ack is not None:
            self._wire.send(ack, self._server)

    # -- the end ------------------------------------------------------------------------------------------------------------

    def end(self, why: str) -> None:
        if self.state is State.ENDED:
            return
        self.state, self.ending, self.ended_at = State.ENDED, why, time.monotonic()
        self._acked.set()
        self.media.stop()
        self._changed()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.media.close()

    # -- small parts --------------------------------------------------------------------------------------------------------

    def _known(self) -> Dialog:
        if self.dialog is None:
            raise SipError("no call yet")
        return self.dialog

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.end(f"failed: {error}")

    def _up(self) -> None:
        self.state, self.answered_at = State.UP, time.monotonic()
        self._changed()

    def _sdp(self) -> Sdp:
        self._version += 1
        codec = (self.media.codec.payload_type, self.media.codec.name + self.media.codec.channels)
        return self._described(Sdp(self._address, self.media.port, (codec,), self._direction, EVENT_PAYLOAD, self.number, self._version))

    def _agreed(self, offer: Sdp) -> Sdp:
        """Our answer: the offer's payload types, and not more than both want to send."""
        self._version += 1
        codec = (self.media.payload_type, self.media.codec.name + self.media.codec.channels)
        theirs = offer.direction.answered()
        if self._direction is Direction.SENDRECV:
            direction = theirs
        elif theirs is Direction.SENDRECV:
            direction = self._direction
        else:
            direction = theirs if theirs is self._direction else Direction.INACTIVE
        return self._described(Sdp(self._address, self.media.port, (codec,), direction, offer.event_payload, self.number, self._version))

    def _described(self, sdp: Sdp) -> Sdp:
        return replace(sdp, crypto=inline(self._key) if self._key else "", packet_ms=20 * self.media.packet_frames)

    def _listen_to(self, sdp: Sdp) -> None:
        """Take over what the other side's SDP says about address, payload types and who may send."""
        self.remote_sdp = sdp
        name = self.media.codec.name
        mine = [payload for payload, offered in sdp.codecs if offered.upper().removesuffix("/1").removesuffix("/2") == name]
        if not mine:
            raise SipError(f"the other side does not speak {name}: {sdp.codecs}")
        self.media.payload_type = mine[0]
        self.media.event_payload = sdp.event_payload
        if self._key and sdp.crypto:
            self.media.srtp = Srtp(self._key), Srtp(key_of(sdp.crypto))
        self.media.muted = not (self._direction.sends and sdp.direction.answered().sends)
        if sdp.address != "0.0.0.0":
            self.media.start((sdp.address, sdp.port))

    @staticmethod
    def _with_sdp(message: Message, sdp: Sdp) -> None:
        message.headers.append(("Content-Type", "application/sdp"))
        message.body = sdp.render()

    def _accept(self, request: Message, sdp: Sdp) -> None:
        """200 with SDP; to an INVITE again and again until the ACK is there."""
        ok = response(request, 200, "OK", self._known().local_tag, [("Contact", self._contact)], sdp.render())
        self._wire.reply(request, ok)
        if request.method == "INVITE":
            self._acked.clear()
            self._spawn(self._insist(request, ok))

    async def _insist(self, request: Message, ok: Message) -> None:
        wait = T1
        for _ in range(8):
            try:
                await asyncio.wait_for(self._acked.wait(), wait)
                return
            except TimeoutError:
                self._wire.reply(request, ok)
                wait = min(2 * wait, T2)
        raise SipError("no ACK came")

    def _ack(self, final: Message, branch: str = "", sdp: Sdp | None = None) -> None:
        """ACK to a final response of an INVITE; for a refusal it belongs to the same transaction, hence its branch."""
        via = self._wire.via()
        if branch:
            head, _, _ = via.partition(";branch=")
            via = f"{head};branch={branch};rport"
        ack = self._known().request("ACK", via, self._contact, final.cseq)
        if sdp is not None:
            self._with_sdp(ack, sdp)
        if not branch:
            self._acks[final.cseq] = ack
        self._wire.send(ack, self._server)
