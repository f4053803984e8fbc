"""SRTP as phones speak it after SDES (RFC 3711, RFC 4568): AES_CM_128_HMAC_SHA1_80.

Without a change of keys or a wrap of sequence numbers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SUITE: Final = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES: Final = 30
"""Master key and master salt."""
_TAG: Final = 10
_HEADER: Final = 12


class SrtpError(Exception):
    """A packet that was not enciphered with this key, or was changed."""


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def inline(key: bytes) -> str:
    """The value of a=crypto."""
    return f"1 {SUITE} inline:{base64.b64encode(key).decode()}"


def key_of(crypto: str) -> bytes:
    """Of such a value; what may stand behind the key is left out."""
    return base64.b64decode(crypto.partition("inline:")[2].partition("|")[0])


class Srtp:
    """One direction of one call."""

    def __init__(self, key: bytes) -> None:
        master, salt = key[:16], int.from_bytes(key[16:], "big")
        self._cipher_key, self._auth_key, session_salt = (
            _key_stream(master, (salt ^ label << 48) << 16, length) for label, length in ((0, 16), (1, 20), (2, 14))
        )
        self._salt = int.from_bytes(session_salt, "big") << 16

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet without extensions."""
        secret = packet[:_HEADER] + self._turned(packet)
        return secret + self._tag(secret)

    def unprotect(self, packet: bytes) -> bytes:
        secret, tag = packet[:-_TAG], packet[-_TAG:]
        if len(packet) < _HEADER + _TAG or not hmac.compare_digest(tag, self._tag(secret)):
            raise SrtpError("its tag is not of this key")
        return secret[:_HEADER] + self._turned(secret)

    def _turned(self, packet: bytes) -> bytes:
        sequence, source = int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[8:12], "big")
        body = packet[_HEADER:]
        stream = _key_stream(self._cipher_key, self._salt ^ source << 64 ^ sequence << 16, len(body))
        return bytes(a ^ b for a, b in zip(body, stream, strict=True))

    def _tag(self, secret: bytes) -> bytes:
        return hmac.digest(self._auth_key, secret + bytes(4), hashlib.sha1)[:_TAG]


def _key_stream(key: bytes, begin: int, length: int) -> bytes:
    """AES in counter mode over zeros (RFC 3711, 4.1.1)."""
    counter = Cipher(algorithms.AES(key), modes.CTR(begin.to_bytes(16, "big"))).encryptor()
    return counter.update(bytes(length)) + counter.finalize()
