"""Whose rows they are, where several companies share a registry. NULL: no tenant's, as all are where there is one company.

Rows that hang on others (consents, milestones, links, ...) are whose those are. That a company sees its own rows only is PostgreSQL's
doing (registry/separation.py); in a file the columns are there and keep nobody apart.
"""

from __future__ import annotations

STATEMENTS = (
    "ALTER TABLE calls ADD COLUMN tenant TEXT",
    "ALTER TABLE recordings ADD COLUMN tenant TEXT",
    "ALTER TABLE cases ADD COLUMN tenant TEXT",
    "ALTER TABLE requests ADD COLUMN tenant TEXT",
    "ALTER TABLE campaigns ADD COLUMN tenant TEXT",
    "ALTER TABLE audit_head ADD COLUMN tenant TEXT",  # whose people wrote that chain of the audit trail
)
