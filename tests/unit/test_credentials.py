"""Secrets from systemd."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from as_user import unprivileged

from asterisk_privacy.credentials import credential
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.store import bucket_keys
from asterisk_privacy.store.identity import Identity


def test_a_unit_has_it_or_not(tmp_path: Path) -> None:
    (tmp_path / "identity").touch()
    assert credential("identity", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == tmp_path / "identity"
    assert credential("other", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None
    assert credential("identity", {}) is credential("identity", {"CREDENTIALS_DIRECTORY": ""}) is None


def _identity(environ: Mapping[str, str]) -> object:
    given = credential("identity", environ)
    assert given is not None
    return Identity.load_all(given)


def _password(environ: Mapping[str, str]) -> object:
    return Server("postgresql://db/x", "pbx-1", password_file=Path("/nowhere")).password(environ)


def _key_of_the_bucket(environ: Mapping[str, str]) -> object:
    return bucket_keys.load(Path("/nowhere"), environ)


READS = [
    ("identity", _identity, r"identity: cannot read the identity file \(Permission denied\)"),
    ("registry.password", _password, r"the registry's password .*registry.password: cannot be read .*Permission denied"),
    ("s3", _key_of_the_bucket, r"s3: cannot read the bucket's access key \(Permission denied\)"),
]


@pytest.mark.parametrize(("name", "reads", "words"), READS, ids=[name for name, _, _ in READS])
def test_one_that_may_not_be_looked_at_is_told_in_one_line(
    tmp_path: Path, name: str, reads: Callable[[Mapping[str, str]], object], words: str
) -> None:
    """systemd gives each unit a directory that only its own user may enter."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / name).touch()

    def read() -> None:
        folder.chmod(0)
        try:
            with pytest.raises(OperatorError, match=words) as error:
                reads({"CREDENTIALS_DIRECTORY": str(folder)})
            assert "\n" not in str(error.value)
        finally:
            folder.chmod(0o700)

    unprivileged(folder, read)
