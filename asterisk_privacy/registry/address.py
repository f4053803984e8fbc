"""Where a shared registry is, and who asks. Never shown with a password."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from asterisk_privacy import file_access
from asterisk_privacy.credentials import credential
from asterisk_privacy.errors import OperatorError

CREDENTIAL = "registry.password"  # LoadCredential=registry.password:... (systemd.exec)
SCHEMES = ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class Server:
    """`url` as libpq has it: postgresql://user@host:5432/database?sslmode=verify-full, or with host=/run/postgresql for a socket.

    `password_file`: None where the server asks for none, or PGPASSFILE, ~/.pgpass or a certificate answers. `node`: whose PBX this is.
    `bucket`: the address of the one to which recordings go from this node; None: they stay on its disk.
    `backed_up`: the administrator says so, and an upgrade may begin. `tenant`: only that company's rows, whoever asks.
    """

    url: str = field(repr=False)
    node: str
    password_file: Path | None = None
    bucket: str | None = None
    backed_up: bool = False
    tenant: str | None = None

    @property
    def bare_url(self) -> str:
        """Without a password, wherever somebody wrote one."""
        return without_password(self.url)

    @property
    def where(self) -> str:
        parts = urlsplit(self.bare_url)
        query = dict(parse_qsl(parts.query))
        host = query["host"] + parts.path if "host" in query else parts.netloc.rpartition("@")[2] + parts.path
        return f"postgresql://{host}"

    def password(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """The first line of systemd's credential, or else of `password_file`. OperatorError says what is wrong with that."""
        given = credential(CREDENTIAL, environment)
        path, what = (self.password_file, "[registry] password_file") if given is None else (given, "the registry's password")
        if path is None:
            return None
        try:
            text = file_access.read(path, what, secret=True).decode()
        except FileNotFoundError:
            raise OperatorError(f"{what} {path}: no such file; write the password into it, chmod 0640") from None
        except (OSError, UnicodeDecodeError) as error:
            raise OperatorError(f"{what} {path}: cannot be read ({error}); give it to the user that runs this") from error
        return text.partition("\n")[0]


def without_password(url: str) -> str:
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name != "password"], safe="/")
    return urlunsplit(parts._replace(scheme="postgresql", netloc=user.partition(":")[0] + at + host, query=query))


def has_password(url: str) -> bool:
    parts = urlsplit(url)
    return ":" in parts.netloc.rpartition("@")[0] or bool(re.search(r"(^|&)password=", parts.query))
