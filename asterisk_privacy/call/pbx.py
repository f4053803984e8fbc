"""What the PBX tells, typed: channels, bridges, holds. `asterisk/` makes these of ARI's JSON; the switchboard reads them.

`at` is in seconds on the daemon's monotonic clock, see `call.events`.
"""

from __future__ import annotations

from dataclasses import dataclass

NO_PHONE = frozenset({"Local", "Snoop", "Announcer", "Recorder", "CBAnn", "CBRec", "Bridge", "Message", "Surrogate"})
"""Channel technologies with nobody behind them. What is not listed can be a person: an unknown kind of channel shuts the gate."""


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """A channel exists, in this state. `up`: answered."""

    at: float
    channel: str
    name: str
    up: bool


@dataclass(frozen=True, slots=True)
class ChannelGone:
    """Hung up or destroyed; whichever is told first."""

    at: float
    channel: str


@dataclass(frozen=True, slots=True)
class BridgeSeen:
    """A bridge exists. `mixing`: its members hear each other (not a parking lot or holding bridge). `members` only in a full reading
    of the state, else None."""

    at: float
    bridge: str
    mixing: bool
    members: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class BridgeGone:
    at: float
    bridge: str


@dataclass(frozen=True, slots=True)
class Entered:
    at: float
    bridge: str
    channel: str


@dataclass(frozen=True, slots=True)
class Left:
    at: float
    bridge: str
    channel: str


@dataclass(frozen=True, slots=True)
class Held:
    """`channel` asked for hold. `by_feature`: Asterisk's own transfer feature did, not the phone (music class N/A, facts 1.5)."""

    at: float
    channel: str
    by_feature: bool = False


@dataclass(frozen=True, slots=True)
class Unheld:
    at: float
    channel: str


@dataclass(frozen=True, slots=True)
class EndpointRead:
    """Whether an endpoint, such as PJSIP/anna, is an agent's: its own settings say so, or the configuration names it. Until this is told
    an endpoint is not."""

    at: float
    endpoint: str
    agent: bool


@dataclass(frozen=True, slots=True)
class HoldsHidden:
    """Of this channel's holds Asterisk tells nobody. Not `certain`: whether it tells is not known yet."""

    at: float
    channel: str
    certain: bool


@dataclass(frozen=True, slots=True)
class HoldsTold:
    """It does tell. `at`: when that was known."""

    at: float
    channel: str


PbxEvent = (
    ChannelSeen | ChannelGone | BridgeSeen | BridgeGone | Entered | Left | Held | Unheld | EndpointRead | HoldsHidden | HoldsTold
)  # fmt: skip


def has_phone(channel_name: str) -> bool:
    """Whether somebody can be behind a channel of this name."""
    return technology(channel_name) not in NO_PHONE


def technology(channel_name: str) -> str:
    """`PJSIP/agent-0000002a` -> `PJSIP`."""
    return channel_name.partition("/")[0]


def endpoint_of(channel_name: str) -> str:
    """`PJSIP/agent-0000002a` -> `PJSIP/agent`. Asterisk makes the name; nobody who calls has a say in it."""
    return channel_name.rpartition("-")[0] or channel_name
