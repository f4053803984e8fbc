"""What goes over the socket: a length of four bytes, then a request or an answer in MessagePack."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any, Union, get_type_hints

import msgspec

from asterisk_privacy.review.desk import agreeing, listening, lists, officer, recordings, signing
from asterisk_privacy.review.desk.requests import Request

MOST_REQUEST = 64 << 10
MOST_ANSWER = 64 << 20
LENGTH = 4

REQUESTS: tuple[type[Request[Any]], ...] = (
    agreeing.Differences,
    *(signing.Healthy, signing.SignedIn, signing.SignedOut, signing.LockedOut, signing.SessionOver),
    *(listening.Listen, listening.GoOn, listening.Timeline, listening.Failed),
    *(lists.Queue, lists.Cases, lists.Case),
    *(recordings.Show, recordings.Reviewed, recordings.KeepAsLesson, recordings.PutInCase, recordings.Objected),
    *(officer.Requests, officer.Holds, officer.Overdue, officer.Trail),
)


class Answered(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """`value`: of the type that the request promises, encoded by itself."""

    value: bytes


class Unanswered(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """One line for an operator: why not."""

    words: str


class Nonsense(Exception):
    """What came over the socket is none of these."""


_ENCODER = msgspec.msgpack.Encoder()
_REQUEST: msgspec.msgpack.Decoder[Request[Any]] = msgspec.msgpack.Decoder(Union[REQUESTS])  # noqa: UP007 - of a tuple
_ANSWER: msgspec.msgpack.Decoder[Answered | Unanswered] = msgspec.msgpack.Decoder(Answered | Unanswered)


def encoded(value: object) -> bytes:
    return _ENCODER.encode(value)


def request_of(data: bytes) -> Request[Any]:
    """Nonsense: not one of REQUESTS, or a field that is not what it must be."""
    try:
        return _REQUEST.decode(data)
    except msgspec.MsgspecError as error:
        raise Nonsense(str(error)) from error


def answer_of(data: bytes, request: Request[Any]) -> Any:
    """Nonsense where it is not what the request promises; what stood in the way comes back as Unanswered."""
    try:
        found = _ANSWER.decode(data)
        return found if isinstance(found, Unanswered) else _value_of(type(request)).decode(found.value)
    except msgspec.MsgspecError as error:
        raise Nonsense(str(error)) from error


@cache
def _value_of(kind: type[Request[Any]]) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(get_type_hints(kind.carried_out)["return"])


async def read(reader: asyncio.StreamReader, most: int) -> bytes | None:
    """One message; None: the other end has closed. Nonsense for one that is too long or was cut off."""
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH))
        if length > most:
            raise Nonsense("a message that is too long")
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        if error.partial or error.expected != LENGTH:
            raise Nonsense("a message that was cut off") from error
        return None


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(LENGTH) + data
