"""Few lines in a log of what can happen as often as a stranger likes: a caller, a phone, whoever reaches a port. Each of it is counted."""

from __future__ import annotations

from collections import Counter, deque
from time import monotonic
from typing import Final

QUIET_SECONDS: Final = 60.0
"""The same words are said again only after so long."""
MOST_LINES: Final = 5
"""In that time, of one kind, whatever the words: they may name a call, or what a stranger has chosen."""


class FewLines:
    """Kinds come from the code, and so are few; words need not be."""

    def __init__(self) -> None:
        self._said: dict[str, deque[tuple[float, str]]] = {}
        self._quiet: Counter[str] = Counter()  # by kind: how often nothing was said since the last line

    def say(self, kind: str, words: str, times: int = 1) -> str | None:
        """`words`, with how many of its `kind` were not said since the last line; None: not now. `times`: it stands for so many."""
        said = self._said.setdefault(kind, deque(maxlen=MOST_LINES))
        now = monotonic()
        while said and now - said[0][0] >= QUIET_SECONDS:
            said.popleft()
        if len(said) == MOST_LINES or any(words == earlier for _, earlier in said):
            self._quiet[kind] += times
            return None
        said.append((now, words))
        quiet = self._quiet.pop(kind, 0)
        return f"{words} (and {quiet} more of this kind since the last line)" if quiet else words
