"""Who is signed in: in memory only, so that a restart signs everybody out and no disk knows a session."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_OF_ONE = 5  # sessions of one account; the oldest gives way
REMEMBERED = 1000  # sessions that are over


@dataclass(frozen=True, slots=True)
class ListenToken:
    """Somebody said purpose and reason, and it stands in the audit trail: until `ends` he may fetch this recording's audio."""

    token: str
    recording_id: str
    purpose: str
    ends: float  # of the clock


@dataclass(slots=True)
class Session:
    account: str
    proof: str  # changes with the account's password: then the session is over
    begun: float
    used: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    listens: dict[str, ListenToken] = field(default_factory=dict)  # by recording
    notices: list[tuple[str, str]] = field(default_factory=list)  # (kind, sentence) for the next page

    def take_notices(self) -> list[tuple[str, str]]:
        taken, self.notices = self.notices, []
        return taken


class Sessions:
    """`clock` is monotonic, in seconds."""

    def __init__(self, idle_seconds: float, life_seconds: float, listen_seconds: float, clock: Callable[[], float]) -> None:
        self._idle = idle_seconds
        self._life = life_seconds
        self._listen = listen_seconds
        self._clock = clock
        self._known: dict[str, Session] = {}
        self._over_since: dict[str, str] = {}  # key -> account, the latest REMEMBERED

    def begin(self, account: str, proof: str) -> tuple[str, Session]:
        """A fresh key: what a browser carried before is worth nothing."""
        now = self._clock()
        self._forget_old(now)
        own = [key for key, session in self._known.items() if session.account == account]  # the oldest first
        for old in own[: max(0, len(own) + 1 - MOST_OF_ONE)]:
            del self._known[old]
        key = secrets.token_urlsafe(32)
        session = Session(account, proof, now, now)
        self._known[key] = session
        return key, session

    def find(self, key: str) -> Session | None:
        """And counts as a click."""
        session = self._known.get(key)
        if session is None:
            return None
        now = self._clock()
        if self._over(session, now):
            self._drop(key)
            return None
        session.used = now
        return session

    def was(self, key: str) -> str | None:
        """Whose session it was that is over by itself; told once."""
        return self._over_since.pop(key, None)

    def end(self, key: str) -> None:
        self._known.pop(key, None)

    def grant(self, session: Session, recording_id: str, purpose: str) -> ListenToken:
        """The audit row is the caller's to write, before."""
        made = ListenToken(secrets.token_urlsafe(24), recording_id, purpose, self._clock() + self._listen)
        session.listens[recording_id] = made
        return made

    def granted(self, session: Session, recording_id: str, token: str | None = None) -> ListenToken | None:
        """The grant that still holds; with `token`, only that one."""
        found = session.listens.get(recording_id)
        if found is None or found.ends <= self._clock():
            session.listens.pop(recording_id, None)
            return None
        if token is not None and not hmac.compare_digest(found.token.encode(), token.encode()):
            return None
        return found

    def _over(self, session: Session, now: float) -> bool:
        return now - session.used >= self._idle or now - session.begun >= self._life

    def _forget_old(self, now: float) -> None:
        for key in [key for key, session in self._known.items() if self._over(session, now)]:
            self._drop(key)

    def _drop(self, key: str) -> None:
        self._over_since[key] = self._known.pop(key).account
        for old in list(self._over_since)[:-REMEMBERED]:
            del self._over_since[old]
