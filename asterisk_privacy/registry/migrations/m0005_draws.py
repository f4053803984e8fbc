"""Recordings of marked parts, quotas per agent and period, line-fault campaigns."""

from __future__ import annotations

STATEMENTS = (
    "ALTER TABLE recordings ADD COLUMN marked INTEGER NOT NULL DEFAULT 0",
    # how many calls of an agent's period could have been taken, and which recordings hold the places
    """CREATE TABLE quota_counts (
        purpose TEXT NOT NULL,
        agent TEXT NOT NULL,
        period TEXT NOT NULL,
        seen INTEGER NOT NULL,
        PRIMARY KEY (purpose, agent, period)
    )""",
    """CREATE TABLE quota_places (
        purpose TEXT NOT NULL,
        agent TEXT NOT NULL,
        period TEXT NOT NULL,
        place INTEGER NOT NULL,
        recording_id TEXT NOT NULL REFERENCES recordings (id),
        PRIMARY KEY (purpose, agent, period, place)
    )""",
    """CREATE TABLE campaigns (
        id INTEGER NOT NULL PRIMARY KEY,
        purpose TEXT NOT NULL,
        extensions TEXT NOT NULL,
        profiles TEXT NOT NULL,
        from_at INTEGER NOT NULL,
        to_at INTEGER NOT NULL CHECK (to_at > from_at),
        most INTEGER NOT NULL CHECK (most > 0),
        taken INTEGER NOT NULL DEFAULT 0 CHECK (taken <= most),
        provider TEXT NOT NULL,
        reason TEXT NOT NULL,
        closed_at INTEGER
    )""",
    """CREATE TABLE campaign_calls (
        campaign_id INTEGER NOT NULL REFERENCES campaigns (id),
        call_id TEXT NOT NULL REFERENCES calls (id),
        PRIMARY KEY (campaign_id, call_id)
    )""",
)
