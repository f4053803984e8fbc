"""Settles what a node left that does not come back, as its own next start would have, but without its disk (`registry retire`).

Nothing is claimed that nobody saw: what is in the bucket is for the other purgers; what was being written is lost; what was sealed and lies
on that disk alone is closed only with evidence that the disk was destroyed, and else stays, told as overdue in its time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from asterisk_privacy.daemon.aftermath import end_calls, left_calls
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.nodes import NodeState
from asterisk_privacy.registry.passing import Passing
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import Protected

QUIET = timedelta(minutes=5)
"""So long a node must have been silent, unless it was stopped in order."""
AT_ONCE = 200  # rows in one change: others write in between


class InBucket(Protocol):
    """What is in the bucket; `Objects` of the store."""

    def has(self, recording_id: str) -> bool: ...
    def digest(self, recording_id: str) -> str: ...
    def remove(self, recording_id: str) -> object: ...


@dataclass(slots=True)
class Left:
    """What the node left, by recording id; `calls` that nobody ended."""

    writing: list[str] = field(default_factory=list)  # never sealed: lost with its disk
    there: list[tuple[str, str]] = field(default_factory=list)  # in the bucket, and their rows do not say so; with their hashes
    disk: list[str] = field(default_factory=list)  # sealed, on its disk alone
    elsewhere: list[str] = field(default_factory=list)  # in another bucket than this node uses; whoever uses that deletes them
    purging: list[str] = field(default_factory=list)  # their deletion was begun on its disk
    calls: int = 0


@dataclass(slots=True)
class Done:
    counts: dict[str, int]
    protected: list[str]  # under a legal hold or a restriction: their rows stay as they are
    left: list[str]  # on a disk of which nobody says what became


def refuse_unless_gone(registry: Registry) -> None:
    """`registry` is opened in the node's name, which is held from now on. OperatorError: it runs, or it did a moment ago."""
    name = registry.nodes.name
    if not registry.nodes.is_known():
        raise OperatorError(f"node {name}: nobody of that name has written to {registry.where}; see: asterisk-privacy registry nodes")
    try:
        registry.claim_node()
    except Passing as error:
        raise OperatorError(f"node {name}: its daemon holds the name, so it is not gone; stop it first ({error})") from error
    for row in registry.nodes.all():
        if row.name == name and row.state in (NodeState.UP, NodeState.SILENT) and row.silent < QUIET:
            raise OperatorError(
                f"node {name}: was seen {row.silent.total_seconds():.0f} s ago; stop it in order, or wait until it has been silent for "
                f"{QUIET.total_seconds() / 60:.0f} minutes"
            )


def look(registry: Registry, bucket: InBucket | None, address: str | None) -> Left:
    """Changes nothing. Asks the bucket for each recording of which no row says where it is."""
    nodes = registry.nodes
    found = Left(writing=nodes.on_its_disk("writing"), purging=nodes.on_its_disk("purging"), calls=len(registry.open_calls()))
    if bucket is None or address is None:
        found.disk = nodes.on_its_disk("sealed")
        return found
    alone = set(nodes.on_its_disk("sealed"))
    for recording_id, digest in nodes.astray(address):
        if bucket.has(recording_id) and bucket.digest(recording_id) == digest:  # read back, as the node may not have come to it
            found.there.append((recording_id, digest))
        elif recording_id in alone:
            found.disk.append(recording_id)
        else:
            found.elsewhere.append(recording_id)
    return found


def settle(
    registry: Registry, bucket: InBucket | None, address: str | None, left: Left, now: datetime, reason: str, destroyed: str | None
) -> Done:
    """`destroyed`: the evidence that the node's disk is. May be cut off and run again. The caller holds `only_one`."""
    name = registry.nodes.name
    lost = f"lost with the disk of node {name}, which was retired: {reason}"
    for recording_id in left.writing:
        registry.erase_recording(recording_id, now, lost)
    for recording_id, digest in left.there:
        registry.nodes.brought(recording_id, digest, address or "")
    end_calls(registry, left_calls(registry)[0])
    protected: list[str] = []
    closed = 0
    if destroyed is not None:
        closed, protected = _close(registry, bucket, left, now, f"{lost}; the disk was destroyed: {destroyed}", destroyed)
    else:
        unreachable = f"on the disk of node {name}, which was retired: {reason}"
        for start in range(0, len(left.disk), AT_ONCE):
            registry.nodes.note_unreachable(left.disk[start : start + AT_ONCE], now, unreachable)
    stays = [] if destroyed is not None else [*left.disk, *left.purging]
    counts = {
        "lost": len(left.writing),
        "in_bucket": len(left.there),
        "calls_ended": left.calls,
        "closed": closed,
        "on_its_disk": len(stays),
    }
    registry.nodes.retire(now, reason, counts)
    return Done(counts, protected, stays)


def _close(registry: Registry, bucket: InBucket | None, left: Left, now: datetime, why: str, destroyed: str) -> tuple[int, list[str]]:
    """Rows of what was destroyed with the disk. What an upload had begun goes from the bucket first."""
    evidence = json.dumps({"found": False, "disk_destroyed": destroyed}, sort_keys=True)
    protected = []
    for recording_id in left.disk:
        try:
            registry.mark_purging(recording_id, now, why)
        except Protected:
            protected.append(recording_id)
    gone = [recording_id for recording_id in (*left.disk, *left.purging) if recording_id not in set(protected)]
    for recording_id in gone:
        if bucket is not None:
            bucket.remove(recording_id)
        registry.mark_purged(recording_id, now, why, evidence)
    return len(gone), protected
