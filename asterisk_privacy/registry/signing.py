"""The key that signs checkpoints of the audit trail (ed25519, RFC 8032), in PEM, so that `openssl pkeyutl -rawin` can check them too.

The private part signs at night; whoever has only the public part can tell whether a checkpoint was forged, on any machine.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from asterisk_privacy import file_access
from asterisk_privacy.errors import OperatorError

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Signer:
    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> Signer:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> Signer:
        """From a file that not everybody can read. OperatorError says what is wrong."""
        way_out = f"make one with: asterisk-privacy keys generate-checkpoint-key {path}"
        try:
            data = file_access.read(path, "checkpoint key", secret=True)
        except FileNotFoundError:
            raise OperatorError(f"checkpoint key {path}: no such file; {way_out}") from None
        except OSError as error:
            raise OperatorError(f"checkpoint key {path}: cannot be read ({error.strerror}); give it to the user that runs this") from error
        try:
            key = load_pem_private_key(data, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise OperatorError(f"checkpoint key {path}: is not a private key in PEM; {way_out}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise OperatorError(f"checkpoint key {path}: is another kind of key than ed25519; {way_out}")
        return cls(key)

    @property
    def key_id(self) -> str:
        return key_id(self.key.public_key())

    def sign(self, message: bytes) -> str:
        """Base64."""
        return base64.b64encode(self.key.sign(message)).decode()

    @property
    def private_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def public_pem(self) -> str:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True, slots=True)
class Verifier:
    """Public keys by their id: after a change of key, the old one still vouches for the old checkpoints."""

    keys: Mapping[str, Ed25519PublicKey]

    @classmethod
    def load(cls, path: Path) -> Verifier:
        """Every public key in the file. OperatorError when it cannot be read, or holds none."""
        way_out = "give the file that 'keys generate-checkpoint-key' wrote beside the private key"
        try:
            data = file_access.read(path, "public key", secret=False)
        except OSError as error:
            raise OperatorError(f"public key {path}: cannot be read ({error.strerror}); {way_out}") from error
        if b"PRIVATE KEY" in data:
            raise OperatorError(f"public key {path}: holds a private key, which verifying does not need; {way_out}")
        try:
            found = [load_pem_public_key(pem) for pem in _PEM.findall(data)]
        except (ValueError, UnsupportedAlgorithm):
            raise OperatorError(f"public key {path}: is no public key in PEM; {way_out}") from None
        keys = {key_id(key): key for key in found if isinstance(key, Ed25519PublicKey)}
        if not keys:
            raise OperatorError(f"public key {path}: holds no ed25519 key; {way_out}")
        return cls(keys)

    def fits(self, key: str, message: bytes, signature: str) -> bool:
        """KeyError when this key is not known here."""
        try:
            self.keys[key].verify(base64.b64decode(signature, validate=True), message)
        except (InvalidSignature, ValueError):
            return False
        return True


def key_id(key: Ed25519PublicKey) -> str:
    """16 hex digits of the SHA-256 of the 32 raw bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]
