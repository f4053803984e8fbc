"""Is the audit trail what it was? The chain, and the checkpoints signed over it, wherever copies of them were kept."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from peewee import Database

from asterisk_privacy.registry import audit, chains, checkpoints
from asterisk_privacy.registry.chains import Told
from asterisk_privacy.registry.checkpoint import Checkpoint
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.rows import AuditReport, ChainReport
from asterisk_privacy.registry.signing import Verifier
from asterisk_privacy.registry.tenants import Tenants
from asterisk_privacy.registry.verify_part import verify_part

HERE = "the registry"


@dataclass(frozen=True, slots=True)
class Copy:
    """Checkpoints from a file. `own`: the file that is written beside the registry, so that each must be in both; others may be older."""

    name: str
    checkpoints: Sequence[Checkpoint]
    faults: Sequence[str] = ()  # lines that are no checkpoint
    own: bool = False


def verify(engine: Engine, copies: Sequence[Copy] = (), verifier: Verifier | None = None) -> AuditReport:
    """A chain's fault comes first. Without `verifier` signatures are not looked at, all else is. Who sees one tenant's entries only gets
    a report on those."""
    tenant = Tenants(engine).bound
    with engine.read() as db:
        if tenant is not None:
            return verify_part(engine, db, tenant)
        here = Copy(HERE, checkpoints.stored(db))
        sources = (here, *copies)
        told = chains.told(db)
        wanted: dict[str, set[int]] = defaultdict(set)
        wanted[chains.FIRST] = {c.entries for source in sources for c in source.checkpoints}
        for one in told:
            for name, head in one.chains.items():
                wanted[name].add(head.entries)
        walks = {name: audit.check(engine, db, name, wanted=wanted[name]) for name in chains.there(engine, db)}
        several = len(walks) > 1
        faults = [f"{chains.called(name)}: {walk.why}" if several else walk.why for name, walk in walks.items() if walk.why is not None]
        faults += [why] if not faults and (why := audit.unguarded(engine)) is not None else []
        faults += _of_checkpoints(db, sources, walks[chains.FIRST], verifier)
        faults += _of_other_chains(walks, chains.begun(db), told, chains.of_tenants(engine, db))
    last = max((c for source in sources for c in source.checkpoints), key=lambda c: c.number, default=None)
    bad = next((name for name, walk in walks.items() if walk.first_bad is not None), chains.FIRST)
    entries = sum(walk.entries for walk in walks.values())
    named = {name: head.entries for name, (_, head) in chains.last_told(told).items()}
    counted = {**named, chains.FIRST: last.entries if last is not None else 0}
    return AuditReport(
        entries=entries,
        ok=not faults,
        first_bad=walks[bad].first_bad,
        why=faults[0] if faults else _sound(walks, entries),
        faults=tuple(faults),
        checkpoints=len(here.checkpoints),
        last_checkpoint=last,
        counted=sum(counted.values()),
        since=sum(max(0, walk.entries - counted.get(name, 0)) for name, walk in walks.items()),
        first_bad_chain=bad,
        chains=tuple(ChainReport(name, walk.entries, walk.last, walk.why is None) for name, walk in walks.items()),
    )


def _sound(walks: Mapping[str, audit.Walk], entries: int) -> str:
    """The head of all: SHA-256 (hex) over a line for each chain, `name entries head`, sorted by name."""
    if len(walks) == 1:
        return f"{entries} entries, each in its place; head {walks[chains.FIRST].last}"
    lines = "".join(f"{name} {walk.entries} {walk.last}\n" for name, walk in sorted(walks.items()))
    return f"{entries} entries in {len(walks)} chains, each in its place; head of all {hashlib.sha256(lines.encode()).hexdigest()}"


def against_checkpoints(engine: Engine, copy: Copy, verifier: Verifier) -> list[str]:
    """What the registry's checkpoints and those of `copy` say against the trail, without walking it. Signatures of other keys than those of
    `verifier` are not looked at."""
    with engine.read() as db:
        sources = (Copy(HERE, checkpoints.stored(db)), copy)
        told = chains.told(db)
        wanted = {name: {head.entries} for name, (_, head) in chains.last_told(told).items()}
        wanted[chains.FIRST] = {c.entries for source in sources for c in source.checkpoints}
        walks = {name: _looked_up(db, name, wanted.get(name, ())) for name in chains.there(engine, db)}
        newest = [Told(one.seq, one.number, one.at, {name: head}) for name, (one, head) in chains.last_told(told).items()]
        return [
            *_of_checkpoints(db, sources, walks[chains.FIRST], verifier, every_key=False),
            *_of_other_chains(walks, chains.begun(db), newest, chains.of_tenants(engine, db)),
        ]


def _looked_up(db: Database, chain: str, wanted: Collection[int]) -> audit.Walk:
    count = int(sql(db, "SELECT coalesce(max(seq), 0) FROM audit WHERE chain = ?", (chain,)).fetchone()[0])
    hashes = {seq: sql(db, "SELECT hash FROM audit WHERE chain = ? AND seq = ?", (chain, seq)).fetchone() for seq in wanted}
    return audit.Walk(count, "", hashes={seq: found[0] for seq, found in hashes.items() if found is not None})


def _of_other_chains(
    walks: Mapping[str, audit.Walk], begun: Mapping[str, int], told: Sequence[Told], of_tenants: Collection[str]
) -> Iterator[str]:
    """What the first chain says of the others against what is there: whole chains that are gone or were brought in, tails that are cut,
    entries that were changed before a checkpoint and their hashes computed anew. `of_tenants`: it tells of their begin the next night."""
    gone = {name for name in begun if name not in walks or not walks[name].entries}
    for name in sorted(gone):
        yield f"chain {name}: entry {begun[name]} tells that it began, and none of its entries is there: the whole chain was deleted"
    for name in sorted(walks.keys() - begun.keys() - {chains.FIRST} - set(of_tenants)):
        yield f"chain {name}: no entry of the first chain tells that it began: it was brought in, or that entry was removed"
    fits: dict[str, int] = defaultdict(int)
    for one in told:
        who = f"checkpoint {one.number} (entry {one.seq})"
        for name, head in one.chains.items():
            walk = walks.get(name)
            if walk is None:
                if name not in gone:
                    yield f"{who} names chain {name} with {head.entries} entries, and there is no such chain: it was deleted"
            elif head.entries > walk.entries:
                cut = f"the tail was cut off after entry {walk.entries}"
                yield f"chain {name}: {who} counts {head.entries} entries, but only {walk.entries} are there: {cut}"
            elif (walk.hashes or {}).get(head.entries) != head.hash:
                which = f"something from entry {fits[name] + 1} to {head.entries} was changed, removed or inserted"
                yield f"chain {name}: {who} has another hash for entry {head.entries}: {which}, and the hashes computed anew"
            else:
                fits[name] = max(fits[name], head.entries)


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
    told = {one.number: one.seq for one in chains.told(db)}
    for number, seq in told.items():
        if number not in numbers:
            yield f"entry {seq} tells of checkpoint {number}, which is in none of {', '.join(known)}: it was removed, or forged"
    if numbers:
        known_of = told.keys() | numbers
        for number in sorted(set(range(1, max(known_of) + 1)) - known_of):
            yield f"checkpoint {number} is missing, though later ones are there: it was removed"
