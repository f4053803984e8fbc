"""The story of the test call: announced, connected, held, kept, ended. Each turn is a step, and a wrong turn says the way out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from asterisk_privacy.daemon.control import ask
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.selftest.side import Channels, Event
from asterisk_privacy.selftest.steps import Steps
from asterisk_privacy.selftest.verdict import AGENT_HZ, CALLER_HZ, WAITING_HZ

ANSWER_SECONDS = 8.0
NOTICE_SECONDS = 120.0
TALK_SECONDS, HOLD_SECONDS = 2.0, 2.0
KEY_SECONDS = 6.0
SEALED_SECONDS = 20.0
_UNANSWERED = (
    "the dialplan reached no recorder ({why}): PRIVACY_AGI of the dialplan must name the [fastagi] listen of config.toml "
    "(127.0.0.1:4573, if neither is set)"
)


class TestCall:
    """`find`: the recording of a call, if there is one by now."""

    __test__ = False  # for pytest: not one of its classes

    def __init__(self, steps: Steps, channels: Channels, find: Callable[[str], RecordingRow | None], keep_digits: str) -> None:
        self._steps = steps
        self._channels = channels
        self._find = find
        self._keep = keep_digits
        self.call_id: str | None = None

    async def play(self, control: Path, public_key: str, like: str) -> None:
        """Raises AriRefused or AriUnreachable, and OperatorError if the recorder does not answer."""
        told = ask(control, f"selftest {public_key} {like}".strip())
        if "refused" in told:
            self._steps.wrong("agi", str(told["refused"]))
            return
        near, far = await self._channels.call()
        if not (await self._channels.entered(near, ANSWER_SECONDS) and await self._channels.entered(far, ANSWER_SECONDS)):
            self._steps.wrong("agi", "the test call did not begin; Asterisk's own log says why")
            return
        await self._channels.into_the_dialplan(near, "line")
        if not await self._announced(near, told):
            return
        agent = await self._channels.agent(ANSWER_SECONDS)
        if agent is None:
            self._steps.wrong("talk", "Dial() did not reach the test's agent; Asterisk's own log says why")
            return
        self._steps.fine("talk")
        await self._talk_and_hold(far, agent)
        await self._keep_it(agent)
        await asyncio.sleep(TALK_SECONDS / 2)
        await self._channels.hang_up(near)

    async def _announced(self, near: str, told: Event) -> bool:
        event = await self._channels.wait_for(_told_by(near, "PrivacyNotice", "PrivacyUnavailable"), ANSWER_SECONDS)
        if event is None:
            self._steps.wrong("agi", "it answered that this call cannot be recorded; why: journalctl -u asterisk-privacy")
            return False
        if event["eventname"] == "PrivacyUnavailable":
            self._steps.wrong("agi", _UNANSWERED.format(why=event["userevent"].get("Why") or "no answer"))
            return False
        self._steps.fine("agi")
        self.call_id = str(event["userevent"].get("Call"))
        end = await self._channels.wait_for(
            lambda e: _told_by(near, "PrivacyNotice")(e) and e["userevent"].get("Stage") == "end", NOTICE_SECONDS
        )
        if end is None or end["userevent"].get("Heard") != "yes":
            self._steps.wrong(
                "announcement",
                f"{told.get('announcement')} ({told.get('language')}) could not be played: [dialplan] sounds must name a directory that "
                f"Asterisk may read, with that sound in the folder of its language; Asterisk's log names the file that it looked for",
            )
            return False
        self._steps.fine("announcement", f"{told.get('announcement')} ({told.get('language')})")
        return True

    async def _talk_and_hold(self, far: str, agent: str) -> None:
        await asyncio.sleep(TALK_SECONDS)
        await self._channels.hold(agent)
        if await self._channels.wait_for(lambda e: e["type"] == "ChannelHold" and e["channel"]["id"] == agent, TALK_SECONDS) is None:
            self._steps.cannot("hold", "Asterisk told of no hold: is func_holdintercept.so loaded?")
        for channel in (far, agent):
            await self._channels.say(channel, WAITING_HZ)
        await asyncio.sleep(HOLD_SECONDS)
        for channel, hz in ((far, CALLER_HZ), (agent, AGENT_HZ)):
            await self._channels.say(channel, hz)
        await self._channels.resume(agent)
        await asyncio.sleep(TALK_SECONDS)

    async def _keep_it(self, agent: str) -> None:
        phone = await self._channels.other_half(agent)
        if phone is not None:
            await self._channels.hear(phone)
        await self._channels.press(agent, self._keep)
        pressed = None if phone is None else await self._channels.wait_for(_told_by(phone, "PrivacyKey"), KEY_SECONDS / 2)
        if await self._recorded(KEY_SECONDS) is not None:
            self._steps.fine("key", self._keep)
        elif pressed is None:
            self._steps.wrong(
                "key",
                f"Asterisk does not know {self._keep}: features.conf: #tryinclude features_privacy.conf (run asterisk-privacy setup, or "
                f"asterisk -rx 'module reload features'); with other digits of your own: --keep-key",
            )
        else:
            self._steps.wrong("key", "the key was pressed, and the recorder kept nothing; why: journalctl -u asterisk-privacy")

    async def _recorded(self, seconds: float) -> RecordingRow | None:
        return await self.wait_for_row(lambda row: True, seconds)

    async def sealed(self) -> RecordingRow | None:
        return await self.wait_for_row(lambda row: row.state is State.SEALED, SEALED_SECONDS)

    async def wait_for_row(self, wanted: Callable[[RecordingRow], bool], seconds: float) -> RecordingRow | None:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            row = None if self.call_id is None else self._find(self.call_id)
            if row is not None and wanted(row):
                return row
            if asyncio.get_running_loop().time() > deadline:
                return None
            await asyncio.sleep(0.1)


def _told_by(channel: str, *names: str) -> Callable[[Event], bool]:
    return lambda e: e["type"] == "ChannelUserevent" and e.get("channel", {}).get("id") == channel and e["eventname"] in names
