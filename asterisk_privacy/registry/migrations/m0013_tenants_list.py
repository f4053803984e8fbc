"""The list of a company's reviewer: the newest of its recordings are found without a walk over those of all others.

Without companies the index is empty.
"""

from __future__ import annotations

STATEMENTS = ("CREATE INDEX recordings_tenant ON recordings (tenant, recorded_at) WHERE state = 'sealed' AND tenant IS NOT NULL",)
