"""Each story in stories/ is a test. Run one with -k and its file name."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.story import faults, parse, play, stories


@pytest.mark.parametrize("path", stories(), ids=lambda p: p.stem)
def test_story(path: Path) -> None:
    story = parse(path.read_text())
    assert story.expected, "a story must say what comes of it"
    assert faults(story, play(story)) == []


def test_there_are_stories() -> None:
    assert len(stories()) >= 18


@pytest.mark.parametrize("wrong", ["Kept: 4 to 12.", "Outcome: not-kept.", "Tones to anna: keep, keep.", "Files: 1 sealed for training."])
def test_a_story_that_tells_it_wrong_is_found_out(wrong: str) -> None:
    told = next(p for p in stories() if p.stem == "hold_by_agent").read_text()
    told = "\n".join(line for line in told.splitlines() if not line.startswith(("Kept", "Outcome", "Tones", "Files")))
    story = parse(f"{told}\n{wrong}")
    assert len(faults(story, play(story))) == 1


def test_a_sentence_that_nobody_understands_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such step"):
        parse("At 3 the moon rises.")
    with pytest.raises(ValueError, match="not understood"):
        parse("Perhaps: kept.")
