"""What every request of the page has: who asks, and how it is carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Meta

from asterisk_privacy.access.actor import Actor

if TYPE_CHECKING:
    from asterisk_privacy.access.desk import Desk

T = TypeVar("T")
Account = Annotated[str, Meta(min_length=1, max_length=64)]
RecordingId = Annotated[str, Meta(pattern="^[0-9a-f]{16,64}$")]
Word = Annotated[str, Meta(max_length=64)]
Words = Annotated[str, Meta(max_length=500)]
Language = Annotated[str, Meta(pattern="^[a-z]{2}$")]


class Request(msgspec.Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """A subclass says in `carried_out` what is done for it, in one step on the registry's thread.

    `long`: it may read much of a large registry, so it has a connection and a thread of its own.
    """

    long: ClassVar[bool] = False

    @property
    def actor(self) -> str:
        """Whom the audit rows name."""
        return "review"

    def carried_out(self, desk: Desk) -> T:
        """OperatorError when the registry cannot do it now."""
        raise NotImplementedError


class ByAccount(Request[T], frozen=True):
    """`who` is signed in, says the page."""

    who: Account

    @property
    def actor(self) -> str:
        return f"review:{self.who}"

    def acting(self, desk: Desk) -> Actor:
        return Actor(desk.viewer(self.who), self.actor)
