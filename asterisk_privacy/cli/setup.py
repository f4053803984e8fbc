"""`asterisk-privacy setup`: the recorder's lines into this PBX's configuration, and out of it again."""

from __future__ import annotations

import difflib
import secrets
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from asterisk_privacy.asterisk.endpoints import HIDING
from asterisk_privacy.asterisk.modules import MODULES
from asterisk_privacy.cli.common import FINE, USAGE, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.settings import Asterisk
from asterisk_privacy.errors import ConfigError
from asterisk_privacy.setup.apply import Written, reload, shown_dialplan, write
from asterisk_privacy.setup.pieces import Access
from asterisk_privacy.setup.plan import Change
from asterisk_privacy.setup.readiness import left_to_do
from asterisk_privacy.setup.shipped import dialplan
from asterisk_privacy.setup.tree import Tree
from asterisk_privacy.setup.undo import Undoing, undoing
from asterisk_privacy.setup.whole import FILES, Plan, plan


@click.command("setup")
@config_option
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/"),
    help="Another machine's /, such as an image.",
)
@click.option("--asterisk-dir", default="/etc/asterisk", show_default=True, metavar="DIR", help="Asterisk's configuration, below the root.")
@click.option(
    "--asterisk-command",
    metavar="COMMAND",
    help="How to reach its console, such as 'docker exec pbx asterisk'. [default: asterisk; none with --root]",
)
@click.option("--undo", is_flag=True, help="Take out everything that setup ever put in.")
@click.option("--dry-run", is_flag=True, help="Only show; ask nothing.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--no-reload", is_flag=True, help="Write, and leave it to you to reload Asterisk.")
@json_option
@operator_errors
def setup(
    config: Path,
    root: Path,
    asterisk_dir: str,
    asterisk_command: str | None,
    undo: bool,
    dry_run: bool,
    yes: bool,
    no_reload: bool,
    as_json: bool,
) -> None:
    """Put the recorder's lines into this PBX's configuration.

    Knows plain Asterisk, FreePBX (only its custom files are touched) and directories of drop-ins, as Wazo has them. Shows each change
    first and asks; keeps a copy of each file that it changes below /var/backups/asterisk-privacy; its lines stand between marks, and --undo
    takes them out to the byte. No call is announced or recorded by this: that begins with your own line.

    --undo names the lines of yours that still point to the recorder, in whatever file. Those that would hang callers up find an empty
    context in its place; take them out, run it again, and that goes too.

    \b
    Examples:
      asterisk-privacy setup --dry-run
      asterisk-privacy setup
      asterisk-privacy setup --undo

    \b
    Exit codes: 0 done, or nothing to do; 2 nobody there to ask; 3 not possible, and nothing was changed.
    """
    tree, directory = Tree(root), "/" + asterisk_dir.strip("/")
    asterisk, problems = _asterisk_settings(tree, config, root)
    access, shipped = _access(tree, directory, asterisk), {name: dialplan(name) for name in FILES}
    command = asterisk_command or ("asterisk" if root == Path("/") else None)
    planned = undone = None
    if undo:
        undone = undoing(tree, directory, access, shipped, shown_dialplan(command) if command else "")
    else:
        planned = plan(tree, directory, access, shipped, MODULES, HIDING)
    changes = undone.changes if undone else planned.changes if planned else ()
    if not as_json:
        _show(changes, planned, access.password)
        _show_left(undone)
    if changes and not dry_run and not yes:
        _ask(as_json)
    written, told = Written(), []
    if changes and not dry_run:
        written = write(tree, changes, datetime.now(UTC))
        told = [] if no_reload or command is None else reload(command, written.paths)
    todo = [] if planned is None else [*problems, *planned.todo, *left_to_do(tree, str(config))]
    if as_json:
        print_json({**_as_json(changes, planned, written, [*told], todo, access.password), **_left_as_json(undone)})
    else:
        _tell(changes, written, told, todo, dry_run)


def _asterisk_settings(tree: Tree, path: Path, root: Path) -> tuple[Asterisk, list[str]]:
    """The [asterisk] table, or its defaults where there is no configuration that can be used yet, and what to say about that."""
    try:
        return load(path if root == Path("/") else tree.real(str(path))).asterisk, []
    except ConfigError as error:
        return Asterisk(), [] if tree.read(str(path)) is None else [f"{error.problems[0]}; see `asterisk-privacy check-config`"]


