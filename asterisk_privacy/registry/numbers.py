"""Telephone numbers never stand in the registry: a keyed hash finds a caller's recordings again, and says nothing without the key."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from asterisk_privacy.errors import OperatorError

KEY_BYTES = 32


def generate_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def load_key(path: Path) -> bytes:
    """64 hex digits in a file that only its owner (and group) can read. OperatorError says what is wrong."""
    way_out = f"make one with: asterisk-privacy keys generate-number-key {path}"
    try:
        text = path.read_text(encoding="ascii").strip()
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise OperatorError(f"number key {path}: no such file; {way_out}") from None
    except OSError as error:
        raise OperatorError(f"number key {path}: cannot be read ({error.strerror}); give it to the user that runs this") from error
    except UnicodeDecodeError:
        raise OperatorError(f"number key {path}: is not a text of {KEY_BYTES * 2} hex digits; {way_out}") from None
    if not re.fullmatch(rf"[0-9a-fA-F]{{{KEY_BYTES * 2}}}", text):
        raise OperatorError(f"number key {path}: is not a text of {KEY_BYTES * 2} hex digits; {way_out}")
    if mode & 0o007:
        raise OperatorError(f"number key {path}: everybody on this machine can read it; chmod 0640 it and make a new key")
    return bytes.fromhex(text)


def normalised(number: str) -> str:
    """Digits only; +31..., 0031... and +31 (0)... become 31...; empty for an anonymous caller.

    A national number (020...) stays as it is: which country it is in, only the operator's dialplan knows.
    """
    text = number.strip()
    digits = re.sub(r"[^0-9]", "", re.sub(r"\(0\)", "", text) if text.startswith(("+", "00")) else text)
    return digits.removeprefix("00") if not text.startswith("+") else digits


def number_hash(number: str, key: bytes) -> str:
    """HMAC-SHA256 (hex) of the normalised number. ValueError when it holds no digit: all anonymous callers are not one person."""
    digits = normalised(number)
    if not digits:
        raise ValueError("a number without digits has no hash")
    return hmac.new(key, digits.encode("ascii"), hashlib.sha256).hexdigest()


def number_hash_or_none(number: str | None, key: bytes) -> str | None:
    """For callers who may be anonymous."""
    return number_hash(number, key) if number and normalised(number) else None
