"""Files against rows, both ways. Pure; it reports and never deletes: an orphan may be the only trace of a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    ORPHAN_FILE = "orphan-file"  # a file of which the registry knows nothing
    FILE_OF_THE_GONE = "file-of-the-gone"  # the row says purged or erased, the file is there
    ROW_WITHOUT_FILE = "row-without-file"
    ROW_BEHIND = "row-behind"  # sealed, but the row says writing: cut off between the two, or happening right now


@dataclass(frozen=True, slots=True)
class Finding:
    kind: Kind
    recording_id: str
    what: str  # one line: what is wrong and the way out


GONE = frozenset({"purged", "erased"})


def reconcile(states: Mapping[str, str], sealed: Iterable[str], unfinished: Iterable[str] = ()) -> list[Finding]:
    """`states`: state of every row by recording id, read *before* the files; `sealed`, `unfinished`: ids of which there is a file."""
    findings: list[Finding] = []
    there = frozenset(sealed)
    for recording_id in sorted(there | frozenset(unfinished)):
        state = states.get(recording_id)
        if state is None:
            what = f"{recording_id}: a file without a row; restore the registry, or shred it after a look at who made it"
            findings.append(Finding(Kind.ORPHAN_FILE, recording_id, what))
        elif state in GONE:
            what = f"{recording_id}: the row says {state}, but a file is there (restored from a backup?); shred it"
            findings.append(Finding(Kind.FILE_OF_THE_GONE, recording_id, what))
        elif state == "writing" and recording_id in there:
            what = f"{recording_id}: sealed, but its row still says writing; the daemon settles it at its next start"
            findings.append(Finding(Kind.ROW_BEHIND, recording_id, what))
    for recording_id, state in sorted(states.items()):
        if state == "sealed" and recording_id not in there:
            what = f"{recording_id}: the row says sealed, but no file is there; is the store mounted? else restore it from a backup"
            findings.append(Finding(Kind.ROW_WITHOUT_FILE, recording_id, what))
    return findings
