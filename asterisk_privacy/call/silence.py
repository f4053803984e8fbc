"""Why nothing is heard of a party in mid-conversation: decided here, from what is known, for timeline, status and alarms. Pure.

| packets come | what else | why |
|---|---|---|
| any | Asterisk has no translator for the codec | no-translator |
| none | SRTP, and nothing was ever heard of it | undeciphered |
| none | the phone is dead silent between words | pauses |
| none, for long | | gone |
| none | | no-packets |
| a few a second | | comfort-noise |
| as in talk | a fresh tap hears the voice at once | blind-hook |
| as in talk | the phone is dead silent between words | pauses |
| as in talk | nobody at all is heard, for long | blind-hook |
| as in talk | | muted |
| not known | a fresh tap hears the voice at once | blind-hook |
| not known | | unknown |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

GONE_SECONDS: Final = 15.0
"""Without a packet from a phone that is not known to pause. A closed browser tab sends none, and no hang-up either."""
NOBODY_SECONDS: Final = 5.0
"""Nobody is heard, and all send: when the RTP of both sides begins anew at once, no fresh tap helps. Two mutes at a time are shorter."""
LEAST_TALK: Final = 8.0
"""Packets a second: the longest packets hold 110 ms."""
LEAST_NOISE: Final = 0.5


class Why(StrEnum):
    MUTED = "muted"  # packets of digital silence: muted, or held by the phone alone
    PAUSES = "pauses"  # VAD, DTX or a noise gate, as this phone has shown before
    COMFORT_NOISE = "comfort-noise"
    NO_PACKETS = "no-packets"
    GONE = "gone"
    NO_TRANSLATOR = "no-translator"
    UNDECIPHERED = "undeciphered"
    BLIND_HOOK = "blind-hook"
    UNKNOWN = "unknown"


NEEDS_A_PERSON: Final = frozenset({Why.GONE, Why.NO_TRANSLATOR, Why.UNDECIPHERED, Why.BLIND_HOOK})
NO_HOLD: Final = frozenset({Why.PAUSES, Why.COMFORT_NOISE, Why.NO_PACKETS, Why.GONE, Why.NO_TRANSLATOR, Why.UNDECIPHERED})
"""What is kept of such a silence is the same as of a hold; but nobody is told that a phone held."""


@dataclass(frozen=True, slots=True)
class Known:
    """`seconds`: silent for so long. `packets`: a second, meanwhile; None: Asterisk does not say. `decodes`: Asterisk has a translator."""

    seconds: float
    packets: float | None = None
    decodes: bool = True
    enciphered: bool = False
    ever_heard: bool = True
    dead_between_words: bool = False
    heard_by_fresh_tap: bool = False
    nobody_heard: bool = False


def why(known: Known) -> Why:
    if not known.decodes:
        return Why.NO_TRANSLATOR
    if known.packets is None or known.packets >= LEAST_TALK:
        if known.heard_by_fresh_tap:
            return Why.BLIND_HOOK
        if known.packets is None:
            return Why.UNKNOWN
        if known.dead_between_words:
            return Why.PAUSES
        return Why.BLIND_HOOK if known.nobody_heard and known.seconds >= NOBODY_SECONDS else Why.MUTED
    if known.packets >= LEAST_NOISE:
        return Why.COMFORT_NOISE
    if known.enciphered and not known.ever_heard:
        return Why.UNDECIPHERED
    if known.dead_between_words:
        return Why.PAUSES
    return Why.GONE if known.seconds >= GONE_SECONDS else Why.NO_PACKETS
