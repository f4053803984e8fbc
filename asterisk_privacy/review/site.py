"""What every handler shares: settings, accounts, sessions, and the registry on a thread of its own (peewee is synchronous)."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar

from aiohttp import web

from asterisk_privacy.content import Content
from asterisk_privacy.daemon.purging import Rules
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.review_settings import ReviewRoles
from asterisk_privacy.daemon.rights import further_of, living_purposes
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.storage import shelf_of
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.review.accounts import Account, AccountBook, password_fits
from asterisk_privacy.review.lockout import Lockout
from asterisk_privacy.review.permission import Facts, Viewer
from asterisk_privacy.review.sessions import Session, Sessions
from asterisk_privacy.store.identity import Identity

T = TypeVar("T")
MEASURED = 1000

UNTYPED = frozenset({"Cc", "Cs"})  # categories of characters: controls, and halves of a pair


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, in which session and language."""

    account: Account
    session: Session
    viewer: Viewer
    language: str

    @property
    def actor(self) -> str:
        """Whom the audit rows name."""
        return f"review:{self.account.name}"


class Site:
    """`clock` is monotonic seconds, for sessions and lock-outs; `now` the time of day."""

    def __init__(
        self,
        config: Config,
        registry: Registry,
        identities: Sequence[Identity],
        clock: Callable[[], float] = monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        review = config.review
        self.config = config
        self.identities = identities
        self.shelf = shelf_of(config)
        self.clock = clock
        self.now = now
        self.rules = Rules.of(config)
        self.roles: ReviewRoles = review.purposes(config.book)
        self.accounts = AccountBook(review.accounts)
        self.sessions = Sessions(review.idle_minutes * 60, review.session_hours * 3600, review.listen_minutes * 60, clock)
        self.lockout = Lockout(clock)
        self.secret = secrets.token_bytes(32)  # for the form of sign-in, before there is a session
        self.secure = review.behind_proxy
        self.measured: OrderedDict[str, Content] = OrderedDict()  # by SHA-256: of recordings that were hashed whole
        self.guessing = 0  # passwords that are being looked at, or wait for it
        self._guessers = ThreadPoolExecutor(2, thread_name_prefix="password")  # argon2 takes 64 MiB each
        self._registry = registry
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="registry")

    @property
    def cookie(self) -> str:
        """The browser itself refuses __Host- cookies that are not Secure or not of this very host."""
        return "__Host-asterisk-privacy-review" if self.secure else "asterisk-privacy-review"

    @property
    def sign_in_cookie(self) -> str:
        return f"{self.cookie}-sign-in"

    async def ask(self, work: Callable[[Registry], T], actor: str = "review") -> T:
        """Raises what the registry raises: OperatorError."""
        return await asyncio.get_running_loop().run_in_executor(self._desk, self._as, actor, work)

    async def read(self, work: Callable[[Registry], T]) -> T:
        """For what may take long over a large registry: a connection and a thread of its own. Raises OperatorError."""
        return await asyncio.to_thread(self._read, work)

    def _read(self, work: Callable[[Registry], T]) -> T:
        with Registry.open(home_of(self.config), actor="review", create=False) as registry:
            return work(registry)

    async def guess(self, account: Account | None, password: str) -> bool:
        """Slow on purpose, so not on the loop."""
        self.guessing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._guessers, password_fits, account, password)
        finally:
            self.guessing -= 1

    def _as(self, actor: str, work: Callable[[Registry], T]) -> T:
        with self._registry.acting(actor):
            return work(self._registry)

    def remember(self, content: Content) -> None:
        """Of the latest MEASURED; a thousand hours are 3 MB."""
        self.measured[content.sha256] = content
        while len(self.measured) > MEASURED:
            self.measured.popitem(last=False)

    def facts(self, row: RecordingRow) -> Facts:
        return facts_of(row, self.config, self.rules, self.now())

    def viewer(self, account: Account) -> Viewer:
        return Viewer(account.name, account.roles, self.roles.purposes, account.agents)

    def close(self) -> None:
        self._guessers.shutdown(wait=True)
        self._desk.shutdown(wait=True)
        self._registry.close()


SITE = web.AppKey("site", Site)


def site_of(request: web.Request) -> Site:
    return request.app[SITE]


VISIT: Any = web.RequestKey("visit", Visit) if hasattr(web, "RequestKey") else "visit"  # aiohttp 3.14 warns of a mere text


def visit_of(request: web.Request) -> Visit:
    visit: Visit = request[VISIT]
    return visit


def facts_of(row: RecordingRow, config: Config, rules: Rules, now: datetime) -> Facts:
    """At this moment: what ends later must be asked again. Of what is gone no purpose keeps anything, and its state says so."""
    names = tuple(purpose.name for purpose in row.purposes)
    lives = living_purposes(row, rules, now) if row.state in (State.SEALED, State.WRITING) else frozenset(names)
    return Facts(
        state=row.state.value,
        agents=row.agents,
        purposes=tuple(name for name in names if name in lives),
        ended=tuple(name for name in names if name not in lives),
        listeners=tuple(frozenset(hold.listeners) for hold in row.circumstances.holds),
        excepted=None if row.restriction is None else frozenset(row.restriction.except_for),
        further=further_of(row, config, now, rules),
    )


def words_of(form: Mapping[str, object], name: str, most: int = 500) -> str:
    """A field of a form in one line; what is no text counts as empty. What nobody types, and PostgreSQL cannot keep, is left out."""
    value = form.get(name, "")
    typed = "".join(c if unicodedata.category(c) not in UNTYPED else " " for c in value) if isinstance(value, str) else ""
    return " ".join(typed.split())[:most]
