"""Whether a phone's packets go on as they did when Asterisk was asked about them: one source, one length, and a clock that fits it.

SRTP that begins in mid-call comes to the same port, from the same address, with the same payload type; its packets are longer by a tag of
4 to 16 bytes, and noise if they are taken for G.711. So whatever does not go on as before is kept back until Asterisk was asked again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from asterisk_privacy.asterisk.wire.rtp import Packet, after, apart, is_sound

_WHOLE: Final = 40
"""Samples of 5 ms: packets of G.711 hold a whole number of them."""
_LOOKED_BACK: Final = 50
"""Packets. What steps further back is a new beginning."""


class Fit:
    """Of one tap. Functions of what is handed in; Unfit is raised for sound that is not G.711."""

    def __init__(self) -> None:
        self._last: Packet | None = None
        self._others: deque[int] = deque(maxlen=_LOOKED_BACK)  # sequence numbers of keys and comfort noise

    def count(self, packets: Sequence[Packet]) -> int:
        """How many of them, from the first on, go on as those before them did."""
        for count, packet in enumerate(packets):
            if not is_sound(packet):
                self._others.append(packet.sequence)
            elif not self._goes_on(packet):
                return count
        return len(packets)

    def is_other(self, packet: Packet) -> bool:
        """Whether it is at first sight not of those before it."""
        return self._last is not None and (packet.source != self._last.source or len(packet.payload) != len(self._last.payload))

    def went_on(self, packet: Packet) -> None:
        """The last of some that were found to be in step."""
        self._last = packet

    def begin_anew(self, packets: Sequence[Packet]) -> bool:
        """Asterisk says that these are G.711 in clear. Whether they can be: each source by itself has a clock that fits its packets."""
        for source in dict.fromkeys(packet.source for packet in packets):
            self._last = None
            own = [packet for packet in packets if packet.source == source]
            for packet in own:
                if not is_sound(packet):
                    self._others.append(packet.sequence)
                elif not self._is_whole(packet):
                    return False
        self._last = next((packet for packet in reversed(packets) if is_sound(packet)), None)
        return True

    def _goes_on(self, packet: Packet) -> bool:
        return not self.is_other(packet) and self._is_whole(packet)

    def _is_whole(self, packet: Packet) -> bool:
        last, length = self._last, len(packet.payload)
        if length % _WHOLE:
            return False
        if last is None:
            self.went_on(packet)
            return True
        ahead = after(packet.sequence, last.sequence)
        if ahead <= 0:
            return ahead >= -_LOOKED_BACK  # late, or twice
        silent = sum(0 < after(other, last.sequence) < ahead for other in set(self._others))
        if apart(packet.timestamp, last.timestamp) < (ahead - silent) * len(last.payload):
            return False
        self.went_on(packet)
        return True
