"""The manual page and the completions are made of the commands; the package's files say what the manuals promise."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from asterisk_privacy.cli.main import COMMANDS, main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def extras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("extras")
    subprocess.run([sys.executable, str(ROOT / "tools/make_extras.py"), str(made)], check=True, cwd=ROOT)
    return made


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))
    else:
        yield path, command


def test_every_command_and_option_is_in_the_manual_page(extras: Path) -> None:
    page = (extras / "asterisk-privacy.1").read_text().replace("\\-", "-")
    assert {f".SS {name}" for name in COMMANDS} <= {" ".join(line.split()[:2]) for line in page.splitlines()}
    for path, command in leaves(main):
        if command.hidden:  # the recorder's own
            continue
        section = page.split(f"\n.SS {' '.join(path)}", 1)[1].split("\n.SS ", 1)[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[-1] in section, (path, parameter.opts)


def test_the_manual_page_is_sound_roff(extras: Path) -> None:
    """No text is taken for a request: each line with a dot in front is one that is known."""
    page = (extras / "asterisk-privacy.1").read_text()
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests == {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".BR", ".I", ".nf", ".fi"}
    assert page.count("\n.nf\n") == page.count("\n.fi\n") > 5
    if shutil.which("groff"):
        said = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page.encode(), capture_output=True, check=True)
        assert said.stderr == b""


def test_text_is_never_a_request() -> None:
    module = runpy.run_path(str(ROOT / "tools/make_extras.py"))
    assert module["escaped"](".B x\n'y\n--z\\n") == "\\&.B x\n\\&'y\n\\-\\-z\\en"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_the_commands(extras: Path, tmp_path: Path) -> None:
    program = tmp_path / "asterisk-privacy"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m asterisk_privacy "$@"\n')
    program.chmod(0o755)
    words = "COMP_WORDS=(asterisk-privacy record); COMP_CWORD=1"
    script = f'. {extras}/asterisk-privacy.bash; {words}; _asterisk_privacy_completion {program}; echo "${{COMPREPLY[*]}}"'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=environment).stdout.split() == [
        "recordings"
    ]


def test_zsh_has_one_too(extras: Path) -> None:
    assert (extras / "asterisk-privacy.zsh").read_text().startswith("#compdef asterisk-privacy")


def test_what_comes_along_is_pinned_and_complete() -> None:
    """Each dependency of setup.cfg, at an exact version."""
    pinned = dict(line.split("==") for line in (ROOT / "packaging/requirements.txt").read_text().splitlines() if line and line[0] != "#")
    table = (ROOT / "setup.cfg").read_text().split("install_requires =", 1)[1].split("\n[", 1)[0]
    needed = set(re.findall(r"^    ([\w-]+)", table, re.MULTILINE)) | {"uvloop"}
    assert needed <= set(pinned) and all(re.fullmatch(r"[\d.]+", version) for version in pinned.values())


def test_the_package_starts_nothing_and_deletes_no_recording() -> None:
    rules = (ROOT / "packaging/debian/rules").read_text()
    assert "dh_installsystemd --no-enable --no-start --restart-after-upgrade" in rules  # try-restart: only what runs
    scripts = {path.suffix: path.read_text() for path in (ROOT / "packaging/debian").glob("asterisk-privacy.p*")}
    assert set(scripts) == {".postinst", ".prerm", ".postrm"}
    for script in scripts.values():
        commands = [line.strip() for line in script.splitlines() if not line.strip().startswith(("#", "echo"))]
        assert not any(re.search(r"systemctl|deb-systemd-invoke (?!stop )|\brm\b.*/var/lib", line) for line in commands)
    assert "stay in /var/lib/asterisk-privacy" in scripts[".postrm"]


@pytest.mark.parametrize("script", ["install.sh", "make_deb.sh", "try_deb.sh"])
def test_shell_scripts_can_be_read(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / "packaging" / script)], check=True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """With a program that is there in place of ours, which is not installed here."""
    units = []
    for unit in sorted((ROOT / "systemd").glob("*.service")):
        units.append(tmp_path / unit.name)
        units[-1].write_text(unit.read_text().replace("/usr/bin/asterisk-privacy", "/bin/true"))
    said = subprocess.run(["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True, check=False)
    assert len(units) == 2 and (said.returncode, said.stderr) == (0, "")
