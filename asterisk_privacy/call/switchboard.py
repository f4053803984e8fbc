"""Who talks with whom: the state of all channels and bridges, and from it what is conversation.

Conversation is defined positively (DESIGN.md, the way of a call, 2): the customer's channel is answered and in a mixing bridge
with at least one other answered party, and nobody among them holds. Everything else is waiting.

To change what counts as hold or as a party, change `_parties_of` or `PARTY_TECHNOLOGIES` here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from asterisk_privacy.call.pbx import BridgeGone, BridgeSeen, ChannelGone, ChannelSeen, Entered, Held, Left, PbxEvent, Unheld
from asterisk_privacy.call.timeline import SpanKind

PARTY_TECHNOLOGIES = frozenset({
    "PJSIP", "SIP", "IAX2", "DAHDI", "SCCP", "Skinny", "Unistim", "MGCP", "OOH323", "Motif", "Console", "Mobile",
})  # fmt: skip
"""Channel technologies behind which a person can be. What is not listed (announcers, recorders, snoops, bots) is no party, so that
an unknown kind of channel shuts the gate rather than opens it."""


@dataclass(frozen=True, slots=True)
class Company:
    """`parties`: channels of the others in conversation with a customer; empty, and then `waiting` says of which kind."""

    parties: frozenset[str]
    waiting: SpanKind


@dataclass(slots=True)
class _Channel:
    name: str
    up: bool
    bridge: str | None = None
    held: bool = False
    held_by_feature: bool = False


@dataclass(slots=True)
class _Bridge:
    mixing: bool
    members: set[str] = field(default_factory=set)


class Switchboard:
    """Feed it every `PbxEvent` with `apply`; ask `company`. Events about unknown channels or bridges create what they name, unanswered
    and unmixed, so that what was missed shuts gates."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._bridges: dict[str, _Bridge] = {}
        self._by_name: dict[str, str] = {}

    def __contains__(self, channel: str) -> bool:
        return channel in self._channels

    def name_of(self, channel: str) -> str | None:
        known = self._channels.get(channel)
        return known.name if known is not None else None

    def apply(self, event: PbxEvent) -> frozenset[str]:
        """Takes the event in; returns the channels whose company may have changed."""
        touched = self._named_in(event)
        before = self._connected(touched)
        match event:
            case ChannelSeen():
                self._seen(event)
            case ChannelGone():
                self._gone(event.channel)
            case BridgeSeen():
                self._bridge_seen(event)
            case BridgeGone():
                for member in tuple(self._bridge(event.bridge).members):
                    self._leave(event.bridge, member)
                del self._bridges[event.bridge]
            case Entered():
                channel = self._channel(event.channel)
                if channel.bridge is not None and channel.bridge != event.bridge:
                    self._leave(channel.bridge, event.channel)
                channel.bridge = event.bridge
                channel.held_by_feature = False
                self._bridge(event.bridge).members.add(event.channel)
            case Left():
                self._leave(event.bridge, event.channel)
            case Held():
                channel = self._channel(event.channel)
                channel.held, channel.held_by_feature = (channel.held, True) if event.by_feature else (True, channel.held_by_feature)
            case Unheld():
                channel = self._channel(event.channel)
                channel.held = channel.held_by_feature = False
            case _:
                assert_never(event)
        return before | self._connected(touched)

    def company(self, customer: str) -> Company:
        """With whom `customer` is in conversation, or what kind of waiting it is."""
        me = self._channels.get(customer)
        if me is None or not me.up or me.bridge is None or not self._bridge(me.bridge).mixing:
            return Company(frozenset(), SpanKind.WAIT)
        everyone = self._connected({customer})
        parties = self._parties_of(customer)
        if parties and any(self._holds(c) for c in everyone):
            return Company(frozenset(), SpanKind.HOLD)
        return Company(parties, SpanKind.WAIT)

    def connected(self, channel: str) -> frozenset[str]:
        """All channels in one conversation, hold or parking lot with this one, itself included; empty if it is unknown."""
        return self._connected({channel})

    # ---- the rules

    def _parties_of(self, customer: str) -> frozenset[str]:
        """Answered parties in the customer's mixing bridge, looking through Local channels (their two halves are one wire)."""
        return frozenset(
            c
            for c in self._connected({customer}, mixing_only=True) - {customer}
            if self._channels[c].up and self._technology(c) in PARTY_TECHNOLOGIES
        )

    def _holds(self, channel: str) -> bool:
        known = self._channels[channel]
        return known.held or known.held_by_feature

    # ---- the state

    def _technology(self, channel: str) -> str:
        return self._channels[channel].name.partition("/")[0]

    def _other_half(self, channel: str) -> str | None:
        name = self._channels[channel].name
        if not name.startswith("Local/") or name[-2:] not in (";1", ";2"):
            return None
        return self._by_name.get(name[:-1] + ("2" if name.endswith("1") else "1"))

    def _connected(self, channels: frozenset[str] | set[str], mixing_only: bool = False) -> frozenset[str]:
        """All channels that share a bridge, or a bridge behind Local halves, with any of these; these included."""
        seen = {c for c in channels if c in self._channels}
        queue = list(seen)
        while queue:
            current = queue.pop()
            known = self._channels[current]
            near: set[str] = set()
            if known.bridge is not None and (self._bridge(known.bridge).mixing or not mixing_only):
                near |= self._bridge(known.bridge).members
            half = self._other_half(current)
            if half is not None:
                near.add(half)
            fresh = {c for c in near - seen if c in self._channels}
            seen |= fresh
            queue += fresh
        return frozenset(seen)

    def _named_in(self, event: PbxEvent) -> set[str]:
        if isinstance(event, BridgeSeen | BridgeGone):
            return set(self._bridge(event.bridge).members) | set(getattr(event, "members", None) or ())
        touched = {event.channel}
        if isinstance(event, Entered | Left):
            touched |= self._bridge(event.bridge).members
        return touched

    def _channel(self, channel: str) -> _Channel:
        return self._channels.setdefault(channel, _Channel(name="", up=False))

    def _bridge(self, bridge: str) -> _Bridge:
        return self._bridges.setdefault(bridge, _Bridge(mixing=False))

    def _seen(self, event: ChannelSeen) -> None:
        channel = self._channel(event.channel)
        if channel.name and channel.name != event.name and self._by_name.get(channel.name) == event.channel:
            del self._by_name[channel.name]  # masquerade renames channels
        channel.name, channel.up = event.name, event.up
        self._by_name[event.name] = event.channel

    def _gone(self, name: str) -> None:
        channel = self._channels.pop(name, None)
        if channel is None:
            return
        if channel.bridge is not None:
            self._bridge(channel.bridge).members.discard(name)
        if self._by_name.get(channel.name) == name:
            del self._by_name[channel.name]

    def _bridge_seen(self, event: BridgeSeen) -> None:
        bridge = self._bridge(event.bridge)
        bridge.mixing = event.mixing
        if event.members is None:
            return
        for gone in bridge.members - event.members:
            self._leave(event.bridge, gone)
        for member in event.members:
            self._channel(member).bridge = event.bridge
        bridge.members = set(event.members)

    def _leave(self, bridge: str, channel: str) -> None:
        self._bridge(bridge).members.discard(channel)
        known = self._channels.get(channel)
        if known is not None and known.bridge == bridge:
            known.bridge = None
            known.held_by_feature = False
