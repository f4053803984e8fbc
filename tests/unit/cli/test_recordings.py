from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_samples import NOW, SPANS, Days, Place
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.cli.purge import purge
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.cli.timeline_bar import LETTERS, bar, legend, ruler
from asterisk_privacy.policy.retention import UntilGivenDate, UntilReviewed
from asterisk_privacy.store.identity import Identity


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.registry.close()


def test_list(place: Place) -> None:
    old, new = place.record(20), place.record(1)
    place.registry.mark_purging(old, NOW, "x")
    assert [r["id"] for r in place.json(recordings, "list")] == [old, new]
    assert [r["id"] for r in place.json(recordings, "list", "--state", "sealed")] == [new]
    table = place.run(recordings, "list").stdout
    assert old in table and "PJSIP/anna" in table and "purging" in table


def test_show_tells_the_story_and_until_when(place: Place) -> None:
    recording = place.record(1, Days(30))
    shown = place.run(recordings, "show", recording).stdout
    assert bar(SPANS) in shown and "h hold" in shown and "hold 0:40-0:41" in shown and "keep 0:30" in shown
    assert f"{NOW + timedelta(days=29):%Y-%m-%d}" in shown and "legitimate-interest" in shown
    told = place.json(recordings, "show", recording)
    assert told["due"] is False and told["purposes"][0]["retention"] == {"until": "days", "latest_days": 30}
    assert [s["kind"] for s in told["spans"]] == ["notice", "talk", "hold", "talk"] and told["duration_ms"] == 1000
    missing = place.run(recordings, "show", "0" * 32)
    assert missing.exit_code == 3 and "does not exist" in missing.stderr


def test_reviewed_is_written_down(place: Place) -> None:
    recording = place.record(1, UntilReviewed(35))
    told = place.json(recordings, "reviewed", recording, "--outcome", "good example")
    assert [m["kind"] for m in told["milestones"]] == ["reviewed"] and told["due"] is True
    assert told["milestones"][-1]["note"] == "good example" and told["milestones"][-1]["by"].startswith("cli:")
    place.registry.mark_purging(recording, NOW, "x")
    assert place.run(recordings, "reviewed", recording, "--outcome", "x").exit_code == 3


def test_a_lesson_is_bounded_by_the_policy(place: Place) -> None:
    config = place.folder / "config.toml"
    config.write_text(config.read_text().replace('"case-closed", latest_days = 700', '"reviewed", latest_days = 35, lesson_days = 100'))
    recording, plain = place.record(1, UntilReviewed(35, lesson_days=100)), place.record(1)
    place.run(recordings, "reviewed", recording, "--outcome", "good")
    date = {days: (NOW + timedelta(days=days)).strftime("%Y-%m-%d") for days in (50, 98, 101)}
    reason = ("--reason", "calm")
    told = place.json(recordings, "lesson", recording, "--until", date[50], *reason)
    assert told["reason"].startswith("handling your complaint: kept as a lesson") and told["ends_at"] > date[50][:7]
    assert place.run(recordings, "lesson", recording, "--until", date[98], *reason).exit_code == 0
    for target, until, what in (
        (recording, date[101], "at the latest"),
        (recording, "2020-01-01", "over already"),
        (plain, date[50], "cannot be a lesson"),
        ("0" * 32, date[50], "does not exist"),
    ):
        result = place.run(recordings, "lesson", target, "--until", until, *reason)
        assert result.exit_code == 3 and what in result.stderr and result.stderr.count("\n") == 1
    assert place.run(recordings, "lesson", recording, "--until", "soon", *reason).exit_code == 2
    shown = place.run(recordings, "show", recording).stdout
    assert "lesson     until" in shown and "calm" in shown


def test_a_date_of_its_own_can_be_corrected_to_an_earlier_one(place: Place) -> None:
    config = place.folder / "config.toml"
    config.write_text(config.read_text().replace('"case-closed"', '"given-date"'))
    recording, plain = place.record(1, UntilGivenDate(700, give_within_days=30)), place.record(1)
    days = {count: (NOW + timedelta(days=count)).isoformat() for count in (-1, 100, 200, 900)}
    for until, ends in ((200, 200), (100, 100), (900, 699), (100, 100)):
        told = place.json(recordings, "date", recording, "--until", days[until], "--reason", "warranty")
        assert told["ends_at"][:10] == (NOW + timedelta(days=ends)).isoformat()[:10] and told["due"] is False
    assert "date-given" in place.run(recordings, "show", recording).stdout
    assert place.json(recordings, "date", recording, "--until", days[-1], "--reason", "over")["due"] is True
    for target, what in ((plain, "no purpose of it waits for a date"), ("0" * 32, "does not exist")):
        result = place.run(recordings, "date", target, "--until", days[100], "--reason", "x")
        assert result.exit_code == 3 and what in result.stderr and result.stderr.count("\n") == 1
    assert place.run(recordings, "date", recording, "--until", days[100], "--reason", " ").exit_code == 2


