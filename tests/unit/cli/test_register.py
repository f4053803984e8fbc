from __future__ import annotations

import csv
import io
import json
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli_samples import Place
from click.testing import CliRunner, Result

from asterisk_privacy.cli.check_config import check_config
from asterisk_privacy.cli.register import register, telephone


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.registry.close()


SAMPLE = Path(__file__).parents[3] / "examples" / "config.toml"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(register, [*arguments, "--config", str(SAMPLE)])


def test_the_announcement_of_one_profile_is_plain_text() -> None:
    result = run("announcement", "--profile", "sales", "--language", "en")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert "training our staff (one call in 20, picked at random), kept until it has been reviewed, 35 days" in result.stdout
    assert result.stdout.endswith("press 3.\n")


def test_the_record_in_each_format(tmp_path: Path) -> None:
    assert run("record", "--output", str(tmp_path / "r.md")).exit_code == 0
    markdown = (tmp_path / "r.md").read_text()
    assert markdown.startswith("# Record of processing") and markdown.count("\n| ") == 6
    rows = list(csv.DictReader(io.StringIO(run("record", "--format", "csv", "--language", "de").stdout)))
    assert rows[0]["Zweck"] == "die Bearbeitung Ihrer Beschwerde" and len(rows) == 4
    told = json.loads(run("record", "--format", "json", "--profile", "orders").stdout)
    (limit,) = (row["Time limit for erasure"] for row in told["rows"])
    assert limit.startswith("kept until 90 days after the call. Of a call of which nothing is kept,")
    assert "deleted 30 days after it" in limit and "stay 1095 days" in limit


@pytest.mark.parametrize("what", ["statement", "council", "dpia", "table"])
@pytest.mark.parametrize("form", ["text", "markdown", "csv", "json"])
def test_all_documents_in_all_formats(what: str, form: str) -> None:
    result = run(what, "--format", form, "--language", "nl")
    assert result.exit_code == 0 and "730 dagen" in result.stdout


def test_a_cell_is_no_formula(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(SAMPLE.read_text().replace("improving our service", "=1+1"))
    result = CliRunner().invoke(register, ["table", "--format", "csv", "--config", str(tmp_path / "config.toml")])
    assert "'=1+1" in result.stdout


def test_mistakes_have_a_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unknown = run("table", "--profile", "nobody")
    assert unknown.exit_code == 2 and "known: sales, quality, orders" in unknown.stderr
    assert run("table", "--speak", str(tmp_path)).exit_code == 2
    monkeypatch.setenv("PATH", str(tmp_path))
    silent = run("announcement", "--speak", str(tmp_path))
    assert silent.exit_code == 3 and "apt install espeak-ng" in silent.stderr


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_it_speaks_for_a_telephone_and_check_config_finds_its_keys(place: Place, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace('"notice-optout"', '"notice-sales"') + f'[dialplan]\nsounds = "{tmp_path}/sounds"\n')
    assert place.run(register, "announcement", "--speak", str(tmp_path / "sounds")).exit_code == 0
    with wave.open(str(tmp_path / "sounds/nl/notice-sales.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert 5 < file.getnframes() / 8000 < 60
    assert "toets dan 3" in (tmp_path / "sounds/nl/notice-sales.txt").read_text()
    assert "does not name" not in place.run(check_config, "--file-only").stderr


def test_check_config_warns_of_a_notice_that_does_not_fit(place: Place, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + f'[dialplan]\nsounds = "{tmp_path}/sounds"\n')
    (tmp_path / "sounds/nl").mkdir(parents=True)
    (tmp_path / "sounds/nl/notice-optout.txt").write_text("We bewaren dit 40 dagen. Geen opname? Toets 4.")
    result = place.run(check_config, "--file-only")
    assert result.exit_code == 0
    assert "does not name the key 3" in result.stderr and "says 40 dagen, which no purpose of it promises" in result.stderr
    assert "titles: none in 'nl', in which profile sales announces" in result.stderr
    assert len(place.json(check_config, "--file-only")["warnings"]) == 3


def test_a_tone_keeps_its_pitch_and_what_a_telephone_cannot_carry_goes() -> None:
    at = np.arange(22050) / 22050
    sound = telephone((8000 * np.sin(2 * np.pi * 1000 * at) + 8000 * np.sin(2 * np.pi * 6000 * at)).astype(np.int16), 22050)
    spectrum = np.abs(np.fft.rfft(sound))
    assert len(sound) == 8000 and int(spectrum.argmax()) == 1000
    assert np.abs(sound).max() == 16384 and np.sort(spectrum)[-2] < spectrum.max() / 100


def test_each_company_has_texts_of_its_own(tmp_path: Path) -> None:
    text = SAMPLE.read_text()
    for name, tenant in (("sales", "acme"), ("quality", "beta"), ("orders", "beta")):
        text = text.replace(f"\n[profiles.{name}]\n", f'\n[profiles.{name}]\ntenant = "{tenant}"\n')
    text = text.replace("\n[registry]", '\n[registry]\nurl = "postgresql://db/privacy"')
    text += "".join(f'[tenants.{one}]\ntitle = "{one} BV"\nrecipients = "/{one}"\ndpo = "dpo@{one}"\n' for one in ("acme", "beta"))
    (tmp_path / "config.toml").write_text(text)

    def told(*arguments: str) -> Result:
        return CliRunner().invoke(register, [*arguments, "--config", str(tmp_path / "config.toml")])

    for document in ("record", "statement", "council", "dpia", "table"):
        ours = told(document, "--tenant", "acme").stdout
        assert "handling your complaint" in ours and "beta" not in ours and "proof of your order" not in ours
        theirs = told(document, "--tenant", "beta").stdout
        assert "proof of your order" in theirs and "acme" not in theirs
    assert "acme BV" in told("record", "--tenant", "acme").stdout and "dpo@acme" in told("record", "--tenant", "acme").stdout
    assert told("announcement", "--tenant", "beta").stdout.count("\n") == 2
    assert told("record", "--profile", "sales").stdout == told("record", "--profile", "sales", "--tenant", "acme").stdout
    for wrong, words in (
        (("record",), "add --tenant with one of acme, beta"),
        (("record", "--tenant", "acne"), "known: acme, beta"),
        (("record", "--tenant", "acme", "--profile", "orders"), "not a line of tenant 'acme'"),
    ):
        result = told(*wrong)
        assert result.exit_code == 2 and words in result.stderr
