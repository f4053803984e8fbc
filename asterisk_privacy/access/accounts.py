"""The accounts of the review page: one JSON file, written by an administrator, read by the page (which cannot change it).

{"accounts": {"anna": {"roles": ["reviewer"], "password": "$argon2id$...", "agents": ["PJSIP/anna"], "language": "nl",
                       "disabled": false}}}
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from asterisk_privacy import file_access
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.errors import OperatorError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    roles: frozenset[Role]
    password: str | None = field(default=None, repr=False)  # argon2id; None: only a proxy signs him in
    agents: frozenset[str] = frozenset()  # endpoints that he is: his own calls are not for him
    language: str | None = None
    disabled: bool = False


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    roles: list[Role]
    password: str | None = None
    agents: list[str] = []
    language: str | None = None
    disabled: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    accounts: dict[str, _Stored]


class AccountBook:
    """Read again whenever the file changed, so that a disabled account is out at its next click."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int, int] | None = None
        self._accounts: Mapping[str, Account] = {}

    def find(self, name: str) -> Account | None:
        return self.all().get(name)

    def all(self) -> Mapping[str, Account]:
        """OperatorError when the file cannot be read; then nobody is signed in."""
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode)
            if seen != self._seen:
                self._accounts = parse(file_access.read(self._path, "accounts", secret=True), self._path)
                self._seen = seen
        except FileNotFoundError:
            raise OperatorError(f"{self._path}: no such file; make the first account with: asterisk-privacy review account add") from None
        except OSError as error:
            raise OperatorError(f"{self._path}: cannot be read ({error.strerror}); group asterisk-privacy must be able to") from error
        return self._accounts


def parse(data: bytes, path: Path) -> dict[str, Account]:
    try:
        read = msgspec.json.decode(data, type=_File)
    except msgspec.MsgspecError as error:
        raise OperatorError(f"{path}: is not a file of accounts ({error}); restore a copy, or make the accounts again") from error
    return {
        name: Account(name, frozenset(one.roles), one.password, frozenset(one.agents), one.language, one.disabled)
        for name, one in read.accounts.items()
    }


def save(path: Path, accounts: Mapping[str, Account]) -> None:
    """Whole or not at all; 0640, and the group of its directory: the page reads it."""
    told = {
        name: {
            "roles": sorted(one.roles),
            "password": one.password,
            "agents": sorted(one.agents),
            "language": one.language,
            "disabled": one.disabled,
        }
        for name, one in sorted(accounts.items())
    }
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump({"accounts": told}, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            with contextlib.suppress(PermissionError):  # not in that group: then it stays with our own
                os.fchown(descriptor, -1, path.parent.stat().st_gid)
            os.fchmod(descriptor, 0o640)
            os.fsync(descriptor)
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OperatorError(f"{path}: cannot be written ({error.strerror}); run it as root, or set [review] accounts") from error
