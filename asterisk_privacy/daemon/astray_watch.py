"""What is astray, as the registry remembers it: for `status` and `/metrics`, also after a restart, and until somebody has settled it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from asterisk_privacy.daemon.control import Report
from asterisk_privacy.registry.findings import FindingRow
from asterisk_privacy.registry.registry import Registry

LINES = 5
"""Of them `status` shows so many whole."""


class AstrayWatch:
    """`open_registry` gives a connection of its own: this runs in a thread beside the daemon's."""

    def __init__(self, open_registry: Callable[[], Registry]) -> None:
        self._open_registry = open_registry
        self.found: Sequence[FindingRow] = ()

    def read(self) -> Sequence[FindingRow]:
        """May wait for the disk. Raises OperatorError."""
        with self._open_registry() as registry:
            return registry.soundness.findings.all()

    def note(self, found: Sequence[FindingRow]) -> None:
        self.found = found

    @property
    def kinds(self) -> Counter[str]:
        return Counter(row.kind for row in self.found)

    def report(self) -> Report:
        return {
            "total": len(self.found),
            "kinds": dict(sorted(self.kinds.items())),
            "since": self.found[0].found_at.isoformat() if self.found else None,
            "lines": [row.what for row in self.found[:LINES]],
        }
