"""How long rows stay that are about no recording any more, or never were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RowLife:
    """Days after the end of a call of which nothing was kept, and days after the deletion of the last recording of one that was.

    Three years of evidence: the usual limitation of claims about a call in German law (BGB § 195); in Dutch law it is five (BW 3:310).
    """

    unkept_calls_days: int = 30
    evidence_days: int = 1095

    def unkept_before(self, now: datetime) -> datetime:
        """What ended at this moment or earlier has no reason to stay."""
        return now - timedelta(days=self.unkept_calls_days)

    def evidence_before(self, now: datetime) -> datetime:
        return now - timedelta(days=self.evidence_days)
