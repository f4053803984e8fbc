"""Where a recording is, for people."""

from __future__ import annotations


def in_words(node: str | None, place: str | None) -> str:
    """The bucket and whose call it was, or whose disk; empty where there is one machine and no bucket."""
    if place is not None:
        return f"{place}, by {node}" if node is not None else place
    return f"disk of {node}" if node is not None else ""
