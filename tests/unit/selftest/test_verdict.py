"""What the test call's recording proves, on recordings of which it is known what is in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from asterisk_privacy.call.timeline import Span, SpanKind
from asterisk_privacy.lab.tones import tone
from asterisk_privacy.selftest.steps import STEPS, Result, Steps
from asterisk_privacy.selftest.verdict import AGENT_HZ, CALLER_HZ, WAITING_HZ, judge

HELD = (Span(SpanKind.TALK, 0, 2000), Span(SpanKind.HOLD, 2000, 4000), Span(SpanKind.TALK, 4000, 6000))
NOTHING = np.zeros(16000, np.int16)


def recording(caller: int = CALLER_HZ, agent: int = AGENT_HZ, leak_ms: int = 0) -> npt.NDArray[np.int16]:
    sides = [tone(hz, 2.0) if hz else NOTHING for hz in (caller, agent)]
    samples = np.stack(sides, axis=1).astype(np.int16)
    if leak_ms:
        samples[8000 : 8000 + leak_ms * 8, 1] = tone(WAITING_HZ, leak_ms / 1000, -30.0)
    return samples


def judged(samples: npt.NDArray[np.int16], spans: tuple[Span, ...] = HELD) -> Steps:
    steps = Steps()
    judge(steps, samples, spans)
    return steps


def test_both_voices_and_no_hold() -> None:
    steps = judged(recording())
    assert steps.good("heard") and steps.good("hold")


@pytest.mark.parametrize("leak_ms", [20, 100])
def test_one_frame_of_the_hold_is_seen(leak_ms: int) -> None:
    steps = judged(recording(leak_ms=leak_ms))
    assert steps.done["hold"].result is Result.WRONG and f"{leak_ms} ms" in steps.done["hold"].told


@pytest.mark.parametrize(
    ("caller", "agent", "told"),
    [(0, AGENT_HZ, "the caller cannot"), (CALLER_HZ, 0, "the agent cannot"), (0, 0, "the caller and the agent")],
)
def test_who_is_not_heard_is_named_and_proves_nothing(caller: int, agent: int, told: str) -> None:
    steps = judged(recording(caller, agent))
    assert steps.done["heard"].result is Result.WRONG and told in steps.done["heard"].told
    assert steps.done["hold"].result is Result.CANNOT


def test_sides_that_are_swapped() -> None:
    assert judged(recording(AGENT_HZ, CALLER_HZ)).done["heard"].result is Result.WRONG


def test_a_hold_that_the_recorder_did_not_see() -> None:
    assert judged(recording(), HELD[:1]).done["hold"].result is Result.WRONG


def test_exit_codes() -> None:
    for results, code in (
        ((), 3),
        ((Result.FINE,) * len(STEPS), 0),
        ((Result.FINE, Result.WRONG, Result.CANNOT), 1),
        ((Result.CANNOT,), 3),
    ):
        steps = Steps()
        for name, result in zip(STEPS, results, strict=False):
            steps.note(name, result)
        steps.close()
        assert steps.exit_code == code and [step.name for step in steps.all] == list(STEPS)
    assert len(steps.all) == len(STEPS)


def test_the_first_word_about_a_step_stands() -> None:
    told: list[str] = []
    steps = Steps(lambda step: told.append(step.name))
    steps.cannot("hold", "why")
    steps.fine("hold")
    assert steps.done["hold"].result is Result.CANNOT and told == ["hold"]
