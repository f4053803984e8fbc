from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_samples import Place
from click.testing import CliRunner

from asterisk_privacy.cli.audit import audit
from asterisk_privacy.cli.keys import keys


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    settings = "".join(f'{name} = "{tmp_path}/{file}"\n' for name, file in FILES.items())
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace("[registry]\n", f"[registry]\n{settings}"))
    yield made
    made.registry.close()


FILES = {"checkpoints": "checkpoints.jsonl", "checkpoint_key": "checkpoint.key", "checkpoint_public_key": "checkpoint.pub"}


def test_from_no_key_to_a_cut_that_is_seen(place: Place) -> None:
    place.record(1)
    assert "no checkpoint yet" in place.run(audit, "verify").stdout
    result = place.run(audit, "checkpoint")
    assert result.exit_code == 3 and "generate-checkpoint-key" in result.stderr
    key = str(place.folder / "checkpoint.key")
    made = CliRunner().invoke(keys, ["generate-checkpoint-key", key, "--json"])
    assert made.exit_code == 0 and (place.folder / "checkpoint.key").stat().st_mode & 0o777 == 0o600
    assert CliRunner().invoke(keys, ["generate-checkpoint-key", key]).exit_code != 0  # never overwritten
    assert "checkpoint 1 at" in place.run(audit, "checkpoint").stdout
    signed = place.json(audit, "checkpoint")
    assert (signed["number"], signed["entries"], signed["key"]) == (2, 6, json.loads(made.stdout)["key"])
    place.record(1)
    told = place.run(audit, "verify").stdout
    assert told.startswith("sound: 10 entries, each in its place")
    assert "last checkpoint: 2 at" in told and "; 4 since; signed by key" in told
    shutil.copy(place.folder / "checkpoints.jsonl", place.folder / "shipped.jsonl")
    with sqlite3.connect(place.folder / "registry.sqlite") as db:
        db.execute("DROP TRIGGER audit_delete")
        db.execute("DELETE FROM audit WHERE seq > 3")
        db.execute("DROP TRIGGER audit_head_update")
        db.execute("UPDATE audit_head SET entries = 3, hash = (SELECT hash FROM audit WHERE seq = 3)")
        db.execute("DELETE FROM checkpoints")
    (place.folder / "checkpoints.jsonl").unlink()
    shipped = ["--checkpoint", str(place.folder / "shipped.jsonl"), "--public-key", str(place.folder / "checkpoint.pub")]
    result = place.run(audit, "verify", *shipped)
    assert result.exit_code == 1 and "counts 5 entries, but only 3 are there: the tail was cut off after entry 3" in result.stdout
    assert place.json(audit, "verify", *shipped, code=1)["checkpoints"] == 0
    result = place.run(audit, "checkpoint")
    assert result.exit_code == 3 and "no checkpoint was signed" in result.stderr


def test_what_is_named_must_be_there(place: Place) -> None:
    (place.folder / "empty").write_text("")
    for option, name, words in (
        ("--checkpoint", "missing", "no such file"),
        ("--checkpoint", "empty", "holds no checkpoint"),
        ("--checkpoint", "config.toml", "holds no checkpoint"),
        ("--public-key", "missing", "cannot be read"),
        ("--public-key", "empty", "holds no ed25519 key"),
    ):
        result = place.run(audit, "verify", option, str(place.folder / name))
        assert result.exit_code == 3 and words in result.stderr, result.stderr


def test_without_a_public_key_it_says_that_signatures_were_not_checked(place: Place) -> None:
    CliRunner().invoke(keys, ["generate-checkpoint-key", str(place.folder / "checkpoint.key")])
    place.run(audit, "checkpoint")
    (place.folder / "checkpoint.pub").unlink()
    result = place.run(audit, "verify")
    assert result.exit_code == 0 and "SIGNATURES NOT CHECKED" in result.stdout
    assert place.json(audit, "verify")["signatures_checked"] is False
