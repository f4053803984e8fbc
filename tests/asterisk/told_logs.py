"""The standing check on what the daemon wrote: no log of the whole run names a caller, a number, or a phone (R32, R24)."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

LOGS = ("daemon.log", "journal.log")  # of every site below a run's directory
CALLER_NAME, CALLER_NUMBER = "Wilhelmina Kwikstaart", "0612345678"
NEEDLES = re.compile(
    "|".join(
        (
            r"\bcustomer2?\b",  # the lab's callers: their user part stands where a number would
            r"\bagent\d\b",
            r"\bcaller\d+\b",
            r"PJSIP/",  # channels and endpoints
            r"\bsips?:",
            re.escape(CALLER_NAME.split()[1]),
            r"(?<![\w.:+-])(?:\+|00?)\d{8,}(?![\w.:-])",  # any telephone number
        )
    )
)


def personal(text: str) -> list[str]:
    """Lines that name somebody."""
    return [line for line in text.splitlines() if NEEDLES.search(line)]


def search_logs(directory: Path, names: Collection[str] = LOGS) -> dict[Path, list[str]]:
    found = {path: personal(path.read_text(errors="replace")) for name in names for path in sorted(directory.rglob(name))}
    return {path: lines for path, lines in found.items() if lines}
