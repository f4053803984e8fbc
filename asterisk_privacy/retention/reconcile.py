"""Files against rows, both ways. Pure; it reports and never deletes: an orphan may be the only trace of a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    ORPHAN_FILE = "orphan-file"  # a file of which the registry knows nothing
    FILE_OF_THE_GONE = "file-of-the-gone"  # the row says purged or erased, the file is there
    ROW_WITHOUT_FILE = "row-without-file"
    ROW_BEHIND = "row-behind"  # sealed, but the row says writing: cut off between the two, or happening right now
    UNFINISHED = "unfinished"  # half written, and nobody writes it any more
    ROW_OF_NOTHING = "row-of-nothing"  # the row says writing, and there is no file; or its call is beginning right now
    HALF_DELETED = "half-deleted"  # its deletion was cut off
    HALF_REPLACED = "half-replaced"  # a version without a person in it was not put in place, or not finished
    UNKNOWN = "unknown"  # whether its file is there cannot be said: a folder that cannot be read
    DAMAGED = "damaged"  # another file than the one that was sealed: swapped, cut, changed, or it cannot be read
    STRAY = "stray"  # something among the recordings that is none
    SET_ASIDE = "set-aside"  # what stood in the way of a recording
    ROW_LOST = "row-lost"  # the audit trail tells of a recording that has no row
    ROW_CHANGED = "row-changed"  # ... or of another one than its row, a hold or a restriction
    ROW_UNTOLD = "row-untold"  # a row of which the audit trail tells nothing
    DATED_AHEAD = "dated-ahead"  # recorded by a clock that was ahead
    TRAIL_BROKEN = "trail-broken"  # the audit trail does not agree with itself
    REGISTRY_DAMAGED = "registry-damaged"
    NO_KNOWN_KEY = "no-known-key"  # sealed to keys of which none is in the recipients file any more


PASSING = frozenset({Kind.ROW_BEHIND, Kind.ROW_OF_NOTHING, Kind.UNFINISHED, Kind.HALF_DELETED, Kind.HALF_REPLACED})
"""What a running recorder or a purger settles by itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    kind: Kind
    recording_id: str
    what: str  # one line: what is wrong and the way out


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one recording id: the state of its row (None: no row), and which of its files are there. `unfinished`: not being written."""

    state: str | None
    sealed: bool
    unfinished: bool = False


GONE = frozenset({"purged", "erased"})


def judge(recording_id: str, seen: Seen) -> Finding | None:
    if seen.state is None or seen.state in GONE:
        return _file_too_many(recording_id, seen)
    kind: Kind | None = None
    what = ""
    if seen.state == "purging":
        kind, what = Kind.HALF_DELETED, "its deletion was cut off; the next purge finishes it"
    elif seen.state == "sealed" and not seen.sealed:
        kind, what = (
            Kind.ROW_WITHOUT_FILE,
            "the row says sealed, but no file is there; is the store mounted? else restore it from a backup",
        )
    elif seen.state == "writing" and seen.sealed:
        kind, what = Kind.ROW_BEHIND, "sealed, but its row still says writing; the daemon settles it at its next start"
    elif seen.unfinished:
        kind, what = Kind.UNFINISHED, "half written, and nobody writes it any more; the daemon settles it at its next start"
    elif seen.state == "writing":
        kind, what = Kind.ROW_OF_NOTHING, "the row says writing, but no file is there; the daemon settles it at its next start"
    return None if kind is None else Finding(kind, recording_id, f"{recording_id}: {what}")


def _file_too_many(recording_id: str, seen: Seen) -> Finding | None:
    if not (seen.sealed or seen.unfinished):
        return None
    if seen.state is None:
        what = f"{recording_id}: a file without a row; restore the registry, or shred it after a look at who made it"
        return Finding(Kind.ORPHAN_FILE, recording_id, what)
    what = f"{recording_id}: the row says {seen.state}, but a file is there (restored from a backup?); shred it"
    return Finding(Kind.FILE_OF_THE_GONE, recording_id, what)


def reconcile(states: Iterable[tuple[str, str]], sealed: Iterable[str], unfinished: Iterable[str] = ()) -> Iterator[Finding]:
    """`states`: id and state of every row, sorted by id; `sealed`: ids of sealed files, sorted; `unfinished`: the few half-written ones.

    One id of each is in memory. Rows and files move on while this runs: look again at what it finds (`judge`) before believing it.
    """
    rows, files, parts = iter(states), iter(sealed), iter(sorted(set(unfinished)))
    row, file, part = next(rows, None), next(files, None), next(parts, None)
    while row is not None or file is not None or part is not None:
        recording_id = min(i for i in (row[0] if row is not None else None, file, part) if i is not None)
        state = row[1] if row is not None and row[0] == recording_id else None
        found = judge(recording_id, Seen(state, file == recording_id, part == recording_id))
        if found is not None:
            yield found
        row = next(rows, None) if state is not None else row
        file = next(files, None) if file == recording_id else file
        part = next(parts, None) if part == recording_id else part
