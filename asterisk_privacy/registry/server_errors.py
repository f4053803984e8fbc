"""What an operator hears when PostgreSQL does not do what it should."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import errors

CUT = ("could not receive data", "server closed the connection", "connection is lost", "terminating connection", "the connection is closed")
# What the client library says, which has no code: words in it, and the way out.
_NO_CONNECTION = {
    "password authentication failed": "wrong user or password; see [registry] url and password_file",
    "no password supplied": "the server wants a password; write it into a file and set [registry] password_file",
    "no pg_hba.conf entry": "the server does not let this user in from here; see its pg_hba.conf",
    "peer authentication failed": "the server lets in only the system's user of that name; see its pg_hba.conf",
    "database": "the server has no such database; make it with: createdb",
    "role": "the server has no such user; make it with: createuser",
    "certificate": "the server's certificate is not what sslmode asks for; see [registry] url",
    "translate host name": "no such host; see [registry] url",
    "resolve host": "no such host; see [registry] url",
    "refused": "nothing listens there; start PostgreSQL, or mend [registry] url",
    "no such file": "nothing listens there; start PostgreSQL, or mend [registry] url",
    "timeout": "the server does not answer; see whether it runs, and the network",
}


def is_lost(error: BaseException) -> bool:
    found = server_cause(error)
    return isinstance(found, errors.AdminShutdown | errors.CrashShutdown | errors.CannotConnectNow) or (
        isinstance(found, psycopg.OperationalError | psycopg.InterfaceError) and found.sqlstate is None
    )


def passes(error: BaseException) -> bool:
    return is_lost(error) or isinstance(
        server_cause(error), errors.LockNotAvailable | errors.DiskFull | errors.OutOfMemory | errors.QueryCanceled
    )


def in_words(error: BaseException, busy_seconds: float) -> str:
    found = server_cause(error)
    text = " ".join(str(found).split())
    if isinstance(found, errors.LockNotAvailable):
        return f"another node or process kept it locked for more than {busy_seconds:g} s; see who holds it, then try again"
    if isinstance(found, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
        return f"no right to do that ({text}); see: asterisk-privacy registry grant"
    if isinstance(found, errors.DiskFull | errors.OutOfMemory):
        return f"the server does not take it ({text}); make room there, then try again"
    if isinstance(found, psycopg.IntegrityError):
        return f"refused ({text}); the id is taken, or the row that it belongs to does not exist"
    if isinstance(found, errors.InvalidPassword | errors.InvalidAuthorizationSpecification):
        return f"wrong user or password; see [registry] url and password_file ({text})"
    if is_lost(error):
        way_out = next((way for words, way in _NO_CONNECTION.items() if words in text.lower()), "see whether the server runs")
        cut = any(words in text for words in CUT)
        return f"the connection was lost ({text})" if cut else f"cannot be reached: {way_out} ({text})"
    return text or type(error).__name__


def server_cause(error: BaseException) -> BaseException:
    """What psycopg raised, below what peewee made of it."""
    return next((found for found in _behind(error) if isinstance(found, psycopg.Error)), error)


def _behind(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = [error]
    while seen:
        here = seen.pop()
        yield here
        seen += [other for other in (*here.args, here.__cause__, here.__context__) if isinstance(other, BaseException)]
