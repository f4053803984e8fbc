"""A made-up Asterisk: what people do, as the events that Asterisk sends (ASTERISK_FACTS 5, 6, 9), a millisecond apart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from asterisk_privacy.asterisk.ari import Ari, AriAccess
from asterisk_privacy.call import pbx
from asterisk_privacy.call.switchboard import Switchboard
from asterisk_privacy.daemon.boards import board_of
from scenarios.world import CALLER, World

MS = 0.001


class Exchange:
    """Where everybody is. Each method takes the moment and returns when its last event was true."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.where: dict[str, str] = {}
        self.mixing: dict[str, bool] = {}
        self.holding: dict[str, bool] = {}  # channel: by feature
        self.up: dict[str, bool] = {}
        self.behind: dict[str, tuple[str, str]] = {}  # agent: his Local halves
        self.lag: float | None = None
        self.outsiders: set[str] = {CALLER}
        """Whose endpoints are no agents'. Everybody else's are."""
        self._bridges = self._locals = 0
        self._seen(CALLER, 0.0, True)

    def _tell(self, event: pbx.PbxEvent) -> float:
        self.world.emit(event, self.lag)
        return event.at + MS

    def _name(self, channel: str) -> str:
        return channel if channel.startswith("Local/") else f"PJSIP/{channel}-00000001"

    def _seen(self, channel: str, at: float, up: bool) -> float:
        self.up[channel] = up
        if channel not in self.outsiders and not channel.startswith("Local/"):
            self._tell(pbx.EndpointRead(at, pbx.endpoint_of(self._name(channel)), True))
        return self._tell(pbx.ChannelSeen(at, channel, self._name(channel), up))

    def _bridge(self, at: float, mixing: bool = True) -> tuple[str, float]:
        self._bridges += 1
        bridge = f"bridge-{self._bridges}"
        self.mixing[bridge] = mixing
        return bridge, self._tell(pbx.BridgeSeen(at, bridge, mixing))

    def _enter(self, bridge: str, channel: str, at: float) -> float:
        self.where[channel] = bridge
        if self.holding.get(channel):
            del self.holding[channel]
        self._tell(pbx.ChannelSeen(at, channel, self._name(channel), True))
        self._tell(pbx.BridgeSeen(at, bridge, self.mixing[bridge]))
        return self._tell(pbx.Entered(at, bridge, channel))

    def _leave(self, channel: str, at: float) -> float:
        bridge = self.where.pop(channel, None)
        if bridge is None:
            return at
        if self.holding.get(channel):
            del self.holding[channel]
        at = self._tell(pbx.Left(at, bridge, channel))
        if bridge not in self.where.values():
            at = self._tell(pbx.BridgeGone(at, bridge))
        return at

    def marked(self, channel: str, at: float) -> float:
        """What Asterisk knows of this endpoint has been asked: it is an agent's."""
        self.outsiders.discard(channel)
        return self._tell(pbx.EndpointRead(at, pbx.endpoint_of(self._name(channel)), True))

    def ring(self, agent: str, at: float) -> float:
        return self._seen(agent, at, False)

    def join(self, agent: str, at: float, local: bool = False) -> float:
        """`agent` and the caller in one conversation; a third party if there is one already."""
        self._seen(agent, at, True)
        inner = agent
        if local:
            self._locals += 1
            one, two = (f"Local/{self._locals}@agents-{self._locals};{n}" for n in (1, 2))
            self.behind[agent] = (one, two)
            self._seen(one, at, True)
            at = self._seen(two, at, True)
            far, at = self._bridge(at)
            at = self._enter(far, two, at)
            at = self._enter(far, agent, at)
            inner = one
        room = self.where.get(CALLER)
        if room is None or not self.mixing[room]:
            room, at = self._bridge(self._leave(CALLER, at))
            at = self._enter(room, inner, at)
            return self._enter(room, CALLER, at)
        return self._enter(room, inner, at)

    def pick_up(self, ringing: str, at: float) -> float:
        """A call that rings at one phone is taken from another, whose channel takes the ringing one's place (masquerade): the caller then
        talks with the channel that rang, under the other's name."""
        picker = f"{ringing}-picker"
        self._seen(ringing, at, False)
        self._seen(picker, at, True)
        at = self._tell(pbx.ChannelSeen(at, ringing, self._name(picker), True))
        self.up[ringing] = True
        at = self._tell(pbx.ChannelSeen(at, picker, self._name(ringing) + "<ZOMBIE>", True))
        at = self._tell(pbx.ChannelGone(at, picker))
        self.up.pop(picker)
        return self.join(ringing, at)

    def leave(self, agent: str, at: float, gone: bool = True) -> float:
        if gone:
            at = self._tell(pbx.ChannelGone(at, agent))
        at = self._leave(agent, at)
        for half in self.behind.pop(agent, ()):
            at = self._leave(half, at)
            at = self._tell(pbx.ChannelGone(at, half))
        self.holding.pop(agent, None)
        if gone:
            self.up.pop(agent, None)
        return at

    def part(self, at: float) -> float:
        """The caller leaves the bridge: queue, IVR, redirect."""
        return self._leave(CALLER, at)

    def park(self, at: float, beside: str | None = None) -> float:
        """`beside`: another parked caller, in the same lot."""
        at = self._leave(CALLER, at)
        lot, at = self._bridge(at, mixing=False)
        if beside is not None:
            self._seen(beside, at, True)
            at = self._enter(lot, beside, at)
        return self._enter(lot, CALLER, at)

    def hold(self, channel: str, at: float, feature: bool = False) -> float:
        self.holding[channel] = feature and self.holding.get(channel) is not False
        return self._tell(pbx.Held(at, channel, feature))

    def unhold(self, channel: str, at: float) -> float:
        self.holding.pop(channel, None)
        return self._tell(pbx.Unheld(at, channel))

    def move_in(self, agent: str, at: float) -> float:
        """The caller's place is now in the bridge of `agent`, who talked with somebody else (attended transfer)."""
        return self._enter(self.where[agent], CALLER, self._leave(CALLER, at))

    def consult(self, one: str, other: str, at: float) -> float:
        """`one` leaves the caller alone in the bridge and talks with `other`."""
        self._seen(other, at, True)
        room, at = self._bridge(self._leave(one, at))
        return self._enter(room, other, self._enter(room, one, at))

    def hang_up(self, at: float) -> float:
        at = self._tell(pbx.ChannelGone(at, CALLER))
        self.up.pop(CALLER, None)
        self.holding.pop(CALLER, None)
        return self._leave(CALLER, at)

    def read(self) -> Switchboard:
        """As the daemon reads the PBX after a lost link, through its own ARI client; only the answers are made up. It is dated long ago."""
        people = [c for c in self.up if c not in self.outsiders and not c.startswith("Local/")]
        agents = [pbx.EndpointRead(0.0, pbx.endpoint_of(self._name(c)), True) for c in people]
        return board_of(replace(asyncio.run(Answers(self).read_state()), at=0.0), agents)

    def answer(self, path: str, asked: str) -> object:
        """To a GET of ARI, as JSON."""
        if path == "channels":
            return [{"id": c, "name": self._name(c), "state": "Up" if up else "Ringing"} for c, up in self.up.items()]
        if path == "bridges":
            rooms = {bridge: [c for c, b in self.where.items() if b == bridge] for bridge in dict.fromkeys(self.where.values())}
            kinds = {True: "mixing", False: "holding"}
            return [{"id": bridge, "bridge_type": kinds[self.mixing[bridge]], "channels": inside} for bridge, inside in rooms.items()]
        channel = path.removeprefix("channels/").removesuffix("/variable")
        beside = {c for c, b in self.where.items() if b == self.where.get(channel)} - {channel}
        variables = {
            "CHANNEL(onhold)": any(c in self.holding for c in beside),
            "CHANNEL(rtp,hold)": self.holding.get(channel) is False,
        }
        return {"value": str(int(variables[asked])) if asked in variables else ""}


class Answers(Ari):
    """The daemon's own client of ARI, with a made-up Asterisk in place of the network."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(AriAccess("", "", ""), "made-up")
        self._exchange = exchange

    async def request(self, method: str, path: str, params: Mapping[str, str] | None = None) -> bytes:
        return msgspec.json.encode(self._exchange.answer(path, (params or {}).get("variable", "")))


Step = Callable[[float], float]
