"""A busy machine: Asterisk itself stands still now and then. Every frame is accounted for."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from measuring import Stretch, leaks
from test_faults_late import CODES, coded_calls, over

from asterisk_privacy.audio.frames import RATE
from asterisk_privacy.audio.voice import VERY_LATE_SECONDS
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(300)]


async def asterisk_stands_still(site: Site, seconds: float) -> None:
    os.kill(site.pbx.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(site.pbx.pid, signal.SIGCONT)


LONG = pytest.mark.skipif("LONG" not in os.environ, reason="three minutes: make bench-long")


@pytest.mark.parametrize("stalls, apart", [
    pytest.param([0.1] * 8, 3.0, id="tenths"),
    pytest.param([0.1, 0.1, 0.5, 0.1, 0.1, 0.5, 0.1, 0.1], 3.5, id="halves"),
    pytest.param([0.1, 0.1, 0.5, 0.1, 0.1, 0.5, 0.1, 0.1], 20.0, id="three-minutes", marks=LONG),
])  # fmt: skip
async def test_every_frame_is_accounted_for(stalls: list[float], apart: float, install: Install, tmp_path: Path) -> None:
    async with coded_calls(install, tmp_path, "snoop", 1) as (site, [story]):
        begins = time.monotonic()
        for seconds in stalls:
            await asyncio.sleep(apart)
            await asterisk_stands_still(site, seconds)
        await asyncio.sleep(2.0)
        held = await story.agent.hold()
        await asyncio.sleep(1.5)
        resumed = await story.agent.unhold()
        await asyncio.sleep(2.0)
        ended = time.monotonic()
        [row] = await over(site, [story])
        capture = site.status()["capture"]
        assert isinstance(capture, dict)
        [recording] = site.recordings()
        audio = site.listen(recording.id)
    talks = [Stretch(ends=held, ended=held), Stretch(resumed, resumed, ended, ended)]
    late, where = [], []
    for leg, code, column in ((story.customer, CODES[0], 0), (story.agent, CODES[1], 1)):
        heard = code.heard(audio[:, column])
        assert leaks(leg.media.sent, heard, talks) == []
        said = {frame.n: frame.at for frame in leg.media.sent if begins <= frame.at <= held - 0.1}
        late.append(0.02 * len(said.keys() - heard))
        pieces = [piece for piece in code.fragments(audio[:, column]) if piece.n in said]
        where.append({piece.n: (piece.start + piece.end) / 2 / RATE - said[piece.n] for piece in pieces})
    print(f"missing {late}, told {capture['missing_seconds']}, renewed {capture['renewed']}, marks {row.marks}")
    apart_by = [np.median(list(side.values())) for side in where]
    spread = [np.ptp(np.percentile(list(side.values()), [1, 99])) for side in where]
    print(f"sides {apart_by}, each {spread}")
    assert capture["renewed"] >= 2
    slack = 0.1 + leg.media.late(begins, held)
    assert sum(late) <= capture["missing_seconds"] + slack + 2 * 0.06 * stalls.count(0.5)  # a gap of three frames is not told
    if max(stalls) < 0.2:
        assert max(late) <= slack
    else:
        assert max(late) <= 2 * (0.52 + VERY_LATE_SECONDS) + slack  # Asterisk throws away all that waits
    assert abs(apart_by[0] - apart_by[1]) <= 0.1
    assert max(spread) <= 0.1 + slack
