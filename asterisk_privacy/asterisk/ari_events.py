"""ARI's JSON to typed events. Unknown types and broken messages come out as such: counted by the daemon, never fatal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.ari_snapshots import Bridge, Channel, Step
from asterisk_privacy.call import pbx


@dataclass(frozen=True, slots=True)
class NoticeStage:
    """The dialplan tells how far the announcement is. `stage`: begin or end; the others only mean something at the end. `notice`: which
    announcement it is, empty where the include is older than that. `played`: FAILED where a sound could not be played; None from an
    older include, which does not tell."""

    at: float
    channel: str
    call: str
    notice: str
    stage: str
    heard: bool
    played: str | None = None


@dataclass(frozen=True, slots=True)
class NoticeKey:
    """`refuses`: the dialplan took it for the refusal. What it means to us follows from the key else."""

    at: float
    channel: str
    call: str
    notice: str
    key: str
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class AgentPressed:
    """`cmd` by the context that told it: keep, pause, resume, off, from, to, object, keep-last, object-last. `name`: the channel's own."""

    at: float
    channel: str
    name: str
    cmd: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A call went on unrecorded because the daemon did not answer its FastAGI request."""

    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Forged:
    """Somebody speaks as the recorder's dialplan from elsewhere: a caller's name in an event of the administrator's own, or a program."""


@dataclass(frozen=True, slots=True)
class StasisStarted:
    channel: str


@dataclass(frozen=True, slots=True)
class StasisEnded:
    channel: str


@dataclass(frozen=True, slots=True)
class OutOfSight:
    """The channel came into a bridge that another ARI application controls: of a hold there Asterisk tells nobody."""

    at: float
    channel: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A recorder, this one or another, has taken the call of this channel. `recorder`: its [asterisk] app."""

    channel: str
    recorder: str


@dataclass(frozen=True, slots=True)
class PlaybackDone:
    playback: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another websocket took over our ARI application: a second daemon on this PBX."""


@dataclass(frozen=True, slots=True)
class AliveAsked:
    """A daemon that wants to start asks whether anybody listens."""

    question: str


@dataclass(frozen=True, slots=True)
class ClockTold:
    """Our question has come back. `stamp`: when Asterisk had it, in its own words."""

    question: str
    stamp: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Known, and of no consequence here."""


@dataclass(frozen=True, slots=True)
class Unknown:
    type: str


@dataclass(frozen=True, slots=True)
class Malformed:
    why: str


EdgeEvent = (
    NoticeStage | NoticeKey | AgentPressed | Unavailable | Forged | Step | StasisStarted | StasisEnded | OutOfSight | Taken | PlaybackDone
    | Replaced | AliveAsked | ClockTold | Ignored | Unknown | Malformed
)  # fmt: skip
AriEvent = pbx.PbxEvent | EdgeEvent


class _Playback(msgspec.Struct):
    id: str


class _Message(msgspec.Struct):
    type: str
    timestamp: str = ""
    channel: Channel | None = None
    bridge: Bridge | None = None
    playback: _Playback | None = None
    musicclass: str = ""
    variable: Any = None
    value: Any = None
    userevent: dict[str, str] = {}


_DECODER = msgspec.json.Decoder(_Message)

_WORD = re.compile(r"[A-Z]{1,16}")  # such as AGISTATUS has: it goes to the log
_IGNORED = frozenset({
    "ChannelConnectedLine", "ChannelCallerId", "ChannelDtmfReceived", "ChannelTalkingStarted",
    "ChannelTalkingFinished", "Dial", "PlaybackStarted", "PlaybackContinuing", "BridgeVideoSourceChanged", "BridgeAttendedTransfer",
    "BridgeBlindTransfer", "BridgeMerged", "RecordingStarted", "RecordingFinished", "ChannelToneDetected", "ApplicationRegistered",
    "ApplicationUnregistered", "ChannelTransfer", "ApplicationMoveFailed", "RecordingFailed", "TextMessageReceived", "ContactStatusChange",
    "PeerStatusChange", "EndpointStateChange", "DeviceStateChanged", "RESTResponse", "CallBroadcast", "CallClaimed", "MissingParams",
})  # fmt: skip
"""All other types that a release from 20.5.0 to 23.4.1 has. Transfer events come after the moves (facts 6.1): labels, not state. Dial and
connected-line updates carry channel snapshots, but nothing that the moves do not tell."""


def parse(text: str | bytes, when: Callable[[str], float]) -> tuple[AriEvent, ...]:
    """One websocket message as events, in the order in which they take effect. `when` turns ARI's timestamp into the time at which
    it was true (see `clock.StampClock.when`)."""
    try:
        message = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return (Malformed(type(error).__name__ if isinstance(error, UnicodeError) else str(error)),)
    handler = _HANDLERS.get(message.type)
    if handler is None:
        return (Ignored(),) if message.type in _IGNORED else (Unknown(message.type),)
    try:
        return handler(message, when(message.timestamp))
    except _Missing as missing:
        return (Malformed(f"{message.type} without {missing}"),)


class _Missing(Exception):
    pass


def _channel(m: _Message) -> Channel:
    if m.channel is None:
        raise _Missing("channel")
    return m.channel


def _bridge(m: _Message) -> Bridge:
    if m.bridge is None:
        raise _Missing("bridge")
    return m.bridge


def _seen(m: _Message, at: float) -> tuple[AriEvent, ...]:
    c = _channel(m)
    return (pbx.ChannelSeen(at, c.id, c.name, c.up),)


def _step(m: _Message, _at: float) -> tuple[AriEvent, ...]:
    return (_channel(m).step,)


def _gone(m: _Message, at: float) -> tuple[AriEvent, ...]:
    return (pbx.ChannelGone(at, _channel(m).id),)


def _entered(m: _Message, at: float) -> tuple[AriEvent, ...]:
    b, channel = _bridge(m), _channel(m).id
    told = (*_seen(m, at), pbx.BridgeSeen(at, b.id, b.mixing), pbx.Entered(at, b.id, channel))
    return (*told, OutOfSight(at, channel)) if b.out_of_sight else told


def _left(m: _Message, at: float) -> tuple[AriEvent, ...]:
    return (pbx.Left(at, _bridge(m).id, _channel(m).id),)


def _bridge_seen(m: _Message, at: float) -> tuple[AriEvent, ...]:
    b = _bridge(m)
    return (pbx.BridgeSeen(at, b.id, b.mixing),)


def _bridge_gone(m: _Message, at: float) -> tuple[AriEvent, ...]:
    return (pbx.BridgeGone(at, _bridge(m).id),)


def _held(m: _Message, at: float) -> tuple[AriEvent, ...]:
    return (pbx.Held(at, _channel(m).id, by_feature=m.musicclass == "N/A"),)


def _unheld(m: _Message, at: float) -> tuple[AriEvent, ...]:
    return (pbx.Unheld(at, _channel(m).id),)


def _stasis_start(m: _Message, at: float) -> tuple[AriEvent, ...]:
    return (*_seen(m, at), StasisStarted(_channel(m).id))


def _stasis_end(m: _Message, _at: float) -> tuple[AriEvent, ...]:
    return (StasisEnded(_channel(m).id),)


def _playback_done(m: _Message, _at: float) -> tuple[AriEvent, ...]:
    if m.playback is None:
        raise _Missing("playback")
    return (PlaybackDone(m.playback.id),)


def _variable_set(m: _Message, _at: float) -> tuple[AriEvent, ...]:
    if m.variable != names.RECORDER_VARIABLE or m.channel is None or not isinstance(m.value, str):
        return (Ignored(),)
    return (Taken(m.channel.id, m.value) if m.channel.dialplan.context in names.ASKING_CONTEXTS else Forged(),)


def _user_event(m: _Message, at: float) -> tuple[AriEvent, ...]:
    """Its fields, name included, can be anybody's: a caller's name in an event of the administrator's own may hold `eventname:`. What
    nobody can say is the channel's snapshot, which Asterisk adds. So an event counts from the contexts where the include tells it."""
    name = m.userevent.get("eventname", "")
    for prefix, make in _POSTED.items():
        if name.startswith(f"{prefix}-"):
            return (make(name.removeprefix(f"{prefix}-"), m.timestamp) if m.channel is None else Forged(),)
    told = _TOLD.get(name)
    if told is None:
        return (Ignored(),)
    return ((m.channel is not None and told(m.userevent, m.channel, at)) or Forged(),)