def _access(tree: Tree, directory: str, asterisk: Asterisk) -> Access:
    there = (tree.read(str(asterisk.ari_password_file)) or b"").decode("latin-1").strip()
    return Access(asterisk.ari_user, there or secrets.token_hex(24), asterisk.ari_url, str(asterisk.ari_password_file))


def _diff(change: Change, password: str) -> list[str]:
    def lines(text: bytes | None) -> list[str]:
        return [] if text is None else text.decode("utf-8", "replace").replace(password, "********").splitlines()

    old = change.path if change.before is not None else "/dev/null"
    new = change.path if change.after is not None else "/dev/null"
    return list(difflib.unified_diff(lines(change.before), lines(change.after), old, new, lineterm=""))


def _show(changes: Sequence[Change], planned: Plan | None, password: str) -> None:
    if planned is not None:
        echo(f"This is {planned.kind.value}.")
    for change in changes:
        diff = _diff(change, password)
        whole = change.before is None or change.after is None
        if whole and len(diff) > 12:  # a file of ours, which one can read elsewhere
            echo()
            echo(f"{'new file' if change.before is None else 'removed'}: {change.path} ({len(diff) - 3} lines)")
            continue
        echo()
        if not diff:
            echo(f"{change.path}: as it is, for the group that Asterisk is in")
        for line in diff:
            echo(line, fg={"+": "green", "-": "red"}.get(line[:1]))
    for warning in planned.warnings if planned else ():
        echo(f"Warning: {warning}", fg="yellow", err=True)


def _show_left(undone: Undoing | None) -> None:
    """What still points to the recorder, and what stays because of it."""
    if undone is None:
        return
    for one in undone.references:
        breaks = "does nothing any more"
        if one.needs:
            there = "stays and does nothing" if one.needs in undone.empty else "is missing: this fails"
            breaks = f"needs [{one.needs}], which {there}"
        where = f"{one.path}, line {one.line}" if one.line else one.path
        for line in (f"{where}: {one.text}", f"    {breaks}; take it out"):
            echo(line, fg="yellow" if one.needs else None)
    for line in undone.unseen:
        echo(f"Warning: {line}; so that calls go on whatever stands there, empty contexts stay", fg="yellow", err=True)
    for path in undone.kept:
        echo(f"Warning: {path}: has sections of yours, and stays as it is; move them elsewhere and run this again", fg="yellow", err=True)
    for path in undone.left:
        echo(f"{path}: something that does nothing stays; once nothing names it, run this again and it goes")


def _left_as_json(undone: Undoing | None) -> dict[str, object]:
    if undone is None:
        return {}
    found = [{"path": one.path, "line": one.line, "text": one.text, "needs": one.needs or None} for one in undone.references]
    return {"references": found, "left": list(undone.left), "kept": list(undone.kept), "not_looked_at": list(undone.unseen)}


def _ask(as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        echo("Error: nobody there to ask, so nothing was written; say --yes to write, or --dry-run to look", err=True)
        sys.exit(USAGE)
    if not click.confirm("\nWrite this?", default=False):
        echo("Nothing was written.")
        sys.exit(FINE)


def _tell(changes: Iterable[Change], written: Written, told: Sequence[str], todo: Sequence[str], dry_run: bool) -> None:
    changes = list(changes)
    echo()
    if not changes:
        echo("Nothing to do: the files are as they should be.")
    elif dry_run:
        echo(f"{len(changes)} files would be written; nothing was.")
    else:
        kept = f"; the files as they were are in {written.backup}" if written.backup else ""
        echo(f"{len(written.paths)} files written{kept}.")
    for line in told:
        echo(f"Warning: {line}", fg="yellow", err=True)
    if todo:
        echo()
        echo("Left for you to do:")
        for line in todo:
            echo(f"  - {line}")


def _as_json(
    changes: Sequence[Change], planned: Plan | None, written: Written, told: Sequence[str], todo: Sequence[str], password: str
) -> dict[str, object]:
    def action(change: Change) -> str:
        return "create" if change.before is None else "remove" if change.after is None else "change"

    return {
        "kind": planned.kind.name.lower() if planned else None,
        "changes": [{"path": c.path, "action": action(c), "diff": "\n".join(_diff(c, password))} for c in changes],
        "written": written.paths,
        "backup": str(written.backup) if written.backup else None,
        "warnings": [*(planned.warnings if planned else ()), *told],
        "todo": list(todo),
    }
