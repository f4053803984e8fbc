"""Where all rings together reach their limit: the oldest audio of calls that nobody has saved goes first, and nothing that was saved."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.frames import RATE
from asterisk_privacy.audio.ring import SEGMENT_BYTES, SEGMENT_SECONDS, Ring, RingMemory

WHOLE = SEGMENT_SECONDS * RATE


class Full:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def said(ring: Ring, code: int, samples: int = WHOLE) -> None:
    ring.append(np.full((samples, 2), ulaw.decode(np.array([code], dtype=np.uint8))[0], dtype=np.int16))


def heard(ring: Ring) -> list[int]:
    """A code for each segment that is left, the oldest first."""
    return [int(ulaw.encode(block.reshape(-1)[:1])[0]) for block in ring.drain()]


def test_the_oldest_of_any_call_goes_for_the_newest() -> None:
    full = Full()
    memory = RingMemory(4 * SEGMENT_BYTES, full)
    old, young, new = (Ring(600, memory) for _ in range(3))
    for ring, code in ((old, 1), (young, 2), (old, 3), (young, 4), (new, 5), (new, 6)):
        said(ring, code)
    assert memory.used == 4 * SEGMENT_BYTES
    assert (old.lost_seconds, young.lost_seconds, new.lost_seconds) == (30, 30, 0)
    assert full.times == 2  # two calls have lost something
    assert [heard(ring) for ring in (old, young, new)] == [[3], [4], [5, 6]]


def test_what_was_saved_stays_and_what_goes_is_zeroed() -> None:
    memory = RingMemory(2 * SEGMENT_BYTES)
    saved, idle, new = (Ring(600, memory) for _ in range(3))
    said(saved, 1)
    said(idle, 2, WHOLE // 2)
    saved.save()
    held = idle._segments[0]
    said(new, 3)
    assert not held.any()
    assert (idle.lost_seconds, idle.seconds, idle.memory_bytes) == (15, 0, 0)
    said(new, 4)  # nothing but its own is older now
    assert (saved.lost_seconds, new.lost_seconds) == (0, 30)
    assert [heard(ring) for ring in (saved, idle, new)] == [[1], [], [4]]


def test_a_call_that_can_have_nothing_says_so_and_begins_where_it_can() -> None:
    full = Full()
    memory = RingMemory(SEGMENT_BYTES, full)
    saved, new = Ring(600, memory), Ring(600, memory)
    said(saved, 1)
    saved.save()
    said(new, 2, RATE)
    assert (new.lost_seconds, full.times) == (1, 1)
    saved.wipe()
    said(new, 3, RATE)
    assert heard(new) == [3]


def test_a_limit_that_is_lowered_while_calls_go_on_holds_with_the_next_segment() -> None:
    memory = RingMemory(6 * SEGMENT_BYTES)
    rings = [Ring(600, memory) for _ in range(3)]
    for code in (1, 2):
        for ring in rings:
            said(ring, code)
    memory.limit = 3 * SEGMENT_BYTES
    new = Ring(600, memory)
    said(new, 9)
    assert memory.used == memory.limit
    assert [ring.lost_seconds for ring in (*rings, new)] == [60, 30, 30, 0]


rings = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["say", "say", "say", "say", "save", "wipe"])), max_size=60)


@settings(max_examples=100, deadline=None)
@given(rings, st.integers(1, 6))
def test_against_a_model(steps: list[tuple[int, str]], limit: int) -> None:
    """Five calls; each says a segment at a time, is saved, or ends. What is left of each is the newest of it, and what went was oldest."""
    memory = RingMemory(limit * SEGMENT_BYTES)
    calls = [Ring(3600, memory) for _ in range(5)]
    held: list[tuple[int, int]] = []  # (call, code), the oldest first
    saved: set[int] = set()
    for code, (number, what) in enumerate(steps):
        if what == "save":
            calls[number].save()
            saved.add(number)
        elif what == "wipe":
            calls[number].wipe()
            held = [h for h in held if h[0] != number]
        else:
            said(calls[number], code % 251)
            if len(held) == limit:
                others = [h for h in held if h[0] not in saved]
                own = [h for h in held if h[0] == number]
                if others or own:
                    held.remove((others or own)[0])
            if len(held) < limit:
                held.append((number, code))
        assert memory.used == len(held) * SEGMENT_BYTES <= memory.limit
        for n, ring in enumerate(calls):
            assert ring.memory_bytes == sum(h[0] == n for h in held) * SEGMENT_BYTES
    assert [heard(ring) for ring in calls] == [[code % 251 for n, code in held if n == call] for call in range(5)]