_POSTED: Mapping[str, Callable[[str, str], EdgeEvent]] = {
    names.EVENT_ALIVE: lambda question, _stamp: AliveAsked(question),
    names.EVENT_CLOCK: ClockTold,
}
"""Events that daemons post over ARI, without a channel, and what comes of them."""


def _stage(said: Mapping[str, str], channel: Channel, at: float) -> EdgeEvent | None:
    stage = names.NOTICE_CONTEXTS.get(channel.dialplan.context)
    if stage is None:
        return None
    heard = said.get("Heard", "") == "yes"
    return NoticeStage(at, channel.id, said.get("Call", ""), said.get("Notice", ""), stage, heard, said.get("Played"))


def _choice(said: Mapping[str, str], channel: Channel, at: float) -> EdgeEvent | None:
    if channel.dialplan.context != names.CHOICE_CONTEXT:
        return None
    refuses = channel.dialplan.exten == names.REFUSE_EXTENSION
    return NoticeKey(at, channel.id, said.get("Call", ""), said.get("Notice", ""), said.get("Key", ""), refuses)


def _agents_key(_said: Mapping[str, str], channel: Channel, at: float) -> EdgeEvent | None:
    cmd = names.KEY_CONTEXTS.get(channel.dialplan.context)
    return None if cmd is None else AgentPressed(at, channel.id, channel.name, cmd)


def _unavailable(said: Mapping[str, str], channel: Channel, at: float) -> EdgeEvent | None:
    why = said.get("Why", "")
    return Unavailable(at, why if _WORD.fullmatch(why) else "unknown") if channel.dialplan.context in names.ASKING_CONTEXTS else None


_TOLD: Mapping[str, Callable[[Mapping[str, str], Channel, float], EdgeEvent | None]] = {
    names.EVENT_NOTICE: _stage,
    names.EVENT_CHOICE: _choice,
    names.EVENT_KEY: _agents_key,
    names.EVENT_UNAVAILABLE: _unavailable,
}
"""Events of the dialplan; None where the channel does not stand where the include tells them."""

_HANDLERS: Mapping[str, Callable[[_Message, float], tuple[AriEvent, ...]]] = {
    "ChannelCreated": _seen,
    "ChannelStateChange": _seen,
    "ChannelHangupRequest": _gone,
    "ChannelDestroyed": _gone,
    "ChannelDialplan": _step,
    "ChannelEnteredBridge": _entered,
    "ChannelLeftBridge": _left,
    "BridgeCreated": _bridge_seen,
    "BridgeDestroyed": _bridge_gone,
    "ChannelHold": _held,
    "ChannelUnhold": _unheld,
    "ChannelUserevent": _user_event,
    "ChannelVarset": _variable_set,
    "StasisStart": _stasis_start,
    "StasisEnd": _stasis_end,
    "PlaybackFinished": _playback_done,
    "ApplicationReplaced": lambda _m, _at: (Replaced(),),
}
