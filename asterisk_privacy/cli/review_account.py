"""`asterisk-privacy review account`: who may sign in at the review page, and as what. Changes hold from the next click on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import click

from asterisk_privacy.access.accounts import NAME, Account, AccountBook, save
from asterisk_privacy.cli.common import actor, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.daemon.config import Config, load
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.review.passwords import hashed

name_argument = click.argument("name", metavar="NAME")
role_option = click.option("--role", "roles", type=click.Choice([r.value for r in Role]), multiple=True, help="May be said several times.")
agent_option = click.option(
    "--agent", "agents", multiple=True, metavar="ENDPOINT", help="The phone that he is, such as PJSIP/anna: his own calls are not for him."
)
password_option = click.option(
    "--password-file", type=click.File(), metavar="FILE", help="Take the password from its first line (- is standard input), do not ask."
)
LANGUAGES = ("en", "nl")


@click.group("account")
def account() -> None:
    """Accounts of the review page, with argon2 hashes of their passwords, in the file that [review] accounts names.

    \b
    Roles:
      reviewer          listens to the sample, writes outcomes and lessons
      incident-handler  complaints, escalations, court cases
      privacy-officer   requests of persons, legal holds, overdue deletions, the register
      auditor           the audit trail, the register

    \b
    Exit codes: 0 fine, 2 usage or configuration, 3 cannot work now.
    """


@account.command("add")
@name_argument
@role_option
@agent_option
@click.option("--language", type=click.Choice(LANGUAGES), help="Of the page; without it that of the browser.")
@click.option("--no-password", is_flag=True, help="Only the proxy of [review] proxy_header signs him in.")
@password_option
@config_option
@operator_errors
def add(
    name: str,
    roles: tuple[str, ...],
    agents: tuple[str, ...],
    language: str | None,
    no_password: bool,
    password_file: TextIO | None,
    config: Path,
) -> None:
    """Make an account. Its password is asked for, twice.

    \b
    Example:
      asterisk-privacy review account add anna --role reviewer --agent PJSIP/anna --language nl
    """
    settings, accounts = _read(config)
    if not NAME.fullmatch(name):
        raise click.UsageError(f"{name!r}: a name has 1 to 64 letters, digits and . _ @ -, and begins with a letter or digit")
    if name in accounts:
        raise OperatorError(f"account {name}: exists already; change it with: review account role, review account password")
    if not roles:
        raise click.UsageError("--role: say at least one")
    password = None if no_password else hashed(_asked(password_file))
    made = Account(name, frozenset(map(Role, roles)), password, frozenset(agents), language)
    _write(settings, {**accounts, name: made}, "review.account-add", name, _in_the_trail(made))
    echo(f"account {name}: {', '.join(sorted(roles))}")


@account.command("list")
@config_option
@json_option
@operator_errors
def list_(config: Path, as_json: bool) -> None:
    """The accounts, with their roles.

    \b
    Example:
      asterisk-privacy review account list --json
    """
    _, accounts = _read(config)
    told = sorted(accounts.values(), key=lambda one: one.name)
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "roles": sorted(one.roles),
                    "agents": sorted(one.agents),
                    "language": one.language,
                    "password": one.password is not None,
                    "disabled": one.disabled,
                }
                for one in told
            ]
        )
        return
    rows = [
        (one.name, ", ".join(sorted(one.roles)), ", ".join(sorted(one.agents)), one.language or "", "disabled" if one.disabled else "")
        for one in told
    ]
    print_table(("account", "roles", "is the agent", "language", ""), rows)


@account.command("disable")
@name_argument
@click.option("--enable", is_flag=True, help="The other way round.")
@config_option
@operator_errors
def disable(name: str, enable: bool, config: Path) -> None:
    """Nobody signs in with it any more, and who is signed in is out at his next click.

    \b
    Example:
      asterisk-privacy review account disable anna
    """
    settings, accounts = _read(config)
    changed = replace(_wanted(accounts, name), disabled=not enable)
    _write(settings, {**accounts, name: changed}, "review.account-enable" if enable else "review.account-disable", name, {})
    echo(f"account {name}: {'enabled' if enable else 'disabled'}")


@account.command("password")
@name_argument
@password_option
@config_option
@operator_errors
def password_(name: str, password_file: TextIO | None, config: Path) -> None:
    """Give it a new password; who is signed in with the old one is out.

    \b
    Example:
      asterisk-privacy review account password anna
    """
    settings, accounts = _read(config)
    changed = replace(_wanted(accounts, name), password=hashed(_asked(password_file)))
    _write(settings, {**accounts, name: changed}, "review.account-password", name, {})
    echo(f"account {name}: new password")


@account.command("role")
@name_argument
@role_option
@agent_option
@config_option
@operator_errors
def role(name: str, roles: tuple[str, ...], agents: tuple[str, ...], config: Path) -> None:
    """Give it these roles in place of those that it has, and these endpoints if any are said.

    \b
    Example:
      asterisk-privacy review account role anna --role reviewer --role incident-handler
    """
    settings, accounts = _read(config)
    if not roles:
        raise click.UsageError("--role: say at least one; nobody is kept out with: review account disable")
    before = _wanted(accounts, name)
    changed = replace(before, roles=frozenset(map(Role, roles)), agents=frozenset(agents) or before.agents)
    _write(settings, {**accounts, name: changed}, "review.account-role", name, _in_the_trail(changed))
    echo(f"account {name}: {', '.join(sorted(roles))}")


def _in_the_trail(account: Account) -> Mapping[str, str]:
    """The phones too: they say which calls are the account's own."""
    return {"roles": ", ".join(sorted(account.roles)), "agents": ", ".join(sorted(account.agents))}


def _read(path: Path) -> tuple[Config, Mapping[str, Account]]:
    settings = load(path)
    where = settings.review.accounts
    return settings, AccountBook(where).all() if where.exists() else {}


def _wanted(accounts: Mapping[str, Account], name: str) -> Account:
    if name not in accounts:
        raise OperatorError(f"account {name}: does not exist; see: asterisk-privacy review account list")
    return accounts[name]


def _write(settings: Config, accounts: Mapping[str, Account], action: str, name: str, detail: Mapping[str, str]) -> None:
    """The audit row first: an account that nobody can trace is worse than a row without its account."""
    if settings.registry.url or settings.registry.path.exists():  # before the daemon's first start there is nothing to listen to
        with Registry.open(home_of(settings), actor=actor(), create=False) as registry:
            registry.audit(actor(), action, name, detail)
    save(settings.review.accounts, accounts)


def _asked(file: TextIO | None) -> str:
    if file is not None:
        return file.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