def test_reasons_in_the_language_of_the_reader(place: Place) -> None:
    recording = place.record(1, Days(30))
    for language, words in (("nl", "bewaard tot 30 dagen na het gesprek"), ("de", "aufbewahrt bis 30 Tage nach dem Gespräch")):
        assert words in place.json(recordings, "show", recording, "--language", language)["reason"]
        assert words in place.json(purge, "--dry-run", "--explain", "--language", language)["items"][0]["reason"]
    assert "kept for 30 days" in place.json(recordings, "show", recording)["reason"]
    (place.folder / "config.toml").open("a").write('[office]\nlanguage = "nl"\n')
    assert "bewaard tot 30 dagen" in place.json(recordings, "show", recording)["reason"]


def export(place: Place, recording: str, output: Path, *more: str, purpose: str = "complaint") -> tuple[int, str]:
    identity = [] if "--identity" in more else ["--identity", str(place.folder / "identity.txt")]
    arguments = ["export", recording, *identity, "--output", str(output), "--purpose", purpose, "--reason", "case K-1", *more]
    result = place.run(recordings, *arguments)
    return result.exit_code, result.stderr


def actions(place: Place, recording: str) -> list[str]:
    return [e.action for e in place.registry.audit_entries(None, subject=recording) if e.action.startswith("recording.export")]


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
def test_export_is_logged_private_and_the_audio(place: Place, suffix: str) -> None:
    recording, output = place.record(1), place.folder / f"call{suffix}"
    assert export(place, recording, output) == (0, "")
    assert output.stat().st_mode & 0o777 == 0o600
    samples, rate = soundfile.read(output, dtype="int16")
    assert rate == 8000 and np.array_equal(samples[:, 0], np.arange(8000)) and not samples[:, 1].any()
    entry = place.registry.audit_entries(1)[0]
    assert (entry.action, entry.subject, entry.detail["purpose"], entry.detail["reason"]) == (
        *("recording.export", recording, "complaint", "case K-1"),
    )
    code, why = export(place, recording, output)
    assert code == 3 and "not overwritten" in why and actions(place, recording) == ["recording.export"]


def test_export_for_another_purpose_is_refused_and_logged(place: Place) -> None:
    recording, output = place.record(1), place.folder / "call.flac"
    code, why = export(place, recording, output, purpose="training")
    assert code == 3 and "does not serve purpose 'training', only complaint" in why and not output.exists()
    assert actions(place, recording) == ["recording.export-refused"]
    place.registry.withdraw_purpose(recording, "complaint", NOW, "objected")
    assert export(place, recording, output)[0] == 3 and not output.exists()


def test_the_audit_row_comes_before_the_first_byte(place: Place) -> None:
    recording = place.record(1)
    code, why = export(place, recording, place.folder / "nowhere" / "call.wav")
    assert code == 3 and "cannot be made" in why
    assert actions(place, recording) == ["recording.export-failed", "recording.export"]
    with sqlite3.connect(place.folder / "registry.sqlite") as db:  # the trail cannot be written: then there is no copy either
        db.execute("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no more'); END")
    output = place.folder / "call.wav"
    code, why = export(place, recording, output)
    assert code == 3 and "no more" in why and not output.exists()


def test_export_with_the_wrong_key_or_of_what_is_gone(place: Place) -> None:
    recording, output = place.record(1), place.folder / "call.flac"
    other = place.folder / "other.txt"
    other.write_text(Identity.generate().secret + "\n")
    code, why = export(place, recording, output, "--identity", str(other))
    assert code == 3 and why.count("\n") == 1 and not output.exists()
    assert actions(place, recording) == ["recording.export-failed", "recording.export"]
    assert export(place, recording, place.folder / "call.mp3")[0] == 2
    place.registry.mark_purging(recording, NOW, "x")
    code, why = export(place, recording, output)
    assert code == 3 and "is purging" in why
    assert export(place, "0" * 32, output)[0] == 3


def test_help_of_every_command() -> None:
    for name in ("list", "show", "export", "reviewed", "lesson"):
        assert CliRunner().invoke(recordings, [name, "--help"]).exit_code == 0


def test_no_gap_is_too_short_to_be_seen() -> None:
    hour = (Span(SpanKind.TALK, 0, 1_800_000), Span(SpanKind.PAUSE, 1_800_000, 1_800_500), Span(SpanKind.TALK, 1_800_500, 3_600_000))
    assert bar(hour) == "█" * 30 + "p" + "█" * 29
    assert legend(hour) == "█ talk  p pause" and ruler([Mark(MarkKind.KEEP, 1_800_000)], hour) == " " * 30 + "^"
    assert bar(()) == "" and ruler((), hour) == ""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SpanKind), st.integers(1, 10**6)), min_size=1, max_size=8), st.integers(10, 80))
def test_the_bar_has_its_width_and_shows_each_kind_of_gap(lengths: list[tuple[SpanKind, int]], width: int) -> None:
    spans, at = [], 0
    for kind, length in lengths:
        spans.append(Span(kind, at, at + length))
        at += length
    text = bar(spans, width)
    assert len(text) == width and set(text) <= set(LETTERS.values())
    starts = [s.start_ms * width // at for s in spans if s.kind is not SpanKind.TALK]
    if len(set(starts)) == len(starts):
        assert all(LETTERS[s.kind] == text[s.start_ms * width // at] for s in spans if s.kind is not SpanKind.TALK)
