"""Whether a PJSIP endpoint is an agent's: asked of its own settings, over ARI.

The template of pjsip_privacy.conf sets DYNAMIC_FEATURES on each channel of the endpoint, and ARI tells it among the endpoint's settings.
The variable on a channel would be a worse witness: the dialplan can set it, it can be inherited, and a pick-up mixes those of two phones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec

from asterisk_privacy.asterisk.ari import Ari, AriRefused
from asterisk_privacy.asterisk.endpoints import endpoint_settings
from asterisk_privacy.call.pbx import endpoint_of

TECHNOLOGY = "PJSIP/"
MARK = "DYNAMIC_FEATURES"
FEATURES = frozenset({
    "privacykeep", "privacypause", "privacyresume", "privacyoff", "privacyfrom", "privacyto", "privacyobject",
})  # fmt: skip
"""Of features_privacy.conf. One of them is enough: not every agent has every key."""


def is_named(endpoint: str, patterns: Sequence[str]) -> bool:
    """By [agents] endpoints."""
    return any(fnmatchcase(endpoint, pattern) for pattern in patterns)


def is_marked(settings: dict[str, str]) -> bool:
    return not FEATURES.isdisjoint(settings.get(MARK, "").split("#"))


async def is_agents(ari: Ari, endpoint: str) -> bool:
    """`endpoint` with its technology; of any but PJSIP only the configuration knows. Raises AriRefused or AriUnreachable."""
    if not endpoint.startswith(TECHNOLOGY):
        return False
    return is_marked(await endpoint_settings(ari, endpoint.removeprefix(TECHNOLOGY)) or {})


async def marked_among(ari: Ari, channel_names: Iterable[str]) -> dict[str, bool]:
    """By endpoint, of all PJSIP channels of these names; without those of which Asterisk does not tell. Raises AriUnreachable."""
    endpoints = sorted({e for e in map(endpoint_of, channel_names) if e.startswith(TECHNOLOGY)})
    answers = await asyncio.gather(*(_is_agents_or_none(ari, e) for e in endpoints))
    return {e: answer for e, answer in zip(endpoints, answers, strict=True) if answer is not None}


async def _is_agents_or_none(ari: Ari, endpoint: str) -> bool | None:
    try:
        return await is_agents(ari, endpoint)
    except (AriRefused, msgspec.DecodeError):
        return None
