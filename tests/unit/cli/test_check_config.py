from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from asterisk_privacy.cli.check_config import check_config

SAMPLE = Path(__file__).parents[3] / "examples" / "config.toml"


def run(*arguments: str, **environment: str) -> Result:
    """The file alone: the sample's keys are on no machine."""
    return CliRunner().invoke(check_config, ["--file-only", *arguments], env={"COLUMNS": "160", **environment})


def test_a_good_file_shows_its_promises() -> None:
    result = run("--config", str(SAMPLE))
    assert (result.exit_code, result.stderr) == (0, "")
    rows = {tuple(line.split()[:2]): " ".join(line.split()[2:]) for line in result.stdout.splitlines() if line.startswith(" ")}
    assert rows["sales", "training"] == "legitimate-interest 1 call in 20 3 refuses it has been reviewed 35 days"
    assert rows["quality", "quality"] == "consent always 1 agrees 7 days after it was reviewed 60 days"
    assert rows["orders", "proof"] == "contract always none 90 days after the call 90 days"
    assert rows["sales", "complaint"].startswith("legitimate-interest agent's key 3 refuses 30 days after its case is closed")


def test_a_bad_file_lists_every_problem_on_stderr(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(SAMPLE.read_text().replace("one_in = 20\n", "").replace('agree_key = "1"', 'agree_key = "x"'))
    result = run("--config", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    first, second = result.stderr.splitlines()
    assert first.startswith("[purposes.training] one_in: is missing")
    assert second.startswith("[purposes.quality] agree_key: 'x' is not a telephone key")


def test_json_has_all_of_a_profile() -> None:
    result = run("--config", str(SAMPLE), "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["problems"]) == (0, [])
    training = answer["profiles"]["sales"]["purposes"][0]
    assert (training["name"], training["basis"], training["trigger"], training["one_in"]) == (
        "training",
        "legitimate-interest",
        "sample",
        20,
    )
    assert training["retention"] == {"until": "reviewed", "latest_days": 35, "plus_days": 0, "lesson_days": 0}
    assert answer["profiles"]["sales"]["refuse_key"] == "3"


def test_json_of_a_bad_file_lists_the_problems(tmp_path: Path) -> None:
    result = run("--config", str(tmp_path / "none.toml"), "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["problems"] == result.stderr.splitlines()


def test_the_environment_names_the_file() -> None:
    assert run(ASTERISK_PRIVACY_CONFIG=str(SAMPLE)).exit_code == 0
    assert run("--config", "/nonexistent", ASTERISK_PRIVACY_CONFIG=str(SAMPLE)).exit_code == 2


def test_a_missing_file_names_the_way_out(tmp_path: Path) -> None:
    result = run("--config", str(tmp_path / "none.toml"))
    assert result.exit_code == 2
    assert "no such file; copy examples/config.toml there" in result.stderr


def test_help_teaches() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "asterisk-privacy check-config --config" in result.stdout
    assert "/etc/asterisk-privacy/config.toml" in result.stdout
    assert "Exit codes" in result.stdout


def test_the_wire_needs_a_word_and_is_no_warning(tmp_path: Path) -> None:
    """Whether systemd gives the right to it cannot be seen by who checks the file."""
    path = tmp_path / "config.toml"
    path.write_text(SAMPLE.read_text().replace('#how = "snoop"', 'how = "wire"'))
    result = run("--config", str(path))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "wire.conf" in result.stdout and "wire.conf" not in run("--config", str(SAMPLE)).stdout
    answer = run("--config", str(path), "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["warnings"]) == (0, [])
