"""Which contexts the running dialplan has: asked of a channel that is made for it, never dialled, and gone after some milliseconds.

ARI lists no dialplan, and DIALPLAN_EXISTS() answers nothing without a channel (both seen on 22.10.1). A Local channel that is only created
asks nobody's phone and runs no dialplan; callers, queues and call records know nothing of it.
"""

from __future__ import annotations

import asyncio
import uuid

import msgspec

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.ari import Ari, AriRefused

ENDPOINT = "Local/s@privacy-probe"


def is_probe(channel_name: str) -> bool:
    """Also one that a recorder made and did not live to remove."""
    return channel_name.startswith(f"{ENDPOINT}-")


async def missing_contexts(ari: Ari) -> tuple[str, ...]:
    """Those of the include that the dialplan lacks; none too if Asterisk does not say. The application must be connected.
    Raises AriRefused or AriUnreachable."""
    probe = f"privacy-probe-{uuid.uuid4().hex}"
    await ari.request("POST", "channels/create", {"endpoint": f"{ENDPOINT}/n", "app": ari.app, "channelId": probe})
    try:
        there = await asyncio.gather(*(_exists(ari, probe, context) for context in names.CONTEXTS))
        return tuple(context for context, exists in zip(names.CONTEXTS, there, strict=True) if not exists)
    finally:
        await ari.hang_up(probe)


async def _exists(ari: Ari, probe: str, context: str) -> bool:
    try:
        question = f"DIALPLAN_EXISTS({context},{names.NOT_AT_S.get(context, 's')},1)"
        body = await ari.request("GET", f"channels/{probe}/variable", {"variable": question})
    except AriRefused:
        return True
    return msgspec.json.decode(body, type=dict[str, str]).get("value") != "0"
