"""Passwords of accounts: argon2id, on purpose slow and large. Only the page and the command that sets them need this."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from asterisk_privacy.access.accounts import Account
from asterisk_privacy.errors import OperatorError

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
_HASHER = PasswordHasher()  # RFC 9106's choice for little memory: 64 MiB, three passes


def hashed(password: str) -> str:
    """OperatorError when it is too short to withstand guessing, or absurdly long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise OperatorError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, such as four or five words")
    return _HASHER.hash(password)


_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))


def password_fits(account: Account | None, password: str) -> bool:
    """Takes as long for an account that does not exist, is disabled or has no password."""
    good = account is not None and account.password is not None and not account.disabled
    stored = account.password if account is not None and account.password is not None and good else _NOBODY
    try:
        _HASHER.verify(stored, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return good
