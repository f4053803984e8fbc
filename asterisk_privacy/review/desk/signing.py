"""Who came and went, for the audit trail; and whether the registry answers at all."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from asterisk_privacy.access.desk import Desk
from asterisk_privacy.review.desk.requests import ByAccount, RecordingId, Request, Word

NOBODY = "nobody"  # what was typed for a name may be a password: an unknown one stands in no trail


class Healthy(Request[None], frozen=True, tag=True):
    def carried_out(self, desk: Desk) -> None:
        desk.registry.last_purge()


class SignedIn(ByAccount[None], frozen=True, tag=True):
    def carried_out(self, desk: Desk) -> None:
        desk.registry.audit(self.actor, "review.sign-in", self.who, {})


class SignedOut(ByAccount[None], frozen=True, tag=True):
    def carried_out(self, desk: Desk) -> None:
        desk.registry.audit(self.actor, "review.sign-out", self.who, {})


class LockedOut(Request[None], frozen=True, tag=True):
    """`who`: an account that there is, or NOBODY."""

    who: Word
    kind: Annotated[str, Meta(pattern="^(account|address)$")]

    def carried_out(self, desk: Desk) -> None:
        known = self.who if desk.book.accounts.find(self.who) is not None else NOBODY
        desk.registry.audit("review", "review.locked-out", known, {"for": self.kind})


class SessionOver(ByAccount[None], frozen=True, tag=True):
    """Somebody tried to hear a recording with a session that had ended."""

    recording_id: RecordingId

    def carried_out(self, desk: Desk) -> None:
        desk.registry.audit(self.actor, "recording.listen-refused", self.recording_id, {"why": "session-over"})
