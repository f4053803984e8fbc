"""`asterisk-privacy registry retire|readmit`: a node that does not come back, and a new one of its name."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from asterisk_privacy.cli.common import FOUND_SOMETHING, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.on_server import on_server
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.registry_place import bucket_address, home_of
from asterisk_privacy.daemon.retiring import Done, Left, look, refuse_unless_gone, settle
from asterisk_privacy.daemon.storage import objects_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clock import utc_now

MOST_LISTED = 20


@click.command("retire")
@click.argument("node")
@click.option("--reason", required=True, help="Why it does not come back; stands in the rows and in the audit trail.")
@click.option("--disk-destroyed", "destroyed", metavar="EVIDENCE", help="Its disk was destroyed: what proves it, such as a certificate.")
@click.option("--yes", is_flag=True, help="Do it; without this it only says what would be done.")
@config_option
@json_option
@operator_errors
def retire(node: str, reason: str, destroyed: str | None, yes: bool, config: Path, as_json: bool) -> None:
    """Settle what a NODE left that does not come back. Run it on another node.

    Refused while its daemon runs, and until it has been silent for five minutes, unless it was stopped in order. Then, each with an
    entry in the audit trail:

    \b
      calls that it did not end                      are ended
      recordings that were being written             are lost with its disk, and their rows say so
      recordings that it brought to the bucket       are for the purgers of the other nodes
      sealed recordings that are on its disk alone   stay, and are told as overdue in their time; with --disk-destroyed their
                                                     rows are closed with that evidence, but not under a legal hold

    It can be run again, for instance when the certificate is there. No daemon takes the name afterwards; for a new machine of that name
    see: registry readmit.

    \b
    Example:
      asterisk-privacy registry retire pbx-2 --reason "mainboard burnt"
      asterisk-privacy registry retire pbx-2 --reason "mainboard burnt" --disk-destroyed "certificate 12 of Shredders Ltd" --yes

    \b
    Exit codes: 0 settled; 1 nothing was changed without --yes, or recordings are left on its disk; 2 configuration; 3 cannot work now.
    """
    settings = load(config)
    place = home_of(settings)
    if isinstance(place, Server) and place.node == node:
        raise OperatorError(f"node {node}: is the one of this configuration; run this on another node, which goes on")
    bucket, address = objects_of(settings.s3), bucket_address(settings.s3)
    with on_server(settings, node) as registry:
        refuse_unless_gone(registry)
        with registry.only_one():
            with Console(stderr=True).status("asking the bucket ..."):
                left = look(registry, bucket, address)
            done = settle(registry, bucket, address, left, utc_now(), reason, destroyed) if yes else None
    if as_json:
        print_json(_as_json(node, left, done))
    else:
        _show(node, left, done, destroyed)
    if done is None or done.left or done.protected:
        sys.exit(FOUND_SOMETHING)


@click.command("readmit")
@click.argument("node")
@click.option("--reason", required=True, help="Stands in the audit trail.")
@config_option
@operator_errors
def readmit(node: str, reason: str, config: Path) -> None:
    """Let a new machine have the name of a NODE that was retired.

    Its daemon begins with nothing: what the old one left is settled, and stays so. On the store of the old machine no daemon starts
    under that name.

    \b
    Example:
      asterisk-privacy registry readmit pbx-2 --reason "a new machine"
    """
    with on_server(load(config), node) as registry:
        registry.nodes.readmit(utc_now(), reason)
    echo(f"{node}: a new machine may have this name")


def _as_json(node: str, left: Left, done: Done | None) -> dict[str, object]:
    return {
        "node": node,
        "done": done is not None,
        "lost": left.writing,
        "in_bucket": [recording_id for recording_id, _ in left.there],
        "on_its_disk": left.disk,
        "in_another_bucket": left.elsewhere,
        "deletions_begun": left.purging,
        "calls": left.calls,
        "closed": 0 if done is None else done.counts["closed"],
        "protected": [] if done is None else done.protected,
    }


def _show(node: str, left: Left, done: Done | None, destroyed: str | None) -> None:
    alone = [*left.disk, *left.purging]
    echo(f"{node}: {left.calls} calls that it did not end")
    echo(f"{node}: {len(left.writing)} recordings that were being written: lost")
    echo(f"{node}: {len(left.there)} recordings in the bucket of which no row said so: for the other nodes' purgers")
    if left.elsewhere:
        echo(f"{node}: {len(left.elsewhere)} recordings in another bucket than [s3] names here: they stay")
    echo(f"{node}: {len(alone)} recordings on its disk alone{': ' if alone else ''}{', '.join(alone[:MOST_LISTED])}")
    if len(alone) > MOST_LISTED:
        echo(f"and {len(alone) - MOST_LISTED} more")
    if done is None:
        echo("nothing was changed; add --yes to settle this", err=True)
        return
    for recording_id in done.protected:
        echo(f"{recording_id}: is under a legal hold or restricted, so its row stays as it is", err=True)
    if destroyed is not None:
        echo(f"{node}: retired; the rows of {done.counts['closed']} recordings were closed: {destroyed}")
    elif done.left:
        echo(
            f"{node}: retired; {len(done.left)} recordings stay on its disk: nobody hears them, and they will be told as overdue. Bring "
            "them to the bucket from that disk, or once it was destroyed run this again with --disk-destroyed",
            err=True,
        )
    else:
        echo(f"{node}: retired")
