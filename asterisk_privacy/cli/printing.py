"""What every command prints, but for tables and JSON: nothing of it works in a terminal."""

from __future__ import annotations

import click

from asterisk_privacy.escaping import printable, printable_lines


def echo(text: str = "", *, err: bool = False, fg: str | None = None, lines: bool = False) -> None:
    """One line. `lines`: the text's own line breaks are meant, and no word of a person or a peer is in it."""
    click.secho(printable_lines(text) if lines else printable(text), err=err, fg=fg)
