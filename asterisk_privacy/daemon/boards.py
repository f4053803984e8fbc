"""The switchboard as Asterisk's state was read, which channels it lost a moment ago, and what names tell of phones."""

from __future__ import annotations

from collections.abc import Iterable

from asterisk_privacy.asterisk.ari import Reading
from asterisk_privacy.call import pbx
from asterisk_privacy.call.switchboard import Switchboard


class GoneLately:
    """Channels that ended in the last `seconds`: news of them may overtake the dialplan's question for them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[str, float] = {}  # the oldest first

    def note(self, channel: str, now: float) -> None:
        self._since.pop(channel, None)
        self._since[channel] = now
        while (oldest := next(iter(self._since))) and self._since[oldest] < now - self._seconds:
            del self._since[oldest]

    def __contains__(self, channel: str) -> bool:
        return channel in self._since


def board_of(reading: Reading, endpoints: Iterable[pbx.EndpointRead]) -> Switchboard:
    """`endpoints`: what is known of those that have channels."""
    now = reading.at  # what the stream tells of the moments while it was being read is newer
    board = Switchboard()
    for endpoint in endpoints:
        board.apply(endpoint)
    for channel in reading.channels:
        board.apply(pbx.ChannelSeen(now, channel.id, channel.name, channel.up))
    for bridge in reading.bridges:
        board.apply(pbx.BridgeSeen(now, bridge.id, bridge.mixing, frozenset(bridge.channels)))
    for channel_id in reading.holding:
        board.apply(pbx.Held(now, channel_id))
    for channel_id in reading.suspects:
        board.apply(pbx.Held(now, channel_id, by_feature=True))  # ends with a move too: what is suspected can end without an event
    return board
