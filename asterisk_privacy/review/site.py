"""What every handler shares: settings, accounts, sessions, and the desk at which the registry is asked."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol, TypeVar

from aiohttp import web

from asterisk_privacy.access.accounts import Account
from asterisk_privacy.access.desk import Rulebook
from asterisk_privacy.access.permission import Viewer
from asterisk_privacy.content import Content
from asterisk_privacy.daemon.storage import shelf_of
from asterisk_privacy.review.desk.requests import Request
from asterisk_privacy.review.lockout import Lockout
from asterisk_privacy.review.passwords import password_fits
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


class Asked(Protocol):
    """Where requests go: LocalDesk or SocketDesk."""

    async def ask(self, request: Request[T]) -> T:
        """OperatorError when it cannot be done now."""

    def close(self) -> None: ...


class Site:
    """`clock` is monotonic seconds, for sessions and lock-outs; `now` the time of day."""

    def __init__(
        self,
        book: Rulebook,
        desk: Asked,
        identities: Sequence[Identity],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.config = book.config
        review = self.config.review
        self.identities = identities
        self.shelf = shelf_of(self.config)
        self.clock = clock
        self.now = book.now
        self.roles = book.roles
        self.accounts = book.accounts
        self.sessions = Sessions(review.idle_minutes * 60, review.session_hours * 3600, review.listen_minutes * 60, clock)
        self.lockout = Lockout(clock)
        self.secret = secrets.token_bytes(32)  # for the form of sign-in, before there is a session
        self.secure = review.behind_proxy
        self.measured: OrderedDict[str, Content] = OrderedDict()  # by SHA-256: of recordings that were hashed whole
        self.guessing = 0  # passwords that are being looked at, or wait for it
        self._guessers = ThreadPoolExecutor(2, thread_name_prefix="password")  # argon2 takes 64 MiB each
        self._desk = desk

    @property
    def cookie(self) -> str:
        """The browser itself refuses __Host- cookies that are not Secure or not of this very host."""
        return "__Host-asterisk-privacy-review" if self.secure else "asterisk-privacy-review"

    @property
    def sign_in_cookie(self) -> str:
        return f"{self.cookie}-sign-in"

    async def ask(self, request: Request[T]) -> T:
        """Raises what the desk raises: OperatorError."""
        return await self._desk.ask(request)

    async def guess(self, account: Account | None, password: str) -> bool:
        """Slow on purpose, so not on the loop."""
        self.guessing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._guessers, password_fits, account, password)
        finally:
            self.guessing -= 1

    def remember(self, content: Content) -> None:
        """Of the latest MEASURED; a thousand hours are 3 MB."""
        self.measured[content.sha256] = content
        while len(self.measured) > MEASURED:
            self.measured.popitem(last=False)

    def viewer(self, account: Account) -> Viewer:
        return Viewer(account.name, account.roles, self.roles.purposes, account.agents)

    def close(self) -> None:
        self._guessers.shutdown(wait=True)
        self._desk.close()


SITE = web.AppKey("site", Site)


def site_of(request: web.Request) -> Site:
    return request.app[SITE]


VISIT: Any = web.RequestKey("visit", Visit) if hasattr(web, "RequestKey") else "visit"  # aiohttp 3.14 warns of a mere text


def visit_of(request: web.Request) -> Visit:
    visit: Visit = request[VISIT]
    return visit


def words_of(form: Mapping[str, object], name: str, most: int = 500) -> str:
    """A field of a form in one line; what is no text counts as empty. What nobody types, and PostgreSQL cannot keep, is left out."""
    value = form.get(name, "")
    typed = "".join(c if unicodedata.category(c) not in UNTYPED else " " for c in value) if isinstance(value, str) else ""
    return " ".join(typed.split())[:most]
