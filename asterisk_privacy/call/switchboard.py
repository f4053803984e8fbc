"""Who hears whom: the state of all channels and bridges, and which endpoints are agents'.

`conversation.py` says what follows from it for a call. To change what counts as a hold, change `holds` here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import assert_never

from asterisk_privacy.call import pbx
from asterisk_privacy.call.hindsight import SAME_MOMENT, Hindsight
from asterisk_privacy.call.pbx import (
    BridgeGone,
    BridgeSeen,
    ChannelGone,
    ChannelSeen,
    EndpointRead,
    Entered,
    Held,
    Left,
    PbxEvent,
    Unheld,
    endpoint_of,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """What an event did. `touched`: channels whose conversation may have changed; `doubted`: those of them whose conversation since the
    event's time is not known for certain."""

    touched: frozenset[str]
    doubted: frozenset[str]


@dataclass(slots=True)
class _Channel:
    name: str
    up: bool
    bridge: str | None = None
    held: bool = False
    held_by_feature: bool = False
    hides_holds: bool | None = False  # None: not known yet
    # when this was last true
    named_at: float = -inf
    moved_at: float = -inf
    hold_at: float = -inf
    feature_at: float = -inf


@dataclass(slots=True)
class _Bridge:
    mixing: bool
    members: set[str] = field(default_factory=set)


