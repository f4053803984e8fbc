"""Which faults of the registry pass: what another process, a full disk or a server that is away refuses today may be taken later."""

from __future__ import annotations

import sqlite3

from peewee import InterfaceError, OperationalError, PeeweeException

from asterisk_privacy.errors import OperatorError

_PASSING = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
}  # fmt: skip
"""sqlite.org/rescode.html; other codes of SQLITE_ERROR's kind are mistakes of ours, such as a table that does not exist."""


class Passing(OperatorError):
    """A server is away, or did not come to it: trying again can succeed."""


class TurnTaken(Passing):
    """Another node's purger runs."""


class ClockAhead(Passing):
    """By this node's clock things would be due that are not yet."""


class InDoubt(Passing):
    """The connection was lost while the server was to take a change: whether it has is for `Registry.was_taken`."""

    def __init__(self, message: str, transaction: str) -> None:
        super().__init__(message)
        self.transaction = transaction


def is_passing(error: OperatorError) -> bool:
    """Whether trying the same again can succeed without anything else being changed: nothing of it was written, but see InDoubt."""
    if isinstance(error, Passing):
        return True
    cause = error.__cause__
    if not isinstance(cause, OperationalError | InterfaceError | sqlite3.OperationalError):
        return False
    driver = cause if isinstance(cause, sqlite3.Error) else cause.__context__
    if driver is None or isinstance(driver, PeeweeException):
        return False  # peewee's own: a registry that was closed
    code = getattr(driver, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _PASSING
