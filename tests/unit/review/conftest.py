from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from review_site import ReviewSite

from asterisk_privacy.access import actor


@pytest.fixture(autouse=True)
def sudo_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the tests are not run by root, whom alone SUDO_USER tells who acts."""
    monkeypatch.setattr(actor, "is_root", lambda: True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ReviewSite]:
    with ReviewSite(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewSite]:
    """For tests that change nothing."""
    with ReviewSite(tmp_path_factory.mktemp("review")) as made:
        yield made
