"""Which calls on this Asterisk are another recorder's: what their agents press, and what they keep, is none of our business.

Asterisk tells it: a recorder's answer sets PRIVACY_RECORDER on the customer's channel, and everybody who listens hears of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class OtherRecorders:
    """`own`: this recorder's [asterisk] app. Channels are customers'."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._theirs: set[str] = set()

    def __contains__(self, channel: str) -> bool:
        return channel in self._theirs

    def among(self, channels: Iterable[str]) -> frozenset[str]:
        return frozenset(self._theirs.intersection(channels)) if self._theirs else frozenset()

    def told(self, channel: str, recorder: str) -> None:
        """Of the two that were asked the one that answered last has the call."""
        if recorder and recorder != self._own:
            self._theirs.add(channel)
        else:
            self._theirs.discard(channel)

    def read(self, recorders: Mapping[str, str]) -> None:
        """All of them anew, by channel; an empty name is nobody's."""
        self._theirs.clear()
        for channel, recorder in recorders.items():
            self.told(channel, recorder)

    def gone(self, channel: str) -> None:
        self._theirs.discard(channel)
