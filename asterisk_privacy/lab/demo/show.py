"""The evening's programme: set up, four calls, the verdict, and the purger at a later date."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.demo.picture import draw
from asterisk_privacy.lab.demo.play import Played, files_of, play
from asterisk_privacy.lab.demo.script import CALLS, POLICY, Expected
from asterisk_privacy.lab.demo.story import tell
from asterisk_privacy.lab.demo.verdict import Verdict, judge
from asterisk_privacy.lab.pbx import free_port
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install, locate

LATER = timedelta(days=36)
"""When the purger is run for real: after a case should have been opened, and after the training sample's latest date."""


def run(output: Path, console: Console) -> bool:
    """Plays everything; True if no measured promise was broken. Pictures and the verdict go to `output`."""
    output.mkdir(parents=True, exist_ok=True)
    install = _install(console)
    workdir = Path(tempfile.mkdtemp(prefix="asterisk-privacy-demo-"))
    agent_port = free_port(socket.SOCK_DGRAM)
    site = Site(workdir, install, POLICY, settings={"keys.grace_seconds": "1"}, contacts={"agent": agent_port})
    with console.status("starting Asterisk and the recorder"):
        site.__enter__()
    try:
        console.print(f"Asterisk {install.version} and the recorder are up.\n")
        good = _calls(site, agent_port, output, console)
        good &= _forget(site, console)
    finally:
        site.__exit__(None, None, None)
    if good:
        shutil.rmtree(workdir)
    else:
        console.print(f"[red]A promise was broken.[/red] Logs, configuration and files: {workdir}")
    return good


def _install(console: Console) -> Install:
    with console.status("looking for an Asterisk") as status:

        def progress(what: str, done: int, total: int) -> None:
            status.update(f"{what} {done:,} of {total:,}" if total else what)

        return locate(progress)


def _calls(site: Site, agent_port: int, output: Path, console: Console) -> bool:
    verdicts: list[tuple[Played, Verdict]] = []
    for number, script in enumerate(CALLS, 1):
        with console.status(f"call {number} of {len(CALLS)}: {script.title}"):
            played = play(site, script, agent_port, number)
        known = {row.id for row in site.recordings()}
        stray = sum(1 for path in files_of(site) if path.name.partition(".")[0] not in known)
        parts = [site.listen(row.id) for row in played.recordings]
        audio = np.concatenate(parts) if parts else None
        verdicts.append((played, judge(played, audio, stray)))
        console.rule(f"[bold]Call {number}. {script.title}", align="left")
        for at, words in tell(played):
            console.print(f"  {at:6.2f} s  {words}", highlight=False)
        if audio is not None:
            picture = output / f"{script.slug}.png"
            draw(picture, script.title, parts, played.call.spans, played.call.marks)
            console.print(f"  picture: {picture}", highlight=False)
        console.print()
    console.print(_table(verdicts))
    for played, verdict in verdicts:
        for broken in verdict.broken:
            console.print(f"[red]call '{played.script.slug}': {broken}[/red]")
    return not any(verdict.broken for _, verdict in verdicts)


def _table(verdicts: list[tuple[Played, Verdict]]) -> Table:
    """A row a question, a column a call."""
    table = Table(title="Decrypted with the reviewer's key, and measured", title_justify="left")
    table.add_column("")
    for played, _ in verdicts:
        table.add_column(played.script.slug)
    heard = [verdict.heard for _, verdict in verdicts]
    table.add_row("outcome", *(str(played.call.outcome) for played, _ in verdicts))
    table.add_row("file", *("sealed" if h else "none" for h in heard))
    table.add_row("conversation", *(f"{h.talk_seconds:.2f} s" if h else "-" for h in heard))
    table.add_row("  customer heard", *(f"yes, {h.customer:.2f} s" if h else "nothing" for h in heard))
    table.add_row("  agent heard", *(f"yes, {h.agent:.2f} s" if h else "nothing" for h in heard))
    for name in Expected().forbidden:
        table.add_row(f"{name} heard", *(_yes_or_no(h.forbidden[name]) if h else "no" for h in heard))
    table.add_row("  loudest of these", *(f"{h.loudest_forbidden_db:.0f} dBFS" if h else "-" for h in heard))
    table.add_row("ring memory after", *(f"{played.memory} bytes" for played, _ in verdicts))
    table.add_row("promises", *("[red]BROKEN[/red]" if v.broken else "[green]kept[/green]" for _, v in verdicts))
    return table


def _yes_or_no(seconds: float) -> str:
    return "no" if seconds == 0 else f"[red]YES, {seconds:.2f} s[/red]"


def _forget(site: Site, console: Console) -> bool:
    later = (datetime.now(UTC) + LATER).replace(microsecond=0)
    console.rule("[bold]Forgetting", align="left")
    console.print("Today (dry run):", highlight=False)
    good = _command(site, "purge", "--dry-run", "--explain")
    console.print(f"On {later:%Y-%m-%d} (dry run):", highlight=False)
    good &= _command(site, "purge", "--dry-run", "--explain", "--at", later.isoformat())
    console.print(f"On {later:%Y-%m-%d}, for real:", highlight=False)
    good &= _command(site, "purge", "--at", later.isoformat(), "--yes")
    left = files_of(site)
    if left:
        console.print(f"[red]{len(left)} files are left[/red]")
    good &= _command(site, "audit", "verify")
    return good and not left


def _command(site: Site, *arguments: str) -> bool:
    """The same command line that an operator types; its output is shown as it is."""
    environment = {**os.environ, "ASTERISK_PRIVACY_CONFIG": str(site.config)}
    sys.stdout.flush()
    done = subprocess.run([sys.executable, "-m", "asterisk_privacy", *arguments], env=environment, check=False)
    if done.returncode not in (0, 1):
        raise OperatorError(f"'asterisk-privacy {' '.join(arguments)}' ended with status {done.returncode}; see above")
    return done.returncode == 0
