"""PJSIP endpoints and their options, as the running Asterisk has them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from asterisk_privacy.asterisk.ari import Ari, AriRefused

ON = ("true", "yes")
DIRECT_MEDIA, SUPPRESSES_HOLD = "direct_media", "suppress_moh_on_sendonly"
HIDING: Mapping[str, str] = {
    DIRECT_MEDIA: "its voice can bypass Asterisk unheard",
    SUPPRESSES_HOLD: "Asterisk tells nobody of its holds and its calls are not recorded",
}
"""Options that hide something from the recorder when they are on, and what. docs/pbx-options.md has all that were looked at."""


class _Endpoint(msgspec.Struct):
    resource: str


class _Attribute(msgspec.Struct):
    attribute: str
    value: str


async def endpoints(ari: Ari) -> list[str]:
    try:
        body = await ari.request("GET", "endpoints/PJSIP")
    except AriRefused as refused:
        if refused.status == 404:  # no PJSIP here
            return []
        raise
    return sorted(e.resource for e in msgspec.json.decode(body, type=list[_Endpoint]))


async def endpoint_settings(ari: Ari, endpoint: str) -> dict[str, str] | None:
    """None if Asterisk knows no such endpoint. Raises AriRefused or AriUnreachable."""
    try:
        body = await ari.request("GET", f"asterisk/config/dynamic/res_pjsip/endpoint/{quote(endpoint, safe='')}")
    except AriRefused as refused:
        if refused.status == 404:
            return None
        raise
    return {a.attribute: a.value for a in msgspec.json.decode(body, type=list[_Attribute])}
