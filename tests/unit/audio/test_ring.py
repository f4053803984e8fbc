from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.frames import RATE
from asterisk_privacy.audio.ring import SEGMENT_BYTES, SEGMENT_SECONDS, Ring, RingMemory

WHOLE = SEGMENT_SECONDS * RATE


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(st.integers(1, WHOLE + WHOLE // 2), st.sampled_from(["drain", "wipe"])), max_size=8),
    st.integers(1, 3),
    st.integers(0, 4),
)
def test_against_a_model(steps: list[int | str], segments: int, memory: int) -> None:
    limit = RingMemory(memory * SEGMENT_BYTES)
    ring, model, mark = Ring(segments * SEGMENT_SECONDS, limit), np.zeros(0, dtype=np.int16), 0
    held = min(segments, memory)
    for step in steps:
        if isinstance(step, int):
            block = ulaw.decode((np.arange(mark, mark + step) % 251).astype(np.uint8))
            mark += step
            ring.append(np.stack([block, block], axis=1))
            model = np.concatenate([model, block])
            while len(model) > held * WHOLE and held:
                model = model[WHOLE:]
            model = model if held else model[:0]
        else:
            segments_now = list(ring._segments)
            got = np.concatenate([b[:, 0] for b in ring.drain()] or [model[:0]]) if step == "drain" else model
            ring.wipe()
            assert np.array_equal(got, model)
            model = model[:0]
            assert not any(s.any() for s in segments_now)
            assert limit.used == 0
        assert round(ring.seconds * RATE) == len(model)
    segments_now = list(ring._segments)
    ring.wipe()
    assert limit.used == 0
    assert not any(s.any() for s in segments_now)


def test_a_wipe_during_a_drain_leaves_nothing() -> None:
    limit = RingMemory(1 << 24)
    ring = Ring(600, limit)
    ring.append(np.full((3 * WHOLE, 2), 7, dtype=np.int16))
    segments = list(ring._segments)
    drain = ring.drain()
    next(drain)
    ring.wipe()
    drain.close()
    assert limit.used == 0
    assert not any(s.any() for s in segments)
