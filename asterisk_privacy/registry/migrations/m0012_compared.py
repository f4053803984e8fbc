"""When somebody last compared what is in a bucket with the rows: one node a night is enough, however many share it."""

from __future__ import annotations

STATEMENTS = ("ALTER TABLE places ADD COLUMN compared_at INTEGER",)
