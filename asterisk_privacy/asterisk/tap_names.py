"""Names of taps: UUIDs that nobody else can make. The name is all that an AudioSocket peer says of itself, and it comes in clear.

One half is random, the other a keyed tag of it (HMAC-SHA256). So whoever did not get his name from this daemon, through Asterisk, is known
for a stranger by his name alone, in constant time, before anything is looked up: neither the answer nor its delay tells him which taps
are expected. What it cannot do: a listener on the wire, or on ARI, sees the names of taps that come next and can be quicker than Asterisk,
and hears the voices anyway. Against him only a network of its own, or a tunnel, helps.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from pathlib import Path

from asterisk_privacy import file_access
from asterisk_privacy.errors import OperatorError

SECRET_CHARACTERS = 32
HALF = 8  # bytes
_VERSION = 0x80  # RFC 9562, 5.8: version 8, custom
_VARIANT = 0x80


class TapNames:
    """`secret`: shared by daemons that take each other's taps; without one each daemon's own, drawn at its start."""

    def __init__(self, secret: bytes | None = None) -> None:
        self._secret = secret or secrets.token_bytes(32)

    def new(self) -> uuid.UUID:
        random = bytearray(secrets.token_bytes(HALF))
        random[6] = _VERSION | random[6] & 0x0F
        return uuid.UUID(bytes=bytes(random) + self._tag(bytes(random)))

    def is_ours(self, name: uuid.UUID) -> bool:
        random, tag = name.bytes[:HALF], name.bytes[HALF:]
        return hmac.compare_digest(tag, self._tag(random))

    def _tag(self, random: bytes) -> bytes:
        tag = bytearray(hmac.digest(self._secret, b"asterisk-privacy tap " + random, hashlib.sha256)[:HALF])
        tag[0] = _VARIANT | tag[0] & 0x3F
        return bytes(tag)


def load_secret(path: Path) -> bytes:
    """A line of at least 32 characters in a file that not everybody can read. OperatorError says what is wrong."""
    way_out = f"make one with: (umask 077; head -c 32 /dev/urandom | base64 > {path})"
    try:
        text = file_access.read(path, "capture.secret_file", secret=True).strip()
    except FileNotFoundError:
        raise OperatorError(f"capture.secret_file {path}: no such file; {way_out}") from None
    except OSError as error:
        raise OperatorError(f"capture.secret_file {path}: {error.strerror}; give it to the user that runs this") from error
    if len(text) < SECRET_CHARACTERS:
        raise OperatorError(f"capture.secret_file {path}: has fewer than {SECRET_CHARACTERS} characters; {way_out}")
    return text
