"""Many calls at once on a site, all alike: sipp's customers and agents, each with sound of his own, for measuring what calls cost."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import soundfile as sf

from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.frames import RATE
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.pbx import DIALPLAN, Pbx
from asterisk_privacy.lab.sipp import HangUp, SippAgent, SippCaller, Sound, Step, Talk, WaitForBye
from asterisk_privacy.lab.timecode import TimeCode

SETTLE_SECONDS: Final = 2.0
"""From the last INVITE until all of them talk: a notice of half a second, an answer after a fifth, taps."""
_NOISE: Final = 12.0
"""Samples (RMS) of a quiet line: -69 dBFS. No real line is digitally silent."""
_numbers: Final = itertools.count(1)


class Crowd:
    """`calls` calls of `seconds` each to `extension`, begun at `rate` a second. `agent_port` 0: nobody is there to answer. Use as a context
    manager: it starts, and leaves nothing."""

    def __init__(
        self,
        pbx: Pbx,
        extension: str,
        calls: int,
        seconds: float,
        *,
        agent_port: int,
        rate: float = 25.0,
        agent: str = "agent",
        voices: tuple[Sound, Sound],
        customer_steps: Sequence[Step] | None = None,
        agent_steps: Sequence[Step] = (WaitForBye(),),
    ) -> None:
        work = pbx.workdir.parent / f"crowd-{next(_numbers)}"
        self.calls = calls
        self._answered = agent_port != 0
        self._ramp = calls / rate
        self._longest = self._ramp + seconds + 30
        steps = customer_steps if customer_steps is not None else (Talk(seconds), HangUp())
        self._agents = SippAgent(
            agent, work, pbx.install, port=agent_port, server_port=pbx.sip_port, steps=agent_steps, answer_after=0.2, calls=calls,
            talk=voices[1],
        )  # fmt: skip
        self._customers = SippCaller(
            "customer", work, pbx.install, extension=extension, server_port=pbx.sip_port, steps=steps, calls=calls, rate=rate,
            at_once=calls, talk=voices[0],
        )  # fmt: skip

    def __enter__(self) -> Self:
        if self._answered:
            self._agents.start()
        self._customers.start()
        self._begun = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._customers.stop()
        self._agents.stop()

    def until_all_talk(self) -> None:
        time.sleep(max(0.0, self._begun + self._ramp + SETTLE_SECONDS - time.monotonic()))

    def until_over(self) -> None:
        """OperatorError if a call did not go as written."""
        try:
            status = self._customers.wait(self._longest)
            if self._answered:  # a late BYE would hit the next crowd
                status = max(status, self._agents.wait(self._longest))
        except subprocess.TimeoutExpired:
            status = -1
        if status != 0:
            said = (self._customers.errors or self._agents.errors or "no answer").splitlines()[0]
            raise OperatorError(f"{self.calls} calls were not played as written: {said}; see {self._customers.work.parent}")


def speech(path: Path, begin: float) -> Path:
    """Writes mu-law of the shipped announcements, spoken one after the other over a quiet line, from the share `begin` (0..1) of it on."""
    spoken = [sf.read(file, dtype="int16")[0] for file in sorted(DIALPLAN.glob("sounds/*/notice-*.wav"))]
    pause = np.zeros(RATE * 3 // 4, np.int16)
    whole = np.concatenate([part for one in spoken for part in (one, pause)])
    whole = np.roll(whole, -int(begin * len(whole)))
    noisy = whole + np.random.default_rng(round(begin * 100)).normal(0, _NOISE, len(whole))
    path.write_bytes(ulaw.encode(np.clip(noisy, -32768, 32767).astype(np.int16)).tobytes())
    return path


def time_code(path: Path, seed: int, seconds: float) -> Path:
    """Writes mu-law in which each 20 ms names itself (lab.timecode)."""
    path.write_bytes(ulaw.encode(TimeCode(seed).frames(0, round(seconds * 50) - 1)).tobytes())
    return path
