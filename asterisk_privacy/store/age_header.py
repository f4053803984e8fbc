"""The header of an age v1 file (age-encryption.org/v1): who can unwrap the file key, and a MAC over it. X25519 only; pure.

age-encryption.org/v1
-> X25519 <ephemeral share>            one stanza a recipient; unknown kinds are passed over
<file key, wrapped>
--- <HMAC over all before this blank>
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.layout import HEADER_MAX
from asterisk_privacy.store.recipients import Recipients

VERSION = b"age-encryption.org/v1\n"
FILE_KEY_SIZE = 16
_WRAP_INFO = b"age-encryption.org/v1/X25519"
_WRAP_NONCE = bytes(12)  # each wrap key is used once
_COLUMNS = 64
_ARGUMENT = re.compile(rb"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Stanza:
    arguments: tuple[bytes, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Header:
    stanzas: tuple[Stanza, ...]
    mac: bytes
    covered: bytes  # what the MAC covers
    length: int  # bytes until the payload's nonce


def build(file_key: bytes, recipients: Recipients) -> bytes:
    """The header that gives `file_key` to each recipient."""
    lines = [VERSION]
    for public in recipients.raw:
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
        body = ChaCha20Poly1305(derive(shared, share + public, _WRAP_INFO)).encrypt(_WRAP_NONCE, file_key, None)
        lines += [b"-> X25519 ", _b64(share), b"\n", _b64(body), b"\n"]
    covered = b"".join(lines) + b"---"
    return covered + b" " + _b64(_mac(file_key, covered)) + b"\n"


def parse(data: bytes) -> Header:
    """The header at the start of `data` (its first HEADER_MAX bytes or all of it). AgeError unless it is exactly as the format says."""
    if not data.startswith(VERSION):
        raise AgeError("not an age file: it does not begin with age-encryption.org/v1")
    at = len(VERSION)
    stanzas: list[Stanza] = []
    while True:
        line, after = _line(data, at)
        if line.startswith(b"--- "):
            if not stanzas:
                raise AgeError("damaged age header: it names no recipient")
            mac = _unb64(line[4:])
            if len(mac) != 32:
                raise AgeError("damaged age header: its MAC has the wrong length")
            return Header(tuple(stanzas), mac, data[: at + 3], after)
        stanza, at = _stanza(data, line, after)
        stanzas.append(stanza)


def unwrap(header: Header, identities: Sequence[Identity]) -> bytes:
    """The file key, checked against the header's MAC. AgeError when no identity fits or the header was changed."""
    for identity in identities:
        for stanza in header.stanzas:
            file_key = _open(stanza, identity)
            if file_key is None:
                continue
            if not hmac.compare_digest(_mac(file_key, header.covered), header.mac):
                raise AgeError("damaged age header: its MAC does not match")
            return file_key
    raise AgeError("none of the given identities can open it; it is sealed to other keys, or its header is damaged")


def derive(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256, 32 bytes."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def _open(stanza: Stanza, identity: Identity) -> bytes | None:
    if stanza.arguments[0] != b"X25519":
        return None
    if len(stanza.arguments) != 2 or len(stanza.body) != FILE_KEY_SIZE + 16:
        raise AgeError("damaged age header: a recipient of the wrong length")
    share = _unb64(stanza.arguments[1])
    if len(share) != 32:
        raise AgeError("damaged age header: a share of the wrong length")
    try:
        shared = X25519PrivateKey.from_private_bytes(identity.raw).exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError as error:  # all-zero shared secret
        raise AgeError("damaged age header: a share that protects nothing") from error
    try:
        return ChaCha20Poly1305(derive(shared, share + identity.public_raw, _WRAP_INFO)).decrypt(_WRAP_NONCE, stanza.body, None)
    except InvalidTag:
        return None


def _stanza(data: bytes, line: bytes, at: int) -> tuple[Stanza, int]:
    if not line.startswith(b"-> "):
        raise AgeError("damaged age header: a line that is neither a recipient nor the end")
    arguments = tuple(line[3:].split(b" "))
    if not all(_ARGUMENT.fullmatch(argument) for argument in arguments):
        raise AgeError("damaged age header: an argument that is not printable")
    body: list[bytes] = []
    while True:  # the body ends with its first line of fewer than 64 columns, which may be empty
        line, at = _line(data, at)
        if len(line) > _COLUMNS:
            raise AgeError("damaged age header: a line that is too long")
        body.append(line)
        if len(line) < _COLUMNS:
            return Stanza(arguments, _unb64(b"".join(body))), at


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b"\n", at, HEADER_MAX)
    if end < 0:
        raise AgeError("damaged age header: its end is missing")
    return data[at:end], end + 1


def _mac(file_key: bytes, covered: bytes) -> bytes:
    return hmac.digest(derive(file_key, b"", b"header"), covered, "sha256")


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _unb64(text: bytes) -> bytes:
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise AgeError("damaged age header: not base64") from error
    if _b64(data) != text:  # one text only for the same bytes
        raise AgeError("damaged age header: base64 that is not canonical")
    return data
