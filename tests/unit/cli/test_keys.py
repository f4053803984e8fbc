from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from asterisk_privacy.cli.keys import keys
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(keys, [str(a) for a in arguments])


def refused(result: Result) -> str:
    """OperatorError goes up to the command line's main, which prints it and exits 3."""
    assert isinstance(result.exception, OperatorError)
    assert "\n" not in str(result.exception)
    return str(result.exception)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "identity.txt", tmp_path / "recipients.txt"


def generate(files: tuple[Path, Path], *more: str) -> Result:
    return run("generate", "--identity", files[0], "--recipients", files[1], *more)


def test_makes_a_pair_that_fits(files: tuple[Path, Path]) -> None:
    result = generate(files)
    assert result.exit_code == 0
    (identity,) = Identity.load_all(files[0])
    assert Recipients.load(files[1]).publics == (identity.public,)
    assert result.stdout.splitlines() == [identity.public]
    assert "must not stay on the recorder" in result.stderr
    assert identity.secret not in result.output
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_json(files: tuple[Path, Path]) -> None:
    shown = json.loads(generate(files, "--json").stdout)
    (identity,) = Identity.load_all(files[0])
    assert shown == {"public": identity.public, "identity": str(files[0]), "recipients": str(files[1])}
    assert json.loads(run("show", files[0], "--json").stdout) == {"public": [identity.public]}


def test_never_overwrites_a_secret_key(files: tuple[Path, Path]) -> None:
    generate(files)
    before = files[0].read_bytes(), files[1].read_bytes()
    assert str(files[0]) in refused(generate(files))
    assert (files[0].read_bytes(), files[1].read_bytes()) == before


@pytest.mark.parametrize("before", ("# HR first\n", "# no line end"))
def test_adds_to_the_recipients(files: tuple[Path, Path], tmp_path: Path, before: str) -> None:
    files[1].write_text(before)
    first = generate(files).stdout.strip()
    second = generate((tmp_path / "second.txt", files[1])).stdout.strip()
    assert Recipients.load(files[1]).publics == (first, second)
    assert files[1].read_text().startswith(before)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    assert "nowhere" in refused(generate((tmp_path / "nowhere" / "i", tmp_path / "r")))
    public = refused(generate((tmp_path / "i", tmp_path / "nowhere" / "r"))).split()[-1]
    assert Identity.load_all(tmp_path / "i")[0].public == public  # not lost: the message says what to add
    assert "at once" in refused(generate((tmp_path / "x", tmp_path / "x")))


def test_show_prints_public_keys_only(tmp_path: Path) -> None:
    made = [Identity.generate(), Identity.generate()]
    file = tmp_path / "identity.txt"
    file.write_text("\n".join(i.secret for i in made))
    result = run("show", file)
    assert result.exit_code == 0 and result.output.split() == [i.public for i in made]
    refused(run("show", tmp_path / "none"))


def test_number_key(tmp_path: Path) -> None:
    file = tmp_path / "number.key"
    assert run("generate-number-key", file).exit_code == 0
    assert re.fullmatch(r"[0-9a-f]{64}\n", file.read_text()) and stat.S_IMODE(file.stat().st_mode) == 0o600
    key = file.read_text()
    refused(run("generate-number-key", file))
    assert file.read_text() == key
    other = run("generate-number-key", tmp_path / "other.key", "--json")
    assert json.loads(other.stdout) == {"number_key": str(tmp_path / "other.key")}
    assert (tmp_path / "other.key").read_text() != key and key.strip() not in other.output


def test_help_says_where_the_identity_must_not_stay() -> None:
    assert "must NOT stay on the recorder's machine" in " ".join(run("generate", "--help").output.split())
