"""The man page and the shells' completions, from the commands themselves: python tools/make_extras.py DIRECTORY."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import BashComplete, ZshComplete

from asterisk_privacy import __version__
from asterisk_privacy.cli.main import main

PROGRAM = "asterisk-privacy"
VARIABLE = "_ASTERISK_PRIVACY_COMPLETE"
FILES = {
    "/etc/asterisk-privacy/config.toml": "What may be recorded, and why; how the daemon runs.",
    "/etc/asterisk-privacy/recipients.txt": "The public keys of those who may listen.",
    "/etc/asterisk-privacy/number.key, ari.secret": "The key with which numbers are hashed, and the password for ARI.",
    "/var/lib/asterisk-privacy/": "The registry and the encrypted recordings.",
    "/usr/share/asterisk-privacy/": "Dialplan, announcements and the sample configuration.",
}


def escaped(text: str) -> str:
    """For roff: a backslash, a hyphen that must stay one, and a line that would be a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in text.splitlines())


def paragraphs(help_text: str) -> Iterator[str]:
    """Of a docstring: filled, but what stands behind click's \\b as it is."""
    for block in re.split(r"\n\s*\n", help_text.strip()):
        lines = [line.strip() if not block.startswith("\b") else line for line in block.splitlines()]
        if lines and lines[0] == "\b":
            yield ".PP\n.nf\n" + escaped("\n".join(lines[1:])) + "\n.fi"
        else:
            yield ".PP\n" + escaped(" ".join(lines))


def commands(
    command: click.Command, path: tuple[str, ...], above: click.Context | None
) -> Iterator[tuple[click.Context, click.Command, tuple[str, ...]]]:
    context = click.Context(command, info_name=path[-1], parent=above)
    yield context, command, path
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from commands(found, (*path, name), context)


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            yield f".TP\n.B {escaped(record[0])}\n{escaped(' '.join(record[1].split()))}"


def man_page() -> str:
    parts = [f'.TH ASTERISK\\-PRIVACY 1 "" "{PROGRAM} {__version__}" "User Commands"', ".SH NAME"]
    parts.append(f"{escaped(PROGRAM)} \\- call recording for Asterisk with privacy by design")
    parts += [".SH SYNOPSIS", f".B {escaped(PROGRAM)}", "\\fICOMMAND\\fR [\\fIARGUMENT\\fR]..."]
    for context, command, path in commands(main, (PROGRAM,), None):
        if len(path) == 1:
            parts += [".SH DESCRIPTION", *paragraphs(command.help or ""), ".SH COMMANDS"]
            continue
        usage = " ".join(command.collect_usage_pieces(context))
        parts += [
            ".SS " + escaped(" ".join(path[1:]) + (f" {usage}" if usage else "")),
            *paragraphs(command.help or ""),
            *options(command, context),
        ]
    parts += [".SH FILES", *(f".TP\n.I {escaped(path)}\n{escaped(what)}" for path, what in FILES.items())]
    parts += [".SH SEE ALSO", f".BR asterisk (8), age (1). The manuals are in {escaped('/usr/share/doc/asterisk-privacy')}."]
    return "\n".join(parts) + "\n"


def write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{PROGRAM}.1").write_text(man_page())
    for shell in (BashComplete, ZshComplete):
        (directory / f"{PROGRAM}.{shell.name}").write_text(shell(main, {}, PROGRAM, VARIABLE).source())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/make_extras.py DIRECTORY")
    write(Path(sys.argv[1]))
