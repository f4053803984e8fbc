from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from asterisk_privacy.retention.reconcile import Kind, Seen, judge, reconcile


def kinds(states: dict[str, str], sealed: list[str], unfinished: list[str] | None = None) -> list[tuple[str, str]]:
    findings = list(reconcile(sorted(states.items()), sealed, unfinished or []))
    assert all("\n" not in f.what and f.recording_id in f.what for f in findings)
    return [(f.recording_id, f.kind) for f in findings]


def test_agreement_is_silent() -> None:
    assert kinds({"a": "sealed", "b": "purged", "c": "erased"}, ["a"]) == []
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
    assert kinds({"a": "writing"}, []) == [("a", Kind.ROW_OF_NOTHING)]


def test_a_crash_between_file_and_row() -> None:
    assert kinds({"a": "writing"}, ["a"]) == [("a", Kind.ROW_BEHIND)]
    assert kinds({"a": "writing"}, [], ["a"]) == [("a", Kind.UNFINISHED)]
    assert kinds({"a": "purging", "b": "purging"}, ["a"]) == [("a", Kind.HALF_DELETED), ("b", Kind.HALF_DELETED)]


@given(
    rows=st.dictionaries(st.text("ab1", max_size=3), st.sampled_from(["writing", "sealed", "purging", "purged", "erased"])),
    files=st.sets(st.text("ab1", max_size=3)),
    parts=st.sets(st.text("ab1", max_size=3)),
)
def test_walking_side_by_side_finds_what_looking_each_up_finds(rows: dict[str, str], files: set[str], parts: set[str]) -> None:
    looked_up = [judge(i, Seen(rows.get(i), i in files, i in parts)) for i in sorted(rows.keys() | files | parts)]
    assert list(reconcile(sorted(rows.items()), sorted(files), parts)) == [found for found in looked_up if found is not None]


def test_one_of_each_is_in_memory() -> None:
    """A million rows and files walk by; none of them is held."""
    now, most = 0, 0

    def counted() -> Iterator[str]:
        nonlocal now, most
        for n in range(20_000):
            now += 1
            most = max(most, now)
            yield f"{n:08}"

    def rows() -> Iterator[tuple[str, str]]:
        nonlocal now
        for n in range(20_000):
            now -= 1
            yield f"{n:08}", "sealed"

    assert list(reconcile(rows(), counted())) == [] and most <= 1
