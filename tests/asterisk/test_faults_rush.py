"""Half a thousand calls in five seconds, more than two cores can carry: each is put through, and what is kept of them is conversation."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fault_lab import AGENT, ALWAYS, CUSTOMER, POLICY, VOICES, Make, kept_seconds, nothing_in_clear, settled
from fault_table import Fault

from asterisk_privacy.audio import ulaw
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.crowd import Crowd
from asterisk_privacy.lab.sipp import HangUp, Talk
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

CALLS, RUSH_SECONDS, TALK_SECONDS = 500, 5.0, 2.5
LISTENED = 25
"""So many recordings are opened and heard, one in every few."""


def voice(path: Path, freq: float) -> Path:
    path.write_bytes(ulaw.encode(tones.tone(freq, 2 * TALK_SECONDS).astype(np.int16)).tobytes())
    return path


async def test_five_hundred_calls_in_five_seconds(make: Make, fault: Fault, tmp_path: Path) -> None:
    broken = make(policy=POLICY.replace('refuse_key = "3"\n', ""))  # else each waits two seconds for the key
    await asyncio.to_thread(broken.site.__enter__)
    fault("500 calls arrive within 5 s")
    voices = voice(tmp_path / "customer.ul", CUSTOMER), voice(tmp_path / "agent.ul", AGENT)
    crowd = Crowd(
        broken.site.pbx, ALWAYS, CALLS, TALK_SECONDS, agent_port=broken.ports["agent"], rate=CALLS / RUSH_SECONDS, voices=voices,
        customer_steps=(Talk(TALK_SECONDS), HangUp()),
    )  # fmt: skip
    with crowd:
        await asyncio.to_thread(crowd.until_over)  # an OperatorError if one of them was not answered, or not ended as it should be
    fault.calls = fault.alive = CALLS
    await broken.comes_true(lambda status: status["calls"]["now"] == 0 and not status["capture"]["taps"], 60.0)
    fault.over()
    settled(broken)
    # so many rows alike look like a tone for a twentieth of a second: the other tests search theirs
    nothing_in_clear(broken, *broken.site.state.glob("registry.sqlite*"))
    calls, rows, alarms = broken.site.calls(limit=2 * CALLS), broken.site.recordings(), await broken.alarms()
    outcomes = Counter(call.outcome for call in calls)
    print(f"\n{CALLS} calls: {dict(outcomes)}, {len(rows)} recordings; alarms {alarms}")
    # how many the recorder comes to in time is the machine's affair; that no call is lost sight of is ours
    unasked = CALLS - len(calls) + outcomes["unannounced"]
    if "ari_down" not in alarms:  # then the dialplan's word for some of them went nowhere, and its own count tells of them
        assert alarms.get("missed_calls", 0) + alarms.get("not_ready", 0) >= unasked
    # a call in which the recorder heard nothing leaves a row and no file
    sealed = [row for row in rows if row.state is not State.ERASED]
    assert outcomes["kept"] == len(sealed) > 0
    assert {row.state_reason for row in rows if row not in sealed} <= {"nothing was heard in it"}
    assert outcomes.keys() <= {"kept", "discarded", "not-kept", "unannounced"}
    assert "ghost_call" not in alarms
    for row in sealed[:: max(1, len(sealed) // LISTENED)]:
        for column, voice_of in enumerate(("customer", "agent")):
            heard = kept_seconds(broken, row, column)
            assert heard.keys() & VOICES.keys() <= {voice_of}, heard
            assert heard.get(voice_of, 0.0) <= TALK_SECONDS + 0.5, heard
