"""Secret keys (X25519) of those who may listen. They belong on the reviewers' machine, never on the recorder's."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from asterisk_privacy import file_access
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store import bech32

PUBLIC_PREFIX = "age"
SECRET_PREFIX = "age-secret-key-"
STANDARD_INPUT = ("-", "/dev/stdin")


@dataclass(frozen=True, slots=True)
class Identity:
    """One secret key; its repr does not show it."""

    raw: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Identity:
        return cls(X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> Identity:
        """From `AGE-SECRET-KEY-1...`; ValueError when it is not one."""
        prefix, raw = bech32.decode(text.strip())
        if prefix != SECRET_PREFIX or len(raw) != 32:
            raise ValueError("not a secret key (AGE-SECRET-KEY-1...)")
        return cls(raw)

    @classmethod
    def load_all(cls, path: Path) -> tuple[Identity, ...]:
        """Every key of an identity file as `age-keygen` and `keys generate` write it; OperatorError when there is none."""
        try:
            # not opened anew: under sudo it may be somebody else's pipe
            told = sys.stdin.read() if str(path) in STANDARD_INPUT else file_access.read(path, "identity file", secret=True).decode()
            lines = told.splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not a text file"
            raise OperatorError(f"{path}: cannot read the identity file ({why}); give the file that 'keys generate' wrote") from error
        found: list[Identity] = []
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            if text.startswith("age-encryption.org/"):
                raise OperatorError(f"{path}: is protected by a passphrase; open it first, for example: age -d {path.name}")
            try:
                found.append(cls.parse(text))
            except ValueError as error:
                # the line itself is never shown: it may be a secret with a typing error
                raise OperatorError(f"{path} line {number}: not a secret key, {error}; it should start with AGE-SECRET-KEY-1") from error
        if not found:
            raise OperatorError(f"{path}: holds no secret key; give the file that 'keys generate' wrote")
        return tuple(found)

    @property
    def public_raw(self) -> bytes:
        return X25519PrivateKey.from_private_bytes(self.raw).public_key().public_bytes_raw()

    @property
    def public(self) -> str:
        """`age1...`, the line for recipients.txt."""
        return bech32.encode(PUBLIC_PREFIX, self.public_raw)

    @property
    def secret(self) -> str:
        """`AGE-SECRET-KEY-1...`"""
        return bech32.encode(SECRET_PREFIX, self.raw).upper()
