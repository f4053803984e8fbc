"""Secrets from systemd."""

from __future__ import annotations

from pathlib import Path

import pytest
from as_user import unprivileged

from asterisk_privacy.credentials import credential
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store.identity import Identity


def test_a_unit_has_it_or_not(tmp_path: Path) -> None:
    (tmp_path / "identity").touch()
    assert credential("identity", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == tmp_path / "identity"
    assert credential("other", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None
    assert credential("identity", {}) is credential("identity", {"CREDENTIALS_DIRECTORY": ""}) is None


def test_one_that_may_not_be_looked_at_is_told_in_one_line(tmp_path: Path) -> None:
    """systemd gives each unit a directory that only its own user may enter."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "identity").touch()

    def read() -> None:
        folder.chmod(0)
        try:
            given = credential("identity", {"CREDENTIALS_DIRECTORY": str(folder)})
            assert given is not None
            with pytest.raises(OperatorError, match="identity: cannot read the identity file \\(Permission denied\\)"):
                Identity.load_all(given)
        finally:
            folder.chmod(0o700)

    unprivileged(folder, read)
