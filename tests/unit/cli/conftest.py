from __future__ import annotations

import pytest

from asterisk_privacy.access import actor


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests; so SUDO_USER counts."""
    monkeypatch.setattr(actor, "is_root", lambda: True)
