"""`asterisk-privacy check-config`: every mistake in the configuration at once, or the promises that it makes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from asterisk_privacy.cli.asking import asked
from asterisk_privacy.cli.common import CANNOT_NOW, FINE, FOUND_SOMETHING, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.config import DEFAULT_PATH, Config, load
from asterisk_privacy.daemon.old_place import warnings as left_behind
from asterisk_privacy.daemon.reach import plain_tcp
from asterisk_privacy.daemon.registry_place import wrong_clock, wrong_with_registry
from asterisk_privacy.daemon.settings import How
from asterisk_privacy.daemon.sounds import elsewhere, wrong_sounds
from asterisk_privacy.daemon.startup_check import refused_by_serve
from asterisk_privacy.daemon.storage import wrong_with_bucket
from asterisk_privacy.daemon.tenants import astray_tenants
from asterisk_privacy.daemon.tenants import warnings as tenants_warnings
from asterisk_privacy.errors import ConfigError, OperatorError
from asterisk_privacy.policy.purpose import Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import criterion_to_mapping
from asterisk_privacy.policy.texts import said_wrongly, untold, untranslated
from asterisk_privacy.setup.asterisk_user import asterisk_user
from asterisk_privacy.setup.clashes import clashing
from asterisk_privacy.setup.tree import Tree

ASTERISK = "/etc/asterisk"
WIDTH_IN_A_FILE = 140  # columns, where no terminal sets a width


@click.command("check-config")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    envvar="ASTERISK_PRIVACY_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The file to check.",
)
@click.option("--ask", is_flag=True, help="Ask the running Asterisk too, over ARI, and warn of what it hides; and the bucket of [s3].")
@click.option("--file-only", is_flag=True, help="Look at the file alone, and not at this machine: keys, sounds, directories, ports.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check_config(path: Path, ask: bool, file_only: bool, as_json: bool) -> None:
    """Check the configuration; show what each line of telephones promises.

    Prints every mistake at once, one a line, with what to write instead, and warns where the text of an announcement does not name
    its keys or tells another period than the policy, and where voices would cross a network in clear. Then it names what on this machine
    would keep the recorder from starting, or a line from being announced: keys that are missing or of the wrong kind, secrets that others
    can read, files and directories that others can change, directories that cannot be written to, ports that are taken, sounds that
    Asterisk cannot play. Run it as root or as the recorder's user. Nothing is
    changed and no service is asked, so it is safe to run before each restart.

    With --ask the running Asterisk is asked as well: its version, its modules, whether the dialplan has the recorder's contexts and dials
    the right addresses, endpoints with direct_media=yes, an ARI user that may only read, an application name that somebody else holds;
    and its files, as far as they can be read, whether a code of features.conf takes an agent's key.
    That changes nothing either, and no caller hears of it. If recordings go to a bucket ([s3]), it is asked too whether the access key may
    write, read, list and delete there, by a small object that is removed again, and whether an object lock would keep what must go.

    \b
    Example:
      asterisk-privacy check-config --config ./config.toml && systemctl restart asterisk-privacy
      asterisk-privacy check-config --ask

    \b
    Exit codes: 0 fine; 1 something on this machine, or with --ask in Asterisk, the bucket or the clock, needs a change; 2 the file
    cannot be used; 3 with --ask: Asterisk, the bucket or the registry's server cannot be asked.
    """
    try:
        config = load(path)
    except ConfigError as error:
        for problem in error.problems:
            echo(problem, err=True)
        if as_json:
            print_json({"config": str(path), "problems": list(error.problems)})
        sys.exit(2)
    here = [] if file_only else [*refused_by_serve(config, path), *wrong_sounds(config, asterisk_user(Tree(Path("/")), ASTERISK))]
    told = (*_warnings(config), *plain_tcp(config), *left_behind(config), *tenants_warnings(config))
    warnings = [line for line in told if line not in here]
    found, cannot = _ask(config) if ask else ([], "")
    bucket, no_bucket = _ask_bucket(config) if ask else ([], "")
    no_registry = wrong_with_registry(config) if ask else ""
    clock = [*wrong_clock(config), *astray_tenants(config)] if ask and not no_registry else []
    for line in (*warnings, *found, *bucket, *clock):
        echo(f"Warning: {line}", err=True)
    for line in here:
        echo(f"Error: {line}", err=True)
    if as_json:
        result: dict[str, object] = {"config": str(path), "problems": [], "warnings": warnings, "here": here, "profiles": _profiles(config)}
        if ask:
            result["asterisk"] = {"error": cannot} if cannot else {"warnings": found}
        if ask and config.s3.bucket:
            result["bucket"] = {"error": no_bucket} if no_bucket else {"warnings": bucket}
        if ask and config.registry.url:
            result["registry"] = {"error": no_registry} if no_registry else {"warnings": clock}
        print_json(result)
    else:
        _print_table(config, f"{path}: fine." if not here else f"{path}: can be read, and something on this machine needs a change.")
        if not file_only and elsewhere(config):
            echo("Asterisk is on another machine, and its sounds are not looked at: `selftest --profile NAME` plays those of a line.")
    for why in filter(None, (cannot, no_bucket, no_registry)):
        echo(f"Error: {why}", err=True)
    if ask and config.s3.bucket and not (bucket or no_bucket) and not as_json:
        echo("The bucket was asked: recordings can be brought there, read, and deleted with every version.")
    if ask and config.registry.url and not no_registry and not as_json:
        echo("The registry's server was asked: it lets this user in, and its tables fit this version.")
    if cannot or no_bucket or no_registry:
        sys.exit(CANNOT_NOW)
    if ask and not found and not as_json:
        echo("Asterisk was asked: nothing hides from the recorder.")
    sys.exit(FOUND_SOMETHING if found or bucket or clock or here else FINE)


def _ask_bucket(config: Config) -> tuple[list[str], str]:
    """What is wrong, or why it cannot be asked."""
    try:
        return wrong_with_bucket(config), ""
    except OperatorError as error:
        return [], str(error)


def _ask(config: Config) -> tuple[list[str], str]:
    """What is wrong, or why Asterisk cannot be asked."""
    try:
        files = [] if elsewhere(config) else clashing(Tree(Path("/")), ASTERISK)
        return [*asyncio.run(asked(config)), *files], ""
    except OperatorError as error:
        return [], str(error)


def _warnings(config: Config) -> Iterator[str]:
    """What a caller would hear and the policy does not say, as far as the text beside the sound tells."""
    for profile in config.book.profiles.values():
        text = config.dialplan.sounds / profile.language / f"{profile.announcement}.txt"
        try:
            spoken = text.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):  # not on this machine, or a sound without a text: nothing to compare
            continue
        way_out = f"compare it with `asterisk-privacy register announcement --profile {profile.name}`"
        for key in untold(profile, spoken):
            yield f"[profiles.{profile.name}] announcement: {text} does not name the key {key}; {way_out}"
        for period in said_wrongly(profile, spoken):
            yield f"[profiles.{profile.name}] announcement: {text} says {period}, which no purpose of it promises; {way_out}"
    yield from _unheard(config)
    for profile_name, purpose in untranslated(config.book, config.office):
        language = config.book.profiles[profile_name].language
        way_out = f"write titles = {{ {language} = ... }}"
        yield f"[purposes.{purpose}] titles: none in {language!r}, in which profile {profile_name} announces; {way_out}"


def _unheard(config: Config) -> Iterator[str]:
    """What a purpose is compatible with, and no role listens for: nobody may use it."""
    heard = frozenset().union(*config.review.purposes(config.book).purposes.values())
    for purpose in config.book.purposes.values():
        for one in purpose.compatible:
            if one.purpose not in heard:
                yield f"[purposes.{purpose.name}] compatible.{one.purpose}: no role listens for {one.purpose}; see [review.roles]"


def _profiles(config: Config) -> dict[str, object]:
    return {
        name: {
            "title": profile.title,
            **({"tenant": profile.tenant} if profile.tenant else {}),
            "language": profile.language,
            "announcement": profile.announcement,
            "refuse_key": profile.refuse_key,
            "purposes": [
                {
                    "name": purpose.name,
                    "title": purpose.title,
                    "basis": purpose.basis,
                    "reasoning": purpose.reasoning,
                    "trigger": purpose.trigger,
                    "one_in": purpose.one_in,
                    "quota": {"calls": purpose.quota.calls, "per": purpose.quota.per} if purpose.quota else None,
                    "agree_key": purpose.agree_key,
                    "retention": criterion_to_mapping(purpose.retention),
                    "kept_until": purpose.retention.in_words(),
                    "compatible": {one.purpose: one.because for one in purpose.compatible},
                }
                for purpose in profile.purposes
            ],
        }
        for name, profile in config.book.profiles.items()
    }


def _print_table(config: Config, title: str) -> None:
    table = Table(title=f"{title} What it promises to callers:", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("profile", "purpose", "legal basis", "recorded", "keys", "kept until", "latest"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("profile", "purpose", "latest"))
    for profile in config.book.profiles.values():
        for purpose in profile.purposes:
            table.add_row(
                profile.name if profile.tenant is None else f"{profile.name} ({profile.tenant})",
                purpose.name,
                purpose.basis,
                _when(purpose),
                _keys(profile, purpose),
                purpose.retention.in_words(),
                f"{purpose.retention.latest_days} days",
            )
        table.add_section()
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDTH_IN_A_FILE)
    console.print(table)
    for purpose in config.book.purposes.values():
        for one in purpose.compatible:
            console.print(f"{purpose.name} may also be heard for {one.purpose} (compatible): {one.because}")
    if config.capture.how is How.WIRE:  # whether systemd gives the right cannot be seen from here: this is another user, or root
        console.print(
            'Parties are heard through the wire: systemd must give the right to it (wire.conf; see "Through the wire" in admin.md).'
        )


def _when(purpose: Purpose) -> str:
    return {
        Trigger.FLAG: "agent's key",
        Trigger.SAMPLE: f"{purpose.quota.calls} an agent and {purpose.quota.per}" if purpose.quota else f"1 call in {purpose.one_in}",
        Trigger.ALWAYS: "always",
        Trigger.MARKED: "where the agent marks",
        Trigger.CAMPAIGN: "in a campaign",
    }[purpose.trigger]


def _keys(profile: Profile, purpose: Purpose) -> str:
    keys = [f"{purpose.agree_key} agrees"] if purpose.agree_key else []
    keys += [f"{profile.refuse_key} refuses"] if profile.refuse_key else []
    return ", ".join(keys) or "none"
