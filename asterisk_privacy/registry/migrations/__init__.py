"""Schema versions: each module `mNNNN_words` lists the SQL that leads from version NNNN-1 to NNNN.

A migration that was released is never edited again: what a user's file went through must stay what the code says. Plain SQL and not
the models, because the models move on and an old migration must not move with them.
"""

from __future__ import annotations

from collections.abc import Sequence

from asterisk_privacy.registry.migrations import (
    m0001_first,
    m0002_cases,
    m0003_rights,
    m0005_draws,
    m0006_checkpoints,
    m0007_due,
    m0008_node,
    m0009_places,
    m0010_chains,
    m0011_tenants,
    m0012_compared,
    m0013_tenants_list,
    m0014_rows_expired,
    m0015_participants,
    m0016_pieces,
    m0017_request_subjects,
    m0018_turns,
    m0019_findings,
    m0020_found_due,
)

STEPS: Sequence[Sequence[str]] = (
    m0001_first.STATEMENTS,
    m0002_cases.STATEMENTS,
    m0003_rights.STATEMENTS,
    m0005_draws.STATEMENTS,  # there never was an m0004; a file counts its steps, so what is new goes to the end
    m0006_checkpoints.STATEMENTS,
    m0007_due.STATEMENTS,
    m0008_node.STATEMENTS,
    m0009_places.STATEMENTS,
    m0010_chains.STATEMENTS,
    m0011_tenants.STATEMENTS,
    m0012_compared.STATEMENTS,
    m0013_tenants_list.STATEMENTS,
    m0014_rows_expired.STATEMENTS,
    m0015_participants.STATEMENTS,
    m0016_pieces.STATEMENTS,
    m0017_request_subjects.STATEMENTS,
    m0018_turns.STATEMENTS,
    m0019_findings.STATEMENTS,
    m0020_found_due.STATEMENTS,
)

GUARDS = ("audit_insert", "audit_update", "audit_delete", "audit_head_insert", "audit_head_update", "audit_head_delete")
"""The triggers that keep the audit trail from anything but growing at its end."""
