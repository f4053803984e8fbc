from __future__ import annotations

from asterisk_privacy.retention.reconcile import Kind, reconcile


def kinds(states: dict[str, str], sealed: list[str], unfinished: list[str] | None = None) -> list[tuple[str, str]]:
    findings = reconcile(states, sealed, unfinished or [])
    assert all("\n" not in f.what and f.recording_id in f.what for f in findings)
    return [(f.recording_id, f.kind) for f in findings]


def test_agreement_is_silent() -> None:
    assert kinds({"a": "sealed", "b": "purged", "c": "erased", "d": "purging", "e": "purging", "f": "writing"}, ["a", "d"], ["f"]) == []
    assert kinds({}, []) == []


def test_files_without_a_row_or_of_the_gone() -> None:
    assert kinds({"b": "purged", "c": "erased"}, ["a", "b", "c"]) == [
        ("a", Kind.ORPHAN_FILE),
        ("b", Kind.FILE_OF_THE_GONE),
        ("c", Kind.FILE_OF_THE_GONE),
    ]
    assert kinds({"b": "erased"}, [], ["a", "b"]) == [("a", Kind.ORPHAN_FILE), ("b", Kind.FILE_OF_THE_GONE)]


def test_rows_without_a_file() -> None:
    assert kinds({"a": "sealed", "b": "sealed"}, ["b"]) == [("a", Kind.ROW_WITHOUT_FILE)]
    assert kinds({"a": "sealed"}, [], ["a"]) == [("a", Kind.ROW_WITHOUT_FILE)]


def test_a_crash_between_file_and_row() -> None:
    assert kinds({"a": "writing"}, ["a"]) == [("a", Kind.ROW_BEHIND)]
