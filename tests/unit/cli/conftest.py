from __future__ import annotations

import pytest

from asterisk_privacy.cli import listener


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests."""
    monkeypatch.setattr(listener, "is_root", lambda: True)
