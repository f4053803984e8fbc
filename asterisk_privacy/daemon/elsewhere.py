"""What should have been deleted, and only a node that does not work now could delete: the living nodes say so, since nobody else does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asterisk_privacy.daemon.purging import RegistryRows, Rules
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.plan import judge
from asterisk_privacy.retention.purger import OVERDUE

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Recordings on the disk of one node (or in a bucket that only it uses), overdue by more than a day."""

    node: str
    why: str  # it does not delete them
    ids: tuple[str, ...]

    def in_words(self) -> str:
        way_out = f"start it, or if it does not come back: asterisk-privacy registry retire {self.node}"
        if self.why.startswith("retired"):
            way_out = f"once its disk was destroyed: asterisk-privacy registry retire {self.node} --disk-destroyed EVIDENCE"
        return f"{len(self.ids)} recordings that only node {self.node} could delete ({self.why}) are overdue; {way_out}"


def overdue_elsewhere(registry: Registry, rules: Rules, now: datetime) -> Sequence[Elsewhere]:
    away = registry.nodes.away()
    if not away:
        return ()
    found: dict[str, list[str]] = defaultdict(list)
    for node, recording_id in registry.nodes.purging_of(away):
        found[node].append(recording_id)
    judged = (judge(item, now) for item in RegistryRows(registry, rules, tuple(away)).maybe_due(now))
    late = [planned.item_id for planned in judged if planned.delete and planned.due < now - OVERDUE]
    for recording_id, (whose, _) in registry.nodes.where(late).items():
        found[str(whose)].append(recording_id)
    return tuple(Elsewhere(node, away[node], tuple(ids)) for node, ids in sorted(found.items()))
