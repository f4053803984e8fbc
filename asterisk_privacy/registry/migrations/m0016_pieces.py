"""Hashes of the pieces of each sealed file, so that a part of it can be heard before all of it was hashed (store/pieces.py).

NULL: sealed before this version; such a recording is hashed whole before it is heard, until a night gives it its pieces.
"""

from __future__ import annotations

STATEMENTS = (
    "ALTER TABLE recordings ADD COLUMN pieces BLOB",
    # those that still lack them; empty once all have got theirs
    "CREATE INDEX recordings_without_pieces ON recordings (id) WHERE state = 'sealed' AND pieces IS NULL",
    # the recorder looks each minute whether somebody met a file that is not its recording
    "CREATE INDEX audit_not_as_recorded ON audit (at) WHERE action = 'recording.not-as-recorded'",
)
