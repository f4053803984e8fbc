"""Which audit chains there are, and what the first of them ('') tells of the others: that each began, and, at each checkpoint, how many
entries each had and with which hash it ended. A signature over the first chain is so one over all.

A node that is gone or has another name now leaves a chain that no longer grows: nothing is wrong with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from peewee import Database

from asterisk_privacy.registry.clock import from_ms
from asterisk_privacy.registry.engine import Engine, Head, sql

FIRST = ""
BEGINS = "audit.chain"  # entry of the first chain: another begins, whose name is the entry's subject
SIGNED = "audit.checkpoint"  # entry of the first chain: a checkpoint is signed over it
# Each chain in which there is an entry, by leaps over the primary key: there may be a thousand chains, and a hundred million entries.
_WITH_ENTRIES = """WITH RECURSIVE found AS (SELECT min(chain) AS chain FROM audit
    UNION ALL SELECT (SELECT min(a.chain) FROM audit a WHERE a.chain > f.chain) FROM found f WHERE f.chain IS NOT NULL)
    SELECT chain FROM found WHERE chain IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class Told:
    """Entry `seq` of the first chain: checkpoint `number` is signed over it, and these chains stood so."""

    seq: int
    number: int
    at: datetime
    chains: Mapping[str, Head] = field(default_factory=dict)


def there(engine: Engine, db: Database) -> list[str]:
    """Chains with a head or an entry, the first one first."""
    if engine.node is None:
        return [FIRST]
    found = {name for query in ("SELECT chain FROM audit_head", _WITH_ENTRIES) for (name,) in sql(db, query).fetchall()}
    return sorted({FIRST} | found)


def of_tenants(engine: Engine, db: Database) -> list[str]:
    """Chains that a tenant's own user of the database began."""
    if engine.node is None:
        return []
    return [name for (name,) in sql(db, "SELECT chain FROM audit_head WHERE tenant IS NOT NULL").fetchall()]


def begun(db: Database) -> dict[str, int]:
    """Of each chain but the first, the entry that tells of its begin."""
    rows = sql(db, f"SELECT subject, seq FROM audit WHERE chain = '' AND action = '{BEGINS}' ORDER BY seq DESC").fetchall()
    return {name: int(seq) for name, seq in rows}


def told(db: Database) -> list[Told]:
    """Of each checkpoint that the first chain tells of, the oldest first. What cannot be read is none: its hash does not fit either."""
    query = f"SELECT seq, at, detail FROM audit WHERE chain = '' AND action = '{SIGNED}' ORDER BY seq"
    found = ((int(seq), int(at), _detail(detail)) for seq, at, detail in sql(db, query).fetchall())
    return [Told(seq, int(d["number"]), from_ms(at), _heads(d.get("chains"))) for seq, at, d in found if d.get("number", "").isdigit()]


def last_told(of: Sequence[Told]) -> dict[str, tuple[Told, Head]]:
    """Where each chain stood when a checkpoint named it last."""
    return {chain: (one, head) for one in of for chain, head in one.chains.items()}


def as_detail(heads: Mapping[str, Head]) -> str:
    return json.dumps({name: list(head) for name, head in sorted(heads.items())}, separators=(",", ":"))


def called(chain: str) -> str:
    return f"chain {chain}" if chain else "the first chain"


def entry_called(chain: str, seq: int) -> str:
    """For people: 12, or 12 of chain pbx-1."""
    return f"{seq} of chain {chain}" if chain else str(seq)


def _detail(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _heads(text: str | None) -> dict[str, Head]:
    try:
        found = json.loads(text or "{}")
        return {str(name): Head(int(entries), str(head)) for name, (entries, head) in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}
