"""What the recorder of one call is told. Every event carries `at`: seconds on the daemon's monotonic clock at which it was true,
which may lie a little before the moment at which the daemon learned of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.policy.purpose import Profile


class AgentKey(StrEnum):
    KEEP = "keep"
    PAUSE = "pause"
    RESUME = "resume"
    OFF_RECORD = "off"
    FROM = "from"
    TO = "to"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class NoticeBegun:
    """The announcement started to play to the customer."""

    at: float


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    """The call was moved to a line whose purposes were not all announced: its notice plays next, and they count once it was heard.
    `drawn` names the sample purposes of the new line that took the call."""

    at: float
    profile: Profile
    drawn: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeyChosen:
    """The customer pressed a key at the announcement. `refuses`: it is known to be the refuse key there, whatever line is known here; the
    key may be unknown then, and empty."""

    at: float
    key: str
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class NoticeEnded:
    """The announcement is over; `heard` says whether it was played (a missing sound file is not a notice)."""

    at: float
    heard: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """With whom the customer is in conversation since `at`. `parties` are the channels of the others; empty means no conversation, and
    `waiting` says of which kind. What ended, ended at `at`; what begins is believed from `learned` on (None: the same moment). `customers`:
    those of the parties who are customers too, and `ceiling` the purposes that all of them allow; None without any."""

    at: float
    parties: frozenset[str]
    waiting: SpanKind = SpanKind.WAIT
    learned: float | None = None
    customers: frozenset[str] = frozenset()
    ceiling: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Another customer, whose voice is in what this call has kept so far, refused now or went off the record."""

    at: float


@dataclass(frozen=True, slots=True)
class AgentJoined:
    """An agent is in conversation who was not in this call before. What depends on whose call it is must be asked for them too."""

    at: float


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """An agent pressed a key of his own; `channel` is where the answering tone goes (empty: nowhere). `purposes`: what the key meant when
    it was pressed, if that is told again later; None: what it means now."""

    at: float
    key: AgentKey
    channel: str
    purposes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """Answers `Draw`: which of those purposes take this call."""

    at: float
    taken: frozenset[str]


@dataclass(frozen=True, slots=True)
class LinkLost:
    """From `at` on it is not known what happens in the PBX."""

    at: float


@dataclass(frozen=True, slots=True)
class LinkRestored:
    """The state was read again; a fresh `Surroundings` follows."""

    at: float


@dataclass(frozen=True, slots=True)
class FileFailed:
    """The encrypted file cannot be written any further (full disk, missing directory)."""

    at: float


@dataclass(frozen=True, slots=True)
class AudioLost:
    """Memory ran out: the oldest `lost_ms` of the conversation so far are no longer in the ring."""

    at: float
    lost_ms: int


@dataclass(frozen=True, slots=True)
class HungUp:
    """The customer is gone."""

    at: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; answers `WakeAt`."""

    at: float


Event = (
    NoticeBegun | ProfileChanged | KeyChosen | NoticeEnded | Surroundings | Withdrawn | AgentJoined | KeyPressed | Drawn | LinkLost
    | LinkRestored | FileFailed | AudioLost | HungUp | Tick
)  # fmt: skip
EVENTS: tuple[type[Event], ...] = (
    NoticeBegun, ProfileChanged, KeyChosen, NoticeEnded, Surroundings, Withdrawn, AgentJoined, KeyPressed, Drawn, LinkLost, LinkRestored,
    FileFailed,
    AudioLost, HungUp, Tick,
)  # fmt: skip
