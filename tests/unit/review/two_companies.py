"""Two companies on one PBX and one PostgreSQL: each with its own key, user of the database, configuration and review page."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from registry_users import Users
from review_site import ACCOUNTS, NOW, SPANS, password_hash

from asterisk_privacy.access.accounts import Account, save
from asterisk_privacy.access.desk import Rulebook
from asterisk_privacy.call.participants import Participant
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.http_limits import HttpServer
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.tenants import sealing_of
from asterisk_privacy.registry.grants import Role
from asterisk_privacy.registry.numbers import number_hash
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.review.app import LIMITS, make_app
from asterisk_privacy.review.desk.local import LocalDesk
from asterisk_privacy.review.site import Site
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.seal_text import seal_text
from asterisk_privacy.store.vault import Vault

COMPANIES = ("acme", "beta")
CALLER = "0612345678"
POLICY = """
[purposes.training]
title = "training our staff"
basis = "legitimate-interest"
reasoning = "Good service needs practice."
trigger = "always"
retention = { until = "reviewed", latest_days = 35 }
[purposes.complaint]
title = "handling your complaint"
basis = "legitimate-interest"
reasoning = "Both sides need to know what was said."
trigger = "flag"
retention = { until = "case-closed", latest_days = 700 }
[review.roles.reviewer]
purposes = ["training", "complaint"]
[review.roles.incident-handler]
purposes = ["complaint"]
"""


@dataclass
class Page:
    url: str
    ids: dict[str, str]


class TwoCompanies:
    def __init__(self, folder: Path, users: Users) -> None:
        self.folder, self.users = folder, users
        self.key = secrets.token_bytes(32)
        (folder / "number.key").write_text(self.key.hex())
        (folder / "number.key").chmod(0o600)
        users.add("pbx", Role.RECORDER, Role.PURGER)
        self.identities = {name: Identity.generate() for name in COMPANIES}
        for name, identity in self.identities.items():
            users.add(f"{name}_page", Role.REVIEWER, tenant=name)
            (folder / f"{name}.recipients").write_text(identity.public + "\n")
            (folder / f"{name}.identity").write_text(identity.secret + "\n")
            (folder / f"{name}.identity").chmod(0o600)
            accounts = {one: Account(one, frozenset(roles), password_hash(), frozenset(), "en") for one, roles in ACCOUNTS.items()}
            save(folder / f"{name}.accounts", accounts)
            self.config(f"{name}.toml", f"{name}_page", f'tenant = "{name}"', accounts=f"{name}.accounts")
            self.config(f"hoster-{name}.toml", "pbx", f'tenant = "{name}"\nnode = "node-pbx"')
        self.hoster = self.config("hoster.toml", "pbx", 'node = "node-pbx"')
        settings = load(self.hoster)
        self.vault = Vault(folder / "recordings", sealing_of(settings))
        self.registry = Registry.open(home_of(settings), actor="recorder", clock=lambda: NOW)
        self.purposes = settings.book.purposes
        self.ids = {name: self.call(name) for name in COMPANIES}

    def config(self, name: str, user: str, registry: str, accounts: str = "none") -> Path:
        path, place = self.folder / name, self.users.place(user)
        store = f'[store]\ndirectory = "{self.folder}/recordings"\nrecipients = "{self.folder}/no.recipients"\n'
        kept = f'[registry]\nurl = "{place.url}"\nnumber_key = "{self.folder}/number.key"\ncountry_code = "31"\n{registry}\n'
        review = f'[review]\naccounts = "{self.folder}/{accounts}"\n[office]\nname = "The hoster"\n'
        companies = "".join(
            f'[tenants.{one}]\ntitle = "{one.title()} BV"\nrecipients = "{self.folder}/{one}.recipients"\n' for one in COMPANIES
        )
        lines = "".join(
            f'[profiles.{one}-line]\ntitle = "{one.title()} line"\nlanguage = "nl"\nannouncement = "notice-optout"\n'
            f'purposes = ["training", "complaint"]\nrefuse_key = "3"\ntenant = "{one}"\n'
            for one in COMPANIES
        )
        path.write_text(store + kept + review + POLICY + companies + lines)
        return path

    def call(self, company: str) -> str:
        """Of the one customer of both; sealed as the daemon seals it."""
        recording_id, at = secrets.token_hex(16), NOW - timedelta(days=1)
        number = seal_text(CALLER, sealing_of(load(self.hoster)).of(company))
        self.registry.begin_call(recording_id, f"{company}-line", at, number_hash(CALLER, self.key, "31"), number, "in", company)
        self.registry.note_consent(recording_id, at, "notice-heard", None)
        self.registry.begin_recording(recording_id, recording_id, at, tuple(self.purposes.values()), 1)
        writer = self.vault.create(recording_id, tenant=company)
        writer.write(np.full((8000, 2), 1000 + COMPANIES.index(company), dtype=np.int16))
        done = writer.seal()
        self.registry.seal_recording(recording_id, at, done.size, done.sha256, 1000, False, done.sealed_to, done.content.pieces)
        self.registry.end_call(recording_id, at, "kept", [Participant.agent("PJSIP/bert")], SPANS, ())
        return recording_id

    @asynccontextmanager
    async def page(self, company: str) -> AsyncIterator[Page]:
        settings = load(self.folder / f"{company}.toml")
        registry = Registry.open(home_of(settings), actor="review", clock=lambda: NOW, create=False)
        book = Rulebook.of(settings, lambda: NOW)
        site = Site(book, LocalDesk(registry, book), [self.identities[company]])
        server = HttpServer(make_app(site), LIMITS)
        await server.start("127.0.0.1", 0)
        yield Page(f"http://127.0.0.1:{server.port}", self.ids)
        await server.stop()
