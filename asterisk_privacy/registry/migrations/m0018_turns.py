"""Whose turn it is to write, on a server: by locks that a tenant's own user of the database has no right to (registry/turns.py).

Until here these were advisory locks, which anybody takes who may connect. In a file there is nothing to change.
"""

from __future__ import annotations

STATEMENTS: tuple[str, ...] = ()
