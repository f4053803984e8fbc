"""Which contexts the running dialplan has: asked of a channel that is made for it, never dialled, and gone after some milliseconds.

ARI lists no dialplan, and DIALPLAN_EXISTS() answers nothing without a channel (both seen on 22.10.1). A Local channel that is only created
asks nobody's phone and runs no dialplan; callers, queues and call records know nothing of it.
"""

from __future__ import annotations

import uuid

import msgspec

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.ari import Ari, AriRefused


async def missing_contexts(ari: Ari) -> tuple[str, ...]:
    """Those of the include that the dialplan lacks; none too if Asterisk does not say. The application must be connected.
    Raises AriRefused or AriUnreachable."""
    probe = f"privacy-probe-{uuid.uuid4().hex}"
    await ari.request("POST", "channels/create", {"endpoint": "Local/s@privacy-probe/n", "app": ari.app, "channelId": probe})
    try:
        return tuple([context for context in names.CONTEXTS if not await _exists(ari, probe, context)])
    finally:
        await ari.hang_up(probe)


async def _exists(ari: Ari, probe: str, context: str) -> bool:
    try:
        question = f"DIALPLAN_EXISTS({context},{names.NOT_AT_S.get(context, 's')},1)"
        body = await ari.request("GET", f"channels/{probe}/variable", {"variable": question})
    except AriRefused:
        return True
    return msgspec.json.decode(body, type=dict[str, str]).get("value") != "0"
