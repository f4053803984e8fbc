"""What in the running Asterisk would hide conversation or holds from the recorder, or keep it from working: asked over ARI.

The dialplan cannot be asked so: DIALPLAN_EXISTS() answers nothing without a channel (seen on 22.10.1)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from asterisk_privacy.asterisk.ari import Ari, AriRefused

MODULES = ("app_audiosocket.so", "res_ari_channels.so", "res_stasis_snoop.so", "app_userevent.so", "res_agi.so")
MOST_ENDPOINTS = 500
"""Asked one by one; beyond this many the rest is not looked at, and said so."""


class _Module(msgspec.Struct):
    name: str
    status: str = ""


class _Endpoint(msgspec.Struct):
    resource: str


class _Attribute(msgspec.Struct):
    attribute: str
    value: str


async def advice(ari: Ari) -> tuple[str, ...]:
    """One line each: what is wrong, and what to set. Raises AriRefused or AriUnreachable if Asterisk does not answer."""
    found = [*_missing_modules(await ari.request("GET", "asterisk/modules"))]
    endpoints = await _endpoints(ari)
    for endpoint in endpoints[:MOST_ENDPOINTS]:
        if (await _settings(ari, endpoint)).get("direct_media") in ("true", "yes"):
            found.append(
                f"pjsip.conf: endpoint {endpoint} has direct_media=yes, so that its voice can bypass Asterisk unheard; set direct_media=no"
            )
    if len(endpoints) > MOST_ENDPOINTS:
        found.append(f"pjsip.conf: only {MOST_ENDPOINTS} of {len(endpoints)} endpoints were looked at; set direct_media=no in all")
    return tuple(found)


def _missing_modules(body: bytes) -> Iterable[str]:
    running = {m.name for m in msgspec.json.decode(body, type=list[_Module]) if m.status == "Running"}
    return (f"modules.conf: {name} is not running; load it" for name in MODULES if name not in running)


async def _endpoints(ari: Ari) -> list[str]:
    try:
        body = await ari.request("GET", "endpoints/PJSIP")
    except AriRefused as refused:
        if refused.status == 404:  # no PJSIP here
            return []
        raise
    return sorted(e.resource for e in msgspec.json.decode(body, type=list[_Endpoint]))


async def _settings(ari: Ari, endpoint: str) -> dict[str, str]:
    """Empty if Asterisk does not tell."""
    try:
        body = await ari.request("GET", f"asterisk/config/dynamic/res_pjsip/endpoint/{endpoint}")
    except AriRefused:
        return {}
    return {a.attribute: a.value for a in msgspec.json.decode(body, type=list[_Attribute])}
