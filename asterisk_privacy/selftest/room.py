"""The agent's keys in a conference: one is pressed by somebody who is alone in it. No call is recorded by this."""

from __future__ import annotations

import asyncio

from asterisk_privacy.asterisk.modules import ROOMS
from asterisk_privacy.selftest.before import running_modules
from asterisk_privacy.selftest.side import Channels
from asterisk_privacy.selftest.steps import Steps
from asterisk_privacy.selftest.verdict import CALLER_HZ

ENTER_SECONDS, KEY_SECONDS = 5.0, 3.0
SETTLE_SECONDS = 0.5  # ConfBridge listens to keys a moment after it is entered


async def try_it(steps: Steps, channels: Channels, digits: str) -> None:
    """Raises AriRefused or AriUnreachable."""
    if not ROOMS.keys() <= await running_modules(channels):
        steps.fine("room", "there are none: app_confbridge does not run")
        return
    near, far = await channels.room()
    if not await channels.in_application(far, "ConfBridge", ENTER_SECONDS):
        steps.wrong("room", "the dialplan's [privacy-selftest] does not lead into a conference; Asterisk's own log says why")
        return
    await channels.say(near, CALLER_HZ)  # a channel that sends nothing has its digits delivered late
    await asyncio.sleep(SETTLE_SECONDS)
    await channels.press(near, digits)
    told = await channels.wait_for(
        lambda e: e["type"] == "ChannelUserevent" and e.get("channel", {}).get("id") == far and e["eventname"] == "PrivacyKey", KEY_SECONDS
    )
    if told is None:
        steps.wrong(
            "room",
            f"{digits} does nothing there: confbridge.conf needs #tryinclude confbridge_privacy.conf (run asterisk-privacy setup, or "
            f"asterisk -rx 'module reload app_confbridge.so'); with other digits of your own: --keep-key",
        )
    else:
        steps.fine("room", digits)
    await channels.hang_up(near)
