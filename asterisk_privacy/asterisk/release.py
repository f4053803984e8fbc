"""From which release of Asterisk on the recorder works. docs/asterisk-releases.md says what was tried on which.

Before 20.5.0 EXPORT() is missing or writes another variable, so that called persons hear no notice and several recorders cannot be asked,
and AudioSocket() spins.
"""

from __future__ import annotations

import re

OLDEST = (20, 5, 0)
OLDEST_TEXT = ".".join(map(str, OLDEST))
_NEWEST = ("master", "trunk")
_NUMBERS = re.compile(r"(?:GIT-)?(?:certified[/-])?(\d+)(?:\.(\d+))?(?:\.(\d+))?", re.IGNORECASE)


def told_release(version: str) -> tuple[int, ...]:
    """Of `22.10.1~dfsg`, `certified/20.7-cert2`, `GIT-20-1a2b3c`: as many of its numbers as it tells; none if it is no version."""
    numbers = _NUMBERS.match(version.strip())
    return tuple(int(part) for part in numbers.groups() if part is not None) if numbers is not None else ()


def too_old(version: str) -> bool:
    """Surely older. A version that does not tell is not."""
    told = told_release(version)
    return bool(told) and told < OLDEST[: len(told)]


def wrong_with(version: str) -> str:
    """One line; empty if the release is new enough."""
    if too_old(version):
        return (
            f"Asterisk {version} is older than {OLDEST_TEXT}: on it called persons hear no notice, and taps load the processor; upgrade it"
        )
    told = told_release(version)
    if told == OLDEST[: len(told)] and len(told) < 2 and not any(word in version for word in _NEWEST):
        return f"Asterisk calls itself {version!r}, which does not say its release; see that it is {OLDEST_TEXT} or later"
    return ""
