"""What the manuals quote exists: commands with their options, files, tests, make targets, settings, keys."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import click
import pytest

from asterisk_privacy.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
MANUALS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md"]
ENDS_A_COMMAND = ("<", ">", "|", "&&", "||", ";", "#")
BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAM = "asterisk-privacy"


def quoted_commands(text: str) -> Iterator[tuple[str, ...]]:
    """The words after each `asterisk-privacy` that stands as a command in a code block, whatever sudo or ssh is in front of it."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.split() if "'" not in line and '"' not in line else shlex.split(line, comments=True)
            for at, word in enumerate(words):
                if word == PROGRAM and (at == 0 or words[at - 1] == PROGRAM or words[at - 1] in ("root@pbx", "sudo", "&&")):
                    following = tuple(takewhile(lambda w: w not in ENDS_A_COMMAND, words[at + 1 :]))
                    if following[:1] != (PROGRAM,):
                        yield following


COMMANDS = [(manual.name, command) for manual in MANUALS for command in quoted_commands(manual.read_text())]


def test_the_manual_quotes_commands() -> None:
    """Else the next test would say nothing."""
    assert {command[0] for _, command in COMMANDS} >= {"check-config", "keys", "status", "recordings", "purge", "audit"}
    block = "```sh\nsudo -u asterisk-privacy asterisk-privacy purge --at 1 > x\nln -s /usr/bin/asterisk-privacy\n```\n"
    assert list(quoted_commands(block)) == [("purge", "--at", "1")]


@pytest.mark.parametrize(("manual", "words"), COMMANDS, ids=[" ".join(words)[:60] for _, words in COMMANDS])
def test_a_quoted_command_exists(manual: str, words: tuple[str, ...]) -> None:
    """The parser takes it whole: no unknown command, option or value, nothing missing."""
    command: click.Command = main
    context = click.Context(main, info_name=PROGRAM)
    rest = list(words)
    while isinstance(command, click.Group):
        found = command.get_command(context, rest[0])
        assert found is not None, f"{manual}: {' '.join(words)}"
        command, context = found, click.Context(found, info_name=rest.pop(0), parent=context)
    command.make_context(context.info_name, rest, parent=context.parent)


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_make_targets_exist(manual: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z-]+)", manual.read_text(), re.MULTILINE)
    assert named
    assert set(named) <= set(targets)


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_files_exist(manual: Path) -> None:
    """Those in the checkout; places that are patterns (<language>) or on the PBX are passed over. The picture is the demo's to make."""
    text = manual.read_text()
    rooms = "policy|call|audio|asterisk|store|registry|retention|rights|daemon|cli|lab"
    named = set(re.findall(r"(?<![\w/-])(?:dialplan|systemd|examples|tests|tools)/[\w./-]+\w", text))
    named |= {f"asterisk_privacy/{path}" for path in re.findall(rf"`((?:{rooms})/\w+\.py)`", text)}
    missing = {path for path in named if not (ROOT / path).exists()}
    assert missing == set()


def test_every_named_test_exists() -> None:
    named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", (ROOT / "ARCHITECTURE.md").read_text())
    assert len(named) > 15
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text()]
    assert missing == []


def test_settings_that_the_manual_names_exist() -> None:
    sample = (ROOT / "examples/config.toml").read_text()
    tables = tomllib.loads(sample)
    for table, key in re.findall(r"`\[(\w+)\] (\w+)`", (ROOT / "README.md").read_text()):
        assert table in tables
        assert re.search(rf"^#?{key} = ", sample, re.MULTILINE), key


def test_the_agents_card_has_the_keys_of_the_dialplan() -> None:
    features = (ROOT / "dialplan/features_privacy.conf").read_text()
    digits = set(re.findall(r"^privacy\w+\s*=> (\S+),self", features, re.MULTILINE))
    assert set(re.findall(r"^\| `(\*\d+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)) == digits


def test_the_quoted_announcement_is_the_one_that_is_played() -> None:
    manual = " ".join((ROOT / "README.md").read_text().replace("\n> ", " ").split())
    for name in ("notice-optout", "refused"):
        assert " ".join((ROOT / f"dialplan/sounds/en/{name}.txt").read_text().split()) in manual
