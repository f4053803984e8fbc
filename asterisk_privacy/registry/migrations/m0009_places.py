"""In which bucket a recording is, so that every node that uses it can delete it; and what each node's daemon tells of itself.

`place` is NULL while the file is on its node's disk. It is set once the bucket has given the file back and the file here is gone.
Times of `nodes` are the server's. In a SQLite file, which has one daemon, nobody tells.
"""

from __future__ import annotations

STATEMENTS = (
    "CREATE TABLE places (id INTEGER NOT NULL PRIMARY KEY, address TEXT NOT NULL UNIQUE)",
    "ALTER TABLE recordings ADD COLUMN place INTEGER REFERENCES places (id)",
    "CREATE INDEX recordings_waiting ON recordings (node, id) WHERE state = 'sealed' AND place IS NULL",
    """CREATE TABLE nodes (
        name TEXT NOT NULL PRIMARY KEY,
        version TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        seen_at INTEGER NOT NULL,
        stopped INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        purged_at INTEGER,
        waiting INTEGER NOT NULL,
        alarms INTEGER NOT NULL,
        ahead_ms INTEGER,
        retired_at INTEGER,
        retired_why TEXT NOT NULL DEFAULT ''
    )""",
)
