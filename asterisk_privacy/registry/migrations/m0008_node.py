"""On whose PBX a call was, where several share a registry: each node ends only what it began, and deletes only what lies on its disk.

NULL in a SQLite file, which has one daemon: there everything is its own, whatever the host is called today.
"""

from __future__ import annotations

STATEMENTS = (
    "ALTER TABLE calls ADD COLUMN node TEXT",
    "ALTER TABLE recordings ADD COLUMN node TEXT",
    "ALTER TABLE purges ADD COLUMN node TEXT",
)
