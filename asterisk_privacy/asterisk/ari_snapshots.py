"""Channels and bridges as ARI shows them, in its answers and in its events."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Step:
    """What the dialplan does on that channel now. `number`: its caller's, or empty."""

    channel: str
    context: str
    app: str
    data: str
    number: str


class Dialplan(msgspec.Struct):
    context: str = ""
    exten: str = ""
    app_name: str = ""
    app_data: str = ""


class Party(msgspec.Struct):
    number: str = ""


class Channel(msgspec.Struct):
    """The part of ARI's channel snapshot that matters here."""

    id: str
    name: str
    state: str
    dialplan: Dialplan = msgspec.field(default_factory=Dialplan)
    caller: Party = msgspec.field(default_factory=Party)

    @property
    def up(self) -> bool:
        return self.state == "Up"

    @property
    def step(self) -> Step:
        where = self.dialplan
        return Step(self.id, where.context, where.app_name, where.app_data, self.caller.number)


class Bridge(msgspec.Struct):
    id: str
    bridge_type: str
    bridge_class: str = ""
    channels: list[str] = []

    @property
    def out_of_sight(self) -> bool:
        """Made by an ARI application, which can hold its members (`POST /channels/{id}/hold`) without any event (seen on 22.10.1)."""
        return self.bridge_class == "stasis"

    @property
    def mixing(self) -> bool:
        """Its members hear each other, and whenever one is held that is told."""
        return self.bridge_type == "mixing" and not self.out_of_sight


_CHANNEL = msgspec.json.Decoder(Channel)
_CHANNELS = msgspec.json.Decoder(list[Channel])
_BRIDGES = msgspec.json.Decoder(list[Bridge])


def parse_channel(body: bytes) -> Channel:
    """Answer of `GET /channels/ID`. Raises msgspec.DecodeError."""
    return _CHANNEL.decode(body)


def parse_channels(body: bytes) -> list[Channel]:
    """Answer of `GET /channels`. Raises msgspec.DecodeError."""
    return _CHANNELS.decode(body)


def parse_bridges(body: bytes) -> list[Bridge]:
    """Answer of `GET /bridges`. Raises msgspec.DecodeError."""
    return _BRIDGES.decode(body)
