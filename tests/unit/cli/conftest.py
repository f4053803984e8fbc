from __future__ import annotations

import pytest

from asterisk_privacy.cli import common, listener


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests; so SUDO_USER counts."""
    for room in (common, listener):
        monkeypatch.setattr(room, "is_root", lambda: True)
