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
DOCS = sorted((ROOT / "docs").glob("*.md"))
MANUALS = [ROOT / "README.md", *DOCS, ROOT / "ARCHITECTURE.md"]
ENDS_A_COMMAND = ("<", ">", "|", "&&", "||", ";", "#")
BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
MAKE = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)
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


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {(manual.name, target) for manual in MANUALS for target in MAKE.findall(manual.read_text())}
    assert {"demo", "test", "bench"} <= {target for _, target in named}
    assert {(manual, target) for manual, target in named if target not in targets} == set()


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_files_exist(manual: Path) -> None:
    """Those in the checkout; places that are patterns (<language>) or on the PBX are passed over. The picture is the demo's to make."""
    text = manual.read_text()
    rooms = "policy|call|audio|asterisk|store|registry|retention|rights|review|daemon|cli|lab"
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
    named = {setting for manual in MANUALS for setting in re.findall(r"`\[(\w+)\] (\w+)`", manual.read_text())}
    assert len(named) > 4
    for table, key in named:
        assert table in tables
        assert re.search(rf"^#?{key} = ", sample, re.MULTILINE), key


def test_the_agents_card_has_the_keys_of_the_dialplan() -> None:
    features = (ROOT / "dialplan/features_privacy.conf").read_text()
    digits = set(re.findall(r"^privacy\w+\s*=> (\S+),self", features, re.MULTILINE))
    assert set(re.findall(r"^\| `(\*\d+)` \|", (ROOT / "docs/agent-card.md").read_text(), re.MULTILINE)) == digits


def test_the_quoted_announcement_is_the_one_that_is_played() -> None:
    manual = " ".join((ROOT / "docs/admin.md").read_text().replace("\n> ", " ").split())
    for name in ("notice-optout", "refused"):
        assert " ".join((ROOT / f"dialplan/sounds/en/{name}.txt").read_text().split()) in manual


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings: lower case, punctuation gone, each space a hyphen."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(manual: Path) -> list[str]:
    """Links to files of this project that are not there, or to headings that they do not have."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", manual.read_text())):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = manual.parent / path if path else manual
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    return broken


@pytest.mark.parametrize("manual", [*MANUALS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(manual: Path) -> None:
    assert broken_links(manual) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One, two: `three`\n[a](#one-two-three) [b](#four) [c](gone.md) [d](page.md#one-two-three) [e](https://example.org)\n"
    )
    assert broken_links(page) == ["#four", "gone.md"]


def test_every_page_is_found_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)", (ROOT / "README.md").read_text()))
    assert {str(page.relative_to(ROOT)) for page in DOCS} <= linked


def test_the_card_is_one_page() -> None:
    """An A4 page holds about sixty lines of a hundred characters."""
    lines = (ROOT / "docs/agent-card.md").read_text().splitlines()
    assert sum(1 + len(line) // 100 for line in lines) <= 60


def test_the_readme_is_for_ten_minutes() -> None:
    assert len((ROOT / "README.md").read_text().split()) < 1200


def test_what_is_shown_for_the_dialplan_costs_no_calls_where_the_include_is_missing() -> None:
    """A plain Gosub() to a context that is gone hangs the caller up, and Asterisk refuses a file whose #include leads nowhere."""
    shown = {path.name: path.read_text() for path in (*MANUALS, *ROOT.glob("dialplan/*.conf"), ROOT / "examples/config.toml")}
    lines = [(name, line) for name, text in shown.items() for line in text.splitlines()]
    assert [pair for pair in lines if re.search(r"#include \w+_privacy\.conf", pair[1])] == []
    written = [pair for pair in lines if re.search(r"(?:=>|=) *\w+,[^;]*privacy-start,s,1", pair[1])]
    assert len(written) >= 8
    own = "exten => line,1,Gosub(privacy-start,s,1(selftest))"  # in the include itself
    assert {line for _, line in written if "DIALPLAN_EXISTS(privacy-start,s,1)" not in line} == {own}
