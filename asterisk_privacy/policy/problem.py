"""A mistake in the policy, as its author is told of it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where ('purposes.complaint.retention'), what is wrong, and what to write instead."""

    place: str
    what: str
    remedy: str


def place_of(*parts: str) -> str:
    """Parts joined by dots, those that TOML would want in quotes quoted."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else ascii(part) for part in parts)
