"""What the recorder of one call wants done. The daemon carries commands out in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from asterisk_privacy.call.timeline import Mark, Span


class Tone(StrEnum):
    """Answer in the agent's ear; heard only if the recorder really did it."""

    KEEP = "keep"
    PAUSE = "pause"
    RESUME = "resume"
    OFF_RECORD = "off"
    FROM = "from"
    TO = "to"
    OBJECTED = "object"
    REFUSED = "refused"


class ConsentKind(StrEnum):
    NOTICE_BEGUN = "notice-begun"
    NOTICE_HEARD = "notice-heard"
    REFUSED = "refused"
    AGREED = "agreed"
    SILENCE = "silence"
    OBJECTED = "objected"  # to one purpose, during or after the call (R4)


class Outcome(StrEnum):
    KEPT = "kept"
    NOT_KEPT = "not-kept"
    REFUSED = "refused"
    UNANNOUNCED = "unannounced"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Open:
    """Conversation from `at` on: tap the customer and each of `parties`, let their frames in. `customers`: which of the parties are
    customers too."""

    at: float
    parties: frozenset[str]
    customers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Shut:
    """No conversation from `at` on (which may be a little in the past, and before the last `Open`): drop every frame from then on and
    remove the taps. A second `Shut` without an `Open` between them corrects the first: it ended even earlier."""

    at: float


@dataclass(frozen=True, slots=True)
class StartFile:
    """Write what the ring holds, and all that follows, to a new encrypted file for these purposes."""

    purposes: tuple[str, ...]
    part: int


@dataclass(frozen=True, slots=True)
class AddPurposes:
    """The file of this call (still open or sealed already) serves these purposes too."""

    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DropPurposes:
    """A file of this call (still open or sealed already) no longer serves these purposes, but others. `marked`: that of marked parts."""

    purposes: tuple[str, ...]
    marked: bool
    reason: str


@dataclass(frozen=True, slots=True)
class EraseFile:
    """No purpose of the file (open or sealed) is left: destroy it, and let nothing of before `at` into the ring. Marked parts stay."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class From:
    """The marked part begins at `at`: remember the frames that begin then or later."""

    at: float


@dataclass(frozen=True, slots=True)
class To:
    """The marked part ended at `at`: frames that end later are none of it."""

    at: float


@dataclass(frozen=True, slots=True)
class KeepMarked:
    """Write the marked parts, once all their frames are certain, to a file of their own and seal it."""

    purposes: tuple[str, ...]
    part: int


@dataclass(frozen=True, slots=True)
class EraseMarked:
    """Nothing may be kept of the marked parts: forget them, and destroy their file, if any."""

    reason: str


@dataclass(frozen=True, slots=True)
class Draw:
    """An agent is known of whom it was not asked yet: find out which of these purposes take this call, and answer with `Drawn`."""

    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seal:
    """Everything is in: close the file."""


@dataclass(frozen=True, slots=True)
class Wipe:
    """Zero the ring and the marked parts, and erase the files that were being written, if any."""

    reason: str


@dataclass(frozen=True, slots=True)
class Play:
    tone: Tone
    channel: str


@dataclass(frozen=True, slots=True)
class NoteConsent:
    at: float
    kind: ConsentKind
    key: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send `Tick` at this time."""

    at: float


@dataclass(frozen=True, slots=True)
class Finish:
    """The last command of a call: zero the ring, write the row."""

    outcome: Outcome
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]


Command = (
    Open | Shut | StartFile | AddPurposes | DropPurposes | EraseFile | From | To | KeepMarked | EraseMarked | Draw | Seal | Wipe | Play
    | NoteConsent | WakeAt | Finish
)  # fmt: skip
