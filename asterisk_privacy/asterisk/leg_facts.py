"""What Asterisk says of a channel whose voice is not heard (seen on 22.10.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable

_QUESTION: Final = (
    "EVAL(${CHANNEL(name)} ${CHANNEL(rtcp,rxcount)} ${CHANNEL(rtcp,rxploss)} ${CHANNEL(rtp,secure)} ${CHANNEL(audionativeformat)})"
)
"""Functions of chan_pjsip; a channel of another kind refuses them."""
_BUILT_IN: Final = ("ulaw", "alaw", "g722", "gsm", "slin")
_TRANSLATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "g729": ("codec_g729", "codec_g729a", "codec_dahdi"),
    "g723": ("codec_g723", "codec_dahdi"),
    "opus": ("codec_opus", "codec_opus_open_source"),
}
"""Modules any of which does; of other codecs it is the one of their name."""


@dataclass(frozen=True, slots=True)
class LegFacts:
    """`packets`: received until now. `lost`: that never came, as of the last RTCP report, one every five seconds. `decodes`: Asterisk has
    a translator for what the phone sends."""

    endpoint: str
    packets: int
    enciphered: bool
    decodes: bool
    lost: int = 0


async def ask(ari: Ari, channel: str) -> LegFacts | None:
    """None: Asterisk does not say."""
    try:
        words = (await ari.variable(channel, _QUESTION) or "").split()
        if len(words) != 5 or not words[1].isdecimal() or not words[2].isdecimal():
            return None
        name, packets, lost, secure, formats = words
        decodes = [await _decodes(ari, one) for one in formats.strip("()").split("|")]
    except (AriRefused, AriUnreachable):
        return None
    return LegFacts(name.rpartition("-")[0], int(packets), secure != "0", any(decodes), int(lost))


async def _decodes(ari: Ari, codec: str) -> bool:
    if codec.startswith(_BUILT_IN):
        return True
    for module in _TRANSLATORS.get(codec, (f"codec_{codec}",)):
        try:
            await ari.request("GET", f"asterisk/modules/{module}.so")
        except AriRefused as refused:
            if refused.status != 404:
                raise
        else:
            return True
    return False
