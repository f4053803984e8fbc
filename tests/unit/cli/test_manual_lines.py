"""Each command line of README and docs/ is run as it stands there, on a machine with recordings and a daemon, or named here as not ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from manual_lines import MANUALS, Line, lines_of
from manual_site import ManualSite

OURS = "asterisk-privacy"
NOT_OURS = {
    "make": "tests/unit/test_readme.py compares them with the Makefile",
    "age": "tests/unit/store/ opens our files with it",
    "apt": "Debian's",
    "install": "coreutils; tests/unit/test_readme.py looks for the files that are named",
    "rm": "coreutils",
    "tee": "coreutils",
    "sed": "sed's",
    "openssl": "OpenSSL's",
    "wg": "WireGuard's",
    "editor": "the administrator's",
    "scp": "OpenSSH's",
    "asterisk": "Asterisk's console",
    "systemctl": "systemd's",
    "shred": "coreutils",
    "createuser": "PostgreSQL's",
    "createdb": "PostgreSQL's",
    "psql": "PostgreSQL's",
    "pg_dump": "PostgreSQL's",
    "systemd-creds": "systemd's",
    "systemd-sysusers": "systemd's",
    "systemd-tmpfiles": "systemd's",
}
NO_SERVER = ("upgrade", "migrate", "nodes", "tenants", "retire", "readmit")
EXITS = {"status": 1, "--ask": 3, "selftest": 3, **dict.fromkeys(NO_SERVER, 3)}  # not connected, cannot be asked: no Asterisk
BEFORE = {  # what the reader of the page has done before
    "privacy-officer.md": [
        "case open 2026-17 --kind complaint --recording DISPUTED",
        "keys generate-checkpoint-key /etc/asterisk-privacy/checkpoint.key",
        *["subject request open --kind objection --received 2026-11-20 --number 06-12345678"] * 6,
    ]
}
NEEDS = {"--speak": "espeak-ng"}  # a program that may be missing here; then exit 3 and the way out is right


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ManualSite]:
    made = ManualSite(tmp_path)
    yield made
    made.close()


PAGES = [manual for manual in MANUALS if any(line.program == OURS for line in lines_of(manual))]


@pytest.mark.parametrize("manual", PAGES, ids=lambda path: path.name)
def test_each_line_of_the_page_does_what_it_says(manual: Path, site: ManualSite) -> None:
    for text in BEFORE.get(manual.name, ()):
        assert site.run(Line(manual.name, text, (OURS, *text.split()))).code == 0, text
    for line in lines_of(manual):
        if line.program != OURS:
            continue
        with not_there_yet(site, line):
            ended = site.run(line)
        assert ended.code == expected(line), f"{manual.name}: {line.text}\n{ended.said}"
        assert "Traceback" not in ended.said


@contextmanager
def not_there_yet(site: ManualSite, line: Line) -> Iterator[None]:
    """A key is never overwritten, and the recordings are sealed to those that the site has: what is generated is put away again."""
    generated = {"generate": site.folder / "identity.txt", "generate-number-key": site.etc / "number.key"}
    files = [file for word, file in generated.items() if word in line.words]
    for file in files:
        file.rename(file.with_suffix(".mine"))
    yield
    for file in files:
        assert file.exists(), line.text
        file.with_suffix(".mine").replace(file)


def expected(line: Line) -> int:
    missing = [program for option, program in NEEDS.items() if option in line.words and shutil.which(program) is None]
    return 3 if missing else max(EXITS.get(word, 0) for word in line.words)


def test_without_a_daemon_status_says_so_and_ends_with_3(site: ManualSite) -> None:
    site.close()
    ended = site.run(Line("admin.md", "", (OURS, "status")))
    assert ended.code == 3 and "systemctl" in ended.said


def test_no_line_is_of_an_unknown_program() -> None:
    unknown = {(line.manual, line.text) for manual in MANUALS for line in lines_of(manual) if line.program not in (OURS, *NOT_OURS)}
    assert unknown == set()


def test_the_pages_are_read() -> None:
    """Else all this would say nothing."""
    families = {line.words[1] for manual in PAGES for line in lines_of(manual) if line.program == OURS}
    assert families >= {"status", "recordings", "case", "hold", "subject", "purge", "audit"}
    assert families >= {"register", "campaign", "simulate", "keys", "check-config", "setup", "selftest"}


def test_lines_are_read_as_a_shell_reads_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nsudo -u x a b 'c d' \\\n  --e  # f\nssh h g --r \"'i j'\" < k > l && m\n```\n```\nno shell\n```\n")
    read = [(line.words, line.read_from, line.write_to) for line in lines_of(page)]
    assert read == [(("a", "b", "c d", "--e"), None, None), (("g", "--r", "i j"), "k", "l"), (("m",), None, None)]
