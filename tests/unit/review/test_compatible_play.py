"""In a terminal: listening for what the policy calls compatible with what the recording was made for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from review_site import ReviewSite, sound
from test_review_play import SHORT, TODAY, Terminal

BECAUSE = "Calls that went wrong are those to learn from; the same few people hear them."
needs_pyaudio = pytest.mark.skipif(importlib.util.find_spec("pyaudio") is None, reason="PyAudio is not installed, see test_review_play.py")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    site = ReviewSite(tmp_path, compatible={"complaint": {"training": BECAUSE}}, now=TODAY)
    site.record("short", ["complaint"], samples=SHORT)
    site.record("her-complaint", ["complaint"], agent="PJSIP/anna")
    site.registry.place_hold(TODAY, "cli:otto", "counsel", ["piet"], recording_id=site.record("kept", ["complaint"]))
    yield Terminal(site)
    site.registry.close()


@needs_pyaudio
def test_heard_with_what_it_is_compatible_told_first_and_no_outcome_asked(terminal: Terminal) -> None:
    ended = terminal.play("play", terminal.site.ids["short"], "--purpose", "training", typed="what to learn from it\n")
    assert ended.returncode == 0, ended.stderr
    assert f"It was not made for training, but for complaint; the policy calls that compatible: {BECAUSE}" in ended.stdout
    assert "kept for complaint, as before" in ended.stdout and "Outcome" not in ended.stdout
    assert terminal.sounded[: SHORT.nbytes] == SHORT.astype("<i2").tobytes()
    told = {"purpose": "training", "reason": "what to learn from it", "via": "terminal", "compatible_with": "complaint", "because": BECAUSE}
    assert terminal.trail("short") == [("recording.listen", told)]
    row = terminal.site.registry.recording(terminal.site.ids["short"])
    assert row is not None and row.history == ()


@needs_pyaudio
def test_it_is_never_taken_without_being_named(terminal: Terminal) -> None:
    """Where nothing else is his, he is asked nevertheless; an empty answer is none."""
    ended = terminal.play("play", terminal.site.ids["short"], typed="\n\ntraining\nto learn\n")
    assert ended.returncode == 0 and ended.stdout.count("For which purpose (training)") == 3, ended.stdout + ended.stderr
    assert terminal.trail("short")[0][1]["purpose"] == "training"
    terminal.play("play", terminal.site.ids["short"], who="wim", typed="complaint\ncase\n")
    assert "compatible_with" not in terminal.trail("short")[1][1]


@pytest.mark.parametrize(
    ("who", "name", "purpose", "why"),
    [
        ("ines", "sample", "complaint", "unknown"),  # not the other way round
        ("rita", "short", "complaint", "not-yours"),
        ("rita", "proof", "training", "unknown"),
        ("anna", "her-complaint", "training", "unknown"),
        ("rita", "kept", "training", "held"),
    ],
)
def test_refused_and_written_down(terminal: Terminal, who: str, name: str, purpose: str, why: str) -> None:
    ended = terminal.ask("play", terminal.site.ids[name], "--purpose", purpose, "--reason", "weekly", who=who)
    assert ended.exit_code == 3 and len(ended.stderr.splitlines()) == 1
    [(action, detail)] = terminal.trail(name)
    assert (action, detail["why"]) == ("recording.listen-refused", why)


def test_an_outcome_is_refused_before_anything_sounds(terminal: Terminal) -> None:
    ended = terminal.ask("play", terminal.site.ids["short"], "--purpose", "training", "--reason", "x", "--outcome", "good")
    assert ended.exit_code == 2 and "--outcome" in ended.stderr and terminal.trail("short") == [] and terminal.sounded == b""


@needs_pyaudio
def test_the_next_one_is_what_was_made_for_it(terminal: Terminal) -> None:
    """The oldest of rita's own queue, though a complaint that she might hear as well is older."""
    site = terminal.site
    site.record("old-complaint", ["complaint"], 28, samples=sound(500))
    site.record("old-sample", ["training"], 27, samples=sound(500))
    for row in site.registry.recordings(state="sealed"):
        if row.id not in (site.ids["old-complaint"], site.ids["old-sample"]) and not row.circumstances.holds and row.restriction is None:
            site.registry.mark_purging(row.id, TODAY, "due")
    ended = terminal.play("next", "--purpose", "training", "--reason", "weekly", "--outcome", "")
    assert ended.returncode == 0 and site.ids["old-sample"] in ended.stdout, ended.stdout + ended.stderr
