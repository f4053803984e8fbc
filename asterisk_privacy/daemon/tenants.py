"""[tenants] of the configuration: several companies on one system, each with keys of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from asterisk_privacy.daemon.config_table import Findings, read_table
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.phrases import Office
from asterisk_privacy.policy.problem import Problem
from asterisk_privacy.policy.tenant import Tenant
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.engine import Empty
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.sealing import Sealing


@dataclass(frozen=True, slots=True)
class TenantTable:
    """[tenants.NAME] as it is written."""

    title: Annotated[str, Meta(examples=['"Acme BV"'])]
    recipients: Annotated[Path, Meta(examples=['"/etc/asterisk-privacy/acme.recipients"'])]
    contact: str = ""
    statement: str = ""
    dpo: str = ""


def read(name: str, table: object, findings: Findings) -> Tenant:
    stand_in = {"title": "?", "recipients": Path(f"/{name}")}
    made = read_table(TenantTable, table, ("tenants", name), findings, stand_in)
    return Tenant(name, made.title, str(made.recipients), made.contact, made.statement, made.dpo)


def problems(config: Config) -> Iterator[Problem]:
    count = len(config.book.tenants)
    if count > 1 and not config.registry.url:
        what = f"names {count} companies, and whoever reads a registry in a file reads the rows of all of them"
        yield Problem("tenants", what, "set [registry] url to a PostgreSQL database, which keeps them apart")

    if config.registry.tenant and config.book.tenants and config.registry.tenant not in config.book.tenants:
        known = ", ".join(config.book.tenants)
        yield Problem("registry.tenant", f"there is no tenant {config.registry.tenant!a}", f"write one of {known}, or leave it out")


def narrowed(config: Config) -> Config:
    """Where the registry shows one company's rows only, the policy is that company's too: its people need not know of others."""
    tenant = config.registry.tenant
    if tenant not in config.book.tenants:
        return config
    book, office = told_for(config, tenant)
    return replace(config, book=book, office=office)


def sealing_of(config: Config) -> Sealing:
    """OperatorError: there are no public keys, or those for all are wrong. A tenant whose file is missing or wrong stands in `without`, and
    does not stop the others. Where every line is a tenant's, nothing is sealed to [store] recipients."""
    made = load_sealing(config.store.recipients, config.book)
    if made.without and not made.tenants and made.usual is None:
        raise OperatorError(next(iter(made.without.values())))
    return made


def load_sealing(usual: Path, book: Book) -> Sealing:
    if not book.tenants:
        return Sealing(Recipients.load(usual))
    tenants, without = {}, {}
    for name, tenant in book.tenants.items():
        try:
            tenants[name] = _keys_of(tenant)
        except OperatorError as error:
            without[name] = str(error)
    return Sealing(Recipients.load(usual) if usual.exists() else None, tenants, without)


def load_keys(config: Config) -> None:
    """Looks at every file of public keys that a start needs. OperatorError has a line for each that is wrong."""
    wrong, usual = [], config.store.recipients
    loads: list[Callable[[], object]] = [partial(_keys_of, tenant) for tenant in config.book.tenants.values()]
    if not config.book.tenants or usual.exists():
        loads.append(lambda: Recipients.load(usual))
    for load in loads:
        try:
            load()
        except OperatorError as error:
            wrong.append(str(error))
    if wrong:
        raise OperatorError("\n".join(wrong))


def _keys_of(tenant: Tenant) -> Recipients:
    try:
        return Recipients.load(Path(tenant.recipients))
    except OperatorError as error:
        raise OperatorError(f"[tenants.{tenant.name}] recipients: {error}") from error


def warnings(config: Config) -> Iterator[str]:
    """What a start would complain of, and keys that open the recordings of two companies."""
    found = load_sealing(config.store.recipients, config.book) if config.book.tenants else Sealing(None)
    yield from found.without.values()
    for key, one, other in found.shared:
        yield f"[tenants.{one}] recipients: {key[:16]}... stands in that of {other} too: who has its secret key hears the calls of both"


def refuse_part(registry: Registry) -> None:
    """The recorder and the purger work for all. OperatorError: from here they would see the rows of one company only."""
    here = registry.tenants.here
    if here is not None:
        raise OperatorError(
            f"registry {registry.where}: only rows of tenant {here or 'nobody'} are seen from here, and the recorder works for all: leave "
            "[registry] tenant empty, and give it a user of the database who is listed for none (see: asterisk-privacy registry tenants)"
        )


def astray(config: Config, registry: Registry) -> Iterator[str]:
    """Where policy, registry and users of the database do not fit each other."""
    for user in registry.tenants.users():
        if user.sees_all:
            yield f"user {user.name} is listed for tenant {user.tenant}, and sees the rows of all: he owns the tables, or is a superuser"
        if not user.exists:
            yield f"user {user.name} is listed for tenant {user.tenant}, and the server has no such user"
    for name, count in registry.tenants.kept().items():
        if name is not None and name not in config.book.tenants:
            yield f"tenant {name} is not in the configuration, and has {count} recordings: they are kept, and deleted, as was promised"
        if name is None and config.book.tenants:
            yield f"{count} recordings are of no tenant, from before there were any: no tenant's user sees them"


def astray_tenants(config: Config) -> list[str]:
    """Asks the registry's server; nothing where there is none, or nothing in it yet."""
    place = home_of(config)
    if not isinstance(place, Server):
        return []
    try:
        with Registry.open(place, actor="check-config", create=False) as registry:
            return list(astray(config, registry))
    except Empty:
        return []


def told_for(config: Config, tenant: str | None) -> tuple[Book, Office]:
    """What the texts of a company are made from: its own lines and purposes, and itself as the controller. None: of all there is."""
    if tenant is None:
        return config.book, config.office
    one, office = config.book.tenants[tenant], config.office
    named = replace(
        office,
        name=one.title,
        contact=one.contact or office.contact,
        statement=one.statement or office.statement,
        dpo=one.dpo or office.dpo,
    )
    return config.book.of(tenant), named
