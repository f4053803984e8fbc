"""Public keys to which every recording is sealed. All that the recorder holds (promise 6: the recorder cannot listen)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from asterisk_privacy import file_access
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store import bech32
from asterisk_privacy.store.identity import PUBLIC_PREFIX

MAX_RECIPIENTS = 100
FINGERPRINT = 16  # characters of age1..., 60 bits


@dataclass(frozen=True, slots=True)
class Recipients:
    """One key or more, each as its 32 raw bytes, in the order of the file and without doubles."""

    raw: tuple[bytes, ...]

    @classmethod
    def of(cls, publics: Iterable[str]) -> Recipients:
        """From `age1...` texts; ValueError when there is none, too many, or one is wrong."""
        raw = tuple(dict.fromkeys(_parse(text) for text in publics))
        if not raw:
            raise ValueError("no public key")
        if len(raw) > MAX_RECIPIENTS:
            raise ValueError(f"more than {MAX_RECIPIENTS} public keys")
        return cls(raw)

    @classmethod
    def load(cls, path: Path) -> Recipients:
        """From a file with one `age1...` a line and `#` comments; OperatorError names the file, the line and the way out."""
        try:
            lines = file_access.read(path, "recipients file", secret=False).decode().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not a text file"
            raise OperatorError(
                f"{path}: cannot read the recipients file ({why}); "
                "make a key pair with 'asterisk-privacy keys generate' on the reviewers' machine"
            ) from error
        publics: list[str] = []
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            if "age-secret-key-" in text.lower():
                raise OperatorError(
                    f"{path} line {number}: a secret key stands here and this machine must not have it; "
                    "take it away, put the public key (age1...) here, and make a new pair if others could read this file"
                )
            try:
                _parse(text)
            except ValueError as error:
                raise OperatorError(f"{path} line {number}: not a public key, {error}; it should look like age1...") from error
            publics.append(text)
        try:
            return cls.of(publics)
        except ValueError as error:
            raise OperatorError(f"{path}: {error}; give 1 to {MAX_RECIPIENTS} lines age1..., see 'asterisk-privacy keys --help'") from error

    @property
    def publics(self) -> tuple[str, ...]:
        return tuple(bech32.encode(PUBLIC_PREFIX, raw) for raw in self.raw)

    @property
    def fingerprints(self) -> str:
        """The beginning of each public key, with a space between: what a row remembers of the keys to which it was sealed."""
        return " ".join(public[:FINGERPRINT] for public in self.publics)


def _parse(text: str) -> bytes:
    prefix, raw = bech32.decode(text.strip())
    if prefix != PUBLIC_PREFIX or len(raw) != 32:
        raise ValueError("another kind of key")
    # A point of low order gives everybody the same shared secret: found here, at start, and not in the middle of a call.
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError as error:
        raise ValueError("a key that protects nothing") from error
    return raw
