"""Where requests are carried out: the registry, the rules of the configuration, and the accounts as their file has them now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from asterisk_privacy.access.accounts import AccountBook
from asterisk_privacy.access.facts import facts_of
from asterisk_privacy.access.permission import Facts, Viewer
from asterisk_privacy.daemon.purging import Rules
from asterisk_privacy.daemon.review_settings import ReviewRoles
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow


@dataclass(frozen=True)
class Rulebook:
    """What is decided by, whatever connection is used."""

    config: Config
    rules: Rules
    roles: ReviewRoles
    accounts: AccountBook
    now: Callable[[], datetime]

    @classmethod
    def of(cls, config: Config, now: Callable[[], datetime] = utc_now) -> Rulebook:
        return cls(config, Rules.of(config), config.review.purposes(config.book), AccountBook(config.review.accounts), now)


@dataclass(frozen=True)
class Desk:
    """For one request at a time."""

    registry: Registry
    book: Rulebook

    @property
    def config(self) -> Config:
        return self.book.config

    @property
    def rules(self) -> Rules:
        return self.book.rules

    def now(self) -> datetime:
        return self.book.now()

    def viewer(self, who: str) -> Viewer:
        """Nobody has a right by being named: an account that is not there, or is disabled, may know of nothing."""
        account = self.book.accounts.find(who)
        if account is None or account.disabled:
            return Viewer(who, frozenset(), self.book.roles.purposes)
        return Viewer(account.name, account.roles, self.book.roles.purposes, account.agents)

    def facts(self, row: RecordingRow) -> Facts:
        return facts_of(row, self.config, self.rules, self.now())
