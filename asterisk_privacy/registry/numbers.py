"""Telephone numbers never stand in the registry: a keyed hash finds a caller's recordings again, and says nothing without the key."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from pathlib import Path

from asterisk_privacy import file_access
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import notations

KEY_BYTES = 32
E164_DIGITS = 15  # the most that a number has, country code included
LONGEST_EXTENSION = 7
_ABROAD = {"1": "011"}  # dialled before a country code; elsewhere 00
_TRAILER = re.compile(r"(?<=[\d) .])(?:ext|x|tst|toestel|durchwahl|dw|#|[,;pw]).*$", re.IGNORECASE | re.DOTALL)


def generate_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def load_key(path: Path) -> bytes:
    """64 hex digits in a file that only its owner (and group) can read. OperatorError says what is wrong."""
    way_out = f"make one with: asterisk-privacy keys generate-number-key {path}"
    try:
        text = file_access.read(path, "number key", secret=True).decode("ascii").strip()
    except FileNotFoundError:
        raise OperatorError(f"number key {path}: no such file; {way_out}") from None
    except OSError as error:
        raise OperatorError(f"number key {path}: cannot be read ({error.strerror}); give it to the user that runs this") from error
    except UnicodeDecodeError:
        raise OperatorError(f"number key {path}: is not a text of {KEY_BYTES * 2} hex digits; {way_out}") from None
    if not re.fullmatch(rf"[0-9a-fA-F]{{{KEY_BYTES * 2}}}", text):
        raise OperatorError(f"number key {path}: is not a text of {KEY_BYTES * 2} hex digits; {way_out}")
    return bytes.fromhex(text)


def normalised(number: str, country_code: str = "") -> str:
    """Digits only, empty for an anonymous caller: one text for every usual notation of a number.

    +31..., 0031... and +31 (0)... become 31...; with `country_code` "31" so does the national 0..., with "34" 612345678, and with "36"
    06.... Without it a national number stays as it is. So does one that is no whole number of that country: an extension (101), or what
    trunks hand over for +31.... What follows the number (an extension, the rest of a SIP address) is left out, and digits of other scripts
    are digits.
    """
    digits, abroad = _digits(number, country_code)
    of_here = notations.national(digits, country_code) if country_code and not abroad else None
    return of_here or (notations.international(digits) if abroad else None) or _formerly(number, country_code)


def _digits(number: str, country_code: str) -> tuple[str, bool]:
    """And whether they begin with a country code, as + or 00 said; those are left out."""
    text = _ascii(number.strip())
    text = re.sub(r"^(?:tel|sips?):", "", text, flags=re.IGNORECASE).partition("@")[0]
    text = _TRAILER.sub("", text)
    digits = re.sub(r"[^0-9]", "", text)
    abroad = _ABROAD.get(country_code, "00")
    plus = text.lstrip(" (").startswith("+")
    if not plus and not digits.startswith(abroad):
        return digits, False
    digits = re.sub(r"[^0-9]", "", re.sub(r"\(0\)", "", text))
    return digits if plus else digits.removeprefix(abroad), True


def _formerly(number: str, country_code: str) -> str:
    """As earlier versions read it, who knew of 0 only; recordings of then stand under this."""
    digits, abroad = _digits(number, country_code)
    if abroad:
        own = country_code and digits.startswith(f"{country_code}0") and country_code not in notations.ZERO_STAYS
        return country_code + digits[len(country_code) + 1 :] if own else digits  # +31 06...: written often, and meant
    if country_code == "1" and len(digits) == 10:
        return country_code + digits
    if country_code and digits.startswith("0"):
        return country_code + (digits if country_code in notations.ZERO_STAYS else digits[1:])
    return digits


def number_hash(number: str, key: bytes, country_code: str = "") -> str:
    """HMAC-SHA256 (hex) of the normalised number. ValueError when it holds no digit: all anonymous callers are not one person."""
    digits = normalised(number, country_code)
    if not digits:
        raise ValueError("a number without digits has no hash")
    return _hash(digits, key)


def number_hash_or_none(number: str | None, key: bytes, country_code: str = "") -> str | None:
    """For callers who may be anonymous."""
    return number_hash(number, key, country_code) if number and normalised(number, country_code) else None


def lookup_hashes(number: str, key: bytes, country_code: str = "") -> frozenset[str]:
    """Every hash under which this number may stand: also that of a national number kept before `country_code` was set, or by a version
    that read it otherwise. Not one that is another's number, with a country code. ValueError when it cannot be read: it holds no digit,
    more than a number can have (two numbers in one), or too few or too many for its country."""
    digits = normalised(number, country_code)
    if not digits:
        raise ValueError("it holds no digit")
    if len(digits) > E164_DIGITS:
        raise ValueError(f"it has {len(digits)} digits, and no telephone number has more than {E164_DIGITS}")
    if not _readable(number, country_code):
        raise ValueError(f"it is no whole telephone number{f' of country {country_code}' if country_code else ''}")
    written, abroad = _digits(number, country_code)
    whole = {digits} if abroad or not country_code else {digits, notations.perhaps_national(written, country_code) or digits}
    forms = {_formerly(number, country_code), _formerly(number, "")}
    for one in whole:
        for national in notations.written_nationally(one, country_code):
            forms |= {_formerly(national, country_code), _formerly(national, "")}
    return frozenset(_hash(form, key) for form in whole | {form for form in forms if not notations.is_whole(form)})


def _readable(number: str, country_code: str) -> bool:
    digits, abroad = _digits(number, country_code)
    if abroad:
        return notations.international(digits) is not None
    if not country_code or (len(digits) <= LONGEST_EXTENSION and not digits.startswith("0")):
        return True
    return bool(notations.national(digits, country_code) or notations.perhaps_national(digits, country_code) or notations.is_whole(digits))


def _hash(digits: str, key: bytes) -> str:
    return hmac.new(key, digits.encode("ascii"), hashlib.sha256).hexdigest()


def _ascii(text: str) -> str:
    """Digits of whatever script as 0 to 9; the wide plus sign as +."""
    return "".join(str(d) if (d := unicodedata.decimal(c, None)) is not None else "+" if c == "\uff0b" else c for c in text)
