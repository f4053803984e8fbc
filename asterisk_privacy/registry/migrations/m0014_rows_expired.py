"""When a node last took the rows that are about no recording any more: it does that for all, and one node a night is enough."""

from __future__ import annotations

STATEMENTS = ("ALTER TABLE nodes ADD COLUMN rows_expired_at INTEGER",)
