"""Is the audit trail what it was? The chain, and the checkpoints signed over it, wherever copies of them were kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from peewee import Database

from asterisk_privacy.registry import audit, checkpoints
from asterisk_privacy.registry.checkpoint import Checkpoint
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.rows import AuditReport
from asterisk_privacy.registry.signing import Verifier

HERE = "the registry"


@dataclass(frozen=True, slots=True)
class Copy:
    """Checkpoints from a file. `own`: the file that is written beside the registry, so that each must be in both; others may be older."""

    name: str
    checkpoints: Sequence[Checkpoint]
    faults: Sequence[str] = ()  # lines that are no checkpoint
    own: bool = False


def verify(engine: Engine, copies: Sequence[Copy] = (), verifier: Verifier | None = None) -> AuditReport:
    """The chain's fault comes first. Without `verifier` signatures are not looked at, all else is."""
    with engine.read() as db:
        here = Copy(HERE, checkpoints.stored(db))
        sources = (here, *copies)
        wanted = {c.entries for source in sources for c in source.checkpoints}
        chain = audit.check(engine, db, wanted=wanted)
        faults = [*([chain.why] if chain.why is not None else []), *_of_checkpoints(db, sources, chain, verifier)]
    last = max((c for source in sources for c in source.checkpoints), key=lambda c: c.number, default=None)
    told = faults[0] if faults else f"{chain.entries} entries, each in its place; head {chain.last}"
    return AuditReport(
        entries=chain.entries,
        ok=not faults,
        first_bad=chain.first_bad,
        why=told,
        faults=tuple(faults),
        checkpoints=len(here.checkpoints),
        last_checkpoint=last,
    )


def against_checkpoints(engine: Engine, copy: Copy, verifier: Verifier) -> list[str]:
    """What the registry's checkpoints and those of `copy` say against the trail, without walking it. Signatures of other keys than those of
    `verifier` are not looked at."""
    with engine.read() as db:
        sources = (Copy(HERE, checkpoints.stored(db)), copy)
        wanted = {c.entries for source in sources for c in source.checkpoints}
        count = int(sql(db, "SELECT coalesce(max(seq), 0) FROM audit").fetchone()[0])
        hashes = {seq: sql(db, "SELECT hash FROM audit WHERE seq = ?", (seq,)).fetchone() for seq in wanted}
        chain = audit.Walk(count, "", hashes={seq: found[0] for seq, found in hashes.items() if found is not None})
        return list(_of_checkpoints(db, sources, chain, verifier, every_key=False))


def _of_checkpoints(
    db: Database, sources: Sequence[Copy], chain: audit.Walk, verifier: Verifier | None, every_key: bool = True
) -> Iterator[str]:
    seen: dict[Checkpoint, str] = {}
    for source in sources:
        yield from source.faults
        for checkpoint in source.checkpoints:
            if checkpoint not in seen:
                seen[checkpoint] = source.name
    forged = set()
    for checkpoint, where in seen.items():
        why = _not_signed(checkpoint, verifier) if verifier is None or every_key or checkpoint.key in verifier.keys else None
        if why is not None:
            forged.add(checkpoint)
            yield f"checkpoint {checkpoint.number} in {where} {why}"
    true = sorted((c for c in seen if c not in forged), key=lambda c: (c.number, c.entries))
    for one, other in itertools.pairwise(true):
        if one.number == other.number:
            where = seen[one] if seen[one] == seen[other] else f"{seen[one]} and {seen[other]}"
            yield f"checkpoint {one.number} in {where} is not one but two: one of them was made later in place of the other"
    yield from _against_the_chain(true, seen, chain)
    yield from _stripped(db, sources, {c.number for c in true})


def _not_signed(checkpoint: Checkpoint, verifier: Verifier | None) -> str | None:
    if verifier is None:
        return None
    if checkpoint.key not in verifier.keys:
        return f"is signed by key {checkpoint.key}, which is not in the public key file: it was forged, or the key of that time is missing"
    if not verifier.fits(checkpoint.key, checkpoint.message, checkpoint.signature):
        return "does not fit its signature: it was forged or changed"
    return None


def _against_the_chain(true: Sequence[Checkpoint], where: Mapping[Checkpoint, str], chain: audit.Walk) -> Iterator[str]:
    """What the signed checkpoints say against the entries that are there. The last that fits tells from where on the trail is false."""
    hashes = chain.hashes or {}
    fits = 0
    for c in true:
        told = f"checkpoint {c.number} of {c.at} (in {where[c]}) counts {c.entries} entries"
        if c.entries > chain.entries:
            yield f"{told}, but only {chain.entries} are there: the tail was cut off after entry {chain.entries}"
        elif hashes.get(c.entries) != c.head:
            which = f"entry {c.entries}" if fits + 1 >= c.entries else f"something from entry {fits + 1} to {c.entries}"
            yield f"{told} and another hash for the last of them: {which} was changed, removed or inserted, and the hashes computed anew"
        else:
            fits = max(fits, c.entries)


def _stripped(db: Database, sources: Sequence[Copy], numbers: set[int]) -> Iterator[str]:
    known = {source.name: {c.number for c in source.checkpoints} for source in sources}
    for source in sources:
        for number in sorted(numbers - known[source.name]):
            if source.name == HERE:
                where = next(name for name, there in known.items() if number in there)
                yield f"checkpoint {number} is in {where} and not in the registry: it was removed from the registry"
            elif source.own and number in known[HERE]:
                yield f"checkpoint {number} is in the registry and not in {source.name}: it was removed from the file, or not written to it"
    for number, seq in checkpoints.announced(db).items():
        if number not in numbers:
            yield f"entry {seq} tells of checkpoint {number}, which is in none of {', '.join(known)}: it was removed, or forged"
    if numbers:
        told = checkpoints.announced(db).keys() | numbers
        for number in sorted(set(range(1, max(told) + 1)) - told):
            yield f"checkpoint {number} is missing, though later ones are there: it was removed"
