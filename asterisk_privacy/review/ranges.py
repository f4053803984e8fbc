"""The Range header (RFC 9110 14). Pure. What cannot be read as one range of bytes is as if it were not there, as the RFC allows."""

from __future__ import annotations

import re

_ONE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


class Unsatisfiable(Exception):
    """416: it begins behind the end."""


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last; None: all of it, with 200."""
    found = _ONE.fullmatch(header.strip()) if header is not None else None
    if found is None or (not found[1] and not found[2]):
        return None
    if not found[1]:
        last = int(found[2])
        if not last or not size:
            raise Unsatisfiable
        return max(0, size - last), size
    first = int(found[1])
    if found[2] and int(found[2]) < first:
        return None  # invalid, so ignored
    if first >= size:
        raise Unsatisfiable
    return first, min(size, int(found[2]) + 1) if found[2] else size
