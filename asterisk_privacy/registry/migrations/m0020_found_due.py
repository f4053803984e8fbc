"""Which recordings a purge found due and let lie, since they were held or could not be deleted. The next run is not surprised by them."""

from __future__ import annotations

STATEMENTS = ("ALTER TABLE recordings ADD COLUMN found_due INTEGER",)