class Switchboard:
    """Feed it every `PbxEvent` with `apply`. Events about unknown channels or bridges create what they name, unanswered
    and unmixed, so that what was missed shuts gates.

    Of two events about one thing the later one counts by its own time, not by its arrival. One that arrives after a newer one changes
    nothing of what is, but shows that what was believed since then was wrong: such channels are `Change.doubted`."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._bridges: dict[str, _Bridge] = {}
        self._by_name: dict[str, str] = {}
        self._hindsight = Hindsight()
        self._agents: set[str] = set()  # endpoints

    def __contains__(self, channel: str) -> bool:
        return channel in self._channels

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(self._channels)

    def name_of(self, channel: str) -> str | None:
        known = self._channels.get(channel)
        return known.name if known is not None else None

    def apply(self, event: PbxEvent) -> Change:
        """Takes the event in and says whom it concerns."""
        named = self._named_in(event)
        before = self._connected(named)
        bridges = frozenset(b for b in (self._channels[c].bridge for c in before) if b is not None)
        # of an endpoint nothing is believed of before it was told
        doubted = frozenset() if isinstance(event, EndpointRead) else self._hindsight.together_after(event.at, named)
        if self._take(event):
            after = self._connected(named)
            if before - after or isinstance(event, Left | ChannelGone | BridgeGone):
                self._hindsight.parted(event.at, before | named | bridges)
        else:
            after = self._connected(named)
            doubted |= before | after
        return Change(before | after | doubted, doubted)

    def _take(self, event: PbxEvent) -> bool:
        """False: something newer about the same is known already, or was; nothing was changed."""
        if not isinstance(event, BridgeSeen | BridgeGone | EndpointRead) and self._hindsight.is_gone(event.channel):
            # the rest of a hang-up is in order; that it came in or held before it was gone is late news
            return not isinstance(event, Entered | Held)
        match event:
            case ChannelSeen():
                return self._seen(event)
            case ChannelGone():
                self._gone(event)
            case BridgeSeen():
                self._bridge_seen(event)
            case BridgeGone():
                self._bridge_gone(event)
            case Entered():
                return self._entered(event)
            case Left():
                channel = self._channel(event.channel)
                if _older(event.at, channel.moved_at):
                    return False
                self._leave(event.bridge, event.channel, event.at)
            case Held():
                return self._held(event)
            case EndpointRead():
                (self._agents.add if event.agent else self._agents.discard)(event.endpoint)
            case Unheld():
                channel = self._channel(event.channel)
                if not _older(event.at, max(channel.hold_at, channel.feature_at)):
                    channel.held = channel.held_by_feature = False
                    channel.hold_at = max(channel.hold_at, event.at)
            case pbx.HoldsHidden():
                self._channel(event.channel).hides_holds = True if event.certain else None
            case pbx.HoldsTold():
                self._channel(event.channel).hides_holds = False
            case _:
                assert_never(event)
        return True

    # ---- what may be asked

    def hearing(self, channel: str) -> frozenset[str]:
        """Answered channels that hear this one now, through Local channels too, and itself; empty if it is not answered or in no mixing
        bridge."""
        me = self._channels.get(channel)
        if me is None or not me.up or me.bridge is None or not self._bridge(me.bridge).mixing:
            return frozenset()
        return frozenset(c for c in self._connected({channel}, mixing_only=True) if self._channels[c].up)

    def connected(self, channel: str) -> frozenset[str]:
        """All channels in one conversation, hold or parking lot with this one, itself included; empty if it is unknown."""
        return self._connected({channel})

    def behind(self, local: str) -> frozenset[str]:
        """Channels behind the other half of this half of a Local channel, answered or not: in the other half's bridge, or further on."""
        half = self._other_half(local) if local in self._channels else None
        if half is None:
            return frozenset()
        seen, queue = {local, half}, [half]
        while queue:
            fresh = self._near(queue.pop(), mixing_only=False) - seen
            seen |= fresh
            queue += fresh
        return frozenset(seen - {local, half})

    def holds(self, channel: str) -> bool:
        known = self._channels.get(channel)
        return known is not None and (known.held or known.held_by_feature)

    def hides_holds(self, channel: str) -> bool | None:
        """Whether Asterisk tells nobody of this channel's holds; None: not known yet."""
        known = self._channels.get(channel)
        return False if known is None else known.hides_holds

    def is_agents(self, channel: str) -> bool:
        """By the name that the channel has now: who picks a call up takes the place of the phone that rang."""
        known = self._channels.get(channel)
        return known is not None and self.is_agent(endpoint_of(known.name))

    def is_agent(self, endpoint: str) -> bool:
        return endpoint in self._agents

    def in_bridge(self, channel: str) -> bool:
        known = self._channels.get(channel)
        return known is not None and known.bridge is not None

    # ---- the state

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
            fresh = self._near(queue.pop(), mixing_only) - seen
            seen |= fresh
            queue += fresh
        return frozenset(seen)

    def _near(self, channel: str, mixing_only: bool) -> set[str]:
        """In one bridge with this channel, and the other half of it."""
        known = self._channels[channel]
        near: set[str] = set()
        if known.bridge is not None and (self._bridge(known.bridge).mixing or not mixing_only):
            near |= self._bridge(known.bridge).members
        half = self._other_half(channel)
        if half is not None:
            near.add(half)
        return {c for c in near if c in self._channels}

    def _named_in(self, event: PbxEvent) -> frozenset[str]:
        """The channels and bridges that the event is about."""
        if isinstance(event, EndpointRead):
            return frozenset(c for c, known in self._channels.items() if endpoint_of(known.name) == event.endpoint)
        named = set() if isinstance(event, BridgeSeen | BridgeGone) else {event.channel}
        if not isinstance(event, ChannelSeen | ChannelGone | Held | Unheld | pbx.HoldsHidden | pbx.HoldsTold):
            named.add(event.bridge)
            bridge = self._bridges.get(event.bridge)
            named |= bridge.members if bridge is not None else set()
        if isinstance(event, BridgeSeen):
            named |= event.members or set()
        return frozenset(named)

    def _channel(self, channel: str) -> _Channel:
        return self._channels.setdefault(channel, _Channel(name="", up=False))

    def _bridge(self, bridge: str) -> _Bridge:
        return self._bridges.setdefault(bridge, _Bridge(mixing=False))

    def _seen(self, event: ChannelSeen) -> bool:
        channel = self._channel(event.channel)
        if _older(event.at, channel.named_at):
            return True  # an old snapshot
        if channel.name and channel.name != event.name and self._by_name.get(channel.name) == event.channel:
            del self._by_name[channel.name]  # masquerade renames channels
        channel.name, channel.up, channel.named_at = event.name, event.up, event.at
        self._by_name[event.name] = event.channel
        return True

    def _gone(self, event: ChannelGone) -> None:
        self._hindsight.gone(event.channel)
        channel = self._channels.pop(event.channel, None)
        if channel is None:
            return
        if channel.bridge is not None:
            self._bridge(channel.bridge).members.discard(event.channel)
        if self._by_name.get(channel.name) == event.channel:
            del self._by_name[channel.name]

    def _entered(self, event: Entered) -> bool:
        channel = self._channel(event.channel)
        if channel.bridge == event.bridge and not event.at > channel.moved_at:
            return True  # told twice
        if _older(event.at, channel.moved_at) or self._hindsight.is_gone(event.bridge):
            return False
        if channel.bridge is not None:
            self._leave(channel.bridge, event.channel, event.at)
        channel.bridge, channel.moved_at = event.bridge, max(channel.moved_at, event.at)
        channel.held_by_feature = channel.held_by_feature and _older(event.at, channel.feature_at)
        self._bridge(event.bridge).members.add(event.channel)
        return True

    def _held(self, event: Held) -> bool:
        channel = self._channel(event.channel)
        newest = max(channel.hold_at, channel.moved_at) if event.by_feature else channel.hold_at
        if _older(event.at, newest):
            return event.at == channel.feature_at if event.by_feature else False
        if event.by_feature:
            channel.held_by_feature, channel.feature_at = True, max(channel.feature_at, event.at)
        else:
            channel.held, channel.hold_at = True, max(channel.hold_at, event.at)
        return True

    def _bridge_seen(self, event: BridgeSeen) -> None:
        bridge = self._bridge(event.bridge)
        bridge.mixing = event.mixing
        if event.members is None:
            return
        for gone in bridge.members - event.members:
            self._leave(event.bridge, gone, event.at)
        for member in event.members:
            self._entered(Entered(event.at, event.bridge, member))

    def _bridge_gone(self, event: BridgeGone) -> None:
        """Who is still in it left at some moment before; when, and where to, only his own news tells, which may be late."""
        self._hindsight.gone(event.bridge)
        bridge = self._bridges.pop(event.bridge, None)
        for member in bridge.members if bridge is not None else ():
            known = self._channels.get(member)
            if known is not None and known.bridge == event.bridge:
                known.bridge = None
                known.held_by_feature = known.held_by_feature and _older(event.at, known.feature_at)

    def _leave(self, bridge: str, channel: str, at: float) -> None:
        self._bridge(bridge).members.discard(channel)
        known = self._channels.get(channel)
        if known is None:
            return
        known.moved_at = max(known.moved_at, at)
        if known.bridge == bridge:
            known.bridge = None
            known.held_by_feature = known.held_by_feature and _older(at, known.feature_at)


def _older(at: float, newest: float) -> bool:
    return at < newest - SAME_MOMENT
