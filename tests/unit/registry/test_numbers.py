from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.numbers import generate_key, load_key, lookup_hashes, normalised, number_hash, number_hash_or_none

KEY = bytes(32)


@pytest.mark.parametrize("number", ["+31 20 123 45 67", "0031201234567", "+31 (0)20-1234567", "31201234567", " 00 31 20 1234567 "])
def test_one_number_written_differently_has_one_hash(number: str) -> None:
    assert normalised(number) == "31201234567"
    assert number_hash(number, KEY) == number_hash("+31201234567", KEY)


def test_the_hash_needs_the_key_and_tells_numbers_apart() -> None:
    assert number_hash("0201234567", KEY) != number_hash("0201234567", generate_key())
    assert number_hash("0201234567", KEY) != number_hash("0201234568", KEY)
    assert number_hash("0201234567", KEY) != number_hash("+31201234567", KEY)  # the country is not guessed
    assert len(number_hash("112", KEY)) == 64


@pytest.mark.parametrize("number", ["", "anonymous", "+"])
def test_callers_without_a_number_are_not_one_person(number: str) -> None:
    with pytest.raises(ValueError, match="no hash"):
        number_hash(number, KEY)
    assert number_hash_or_none(number, KEY) is None
    assert number_hash_or_none(None, KEY) is None
    assert number_hash_or_none("112", KEY) == number_hash("112", KEY)


MOBILE = "31612345678"
MOBILE_WRITTEN = """
+31 6 12345678 | 06-12345678 | 0031612345678 | 06 12 34 56 78 | +31 (0)6 12345678 | +31 06 12345678 | 31612345678 | 00 31 (0)6-1234 5678
tel:+31-6-12345678 | (+31) 6 12345678 | sip:+31612345678@pbx.example:5060 | 0612345678 ext. 12 | 0612345678x12 | 0612345678;ext=12
06 12345678 toestel 3 | 0612345678,,9 | 06.12.34.56.78 | 06/12345678
\u0660\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668 | \uff0b\uff13\uff11 6 12345678 | \u00a006\u201312345678\u00a0
"""
NOTATIONS = [
    *[(number, "31", MOBILE) for number in re.split(r"[|\n]", MOBILE_WRITTEN.strip())],
    ("(020) 123 45 67", "31", "31201234567"),
    ("(020) 123 45 67", "", "0201234567"),
    ("112", "31", "112"),
    ("101", "31", "101"),
    ("4915112345678", "31", "4915112345678"),
    ("+49 (0)30 901820", "31", "4930901820"),
    ("030 901820", "49", "4930901820"),
    ("06 6982", "39", "39066982"),
    ("+39 06 6982", "39", "39066982"),
    ("(212) 555-1234", "1", "12125551234"),
    ("1 212 555 1234", "1", "12125551234"),
    ("011 31 6 12345678", "1", MOBILE),
]


@pytest.mark.parametrize(("number", "country_code", "expected"), NOTATIONS)
def test_usual_notations(number: str, country_code: str, expected: str) -> None:
    assert normalised(number, country_code) == expected


def test_a_number_kept_before_the_country_code_was_set_is_still_found() -> None:
    kept = {number_hash(number, KEY) for number in ("0612345678", "+31612345678")}
    assert kept == lookup_hashes("+31 6 12345678", KEY, "31") == lookup_hashes("06-12345678", KEY, "31")
    assert number_hash("0612345678", KEY, "31") in lookup_hashes("0031612345678", KEY, "31")
    assert lookup_hashes("06 12345679", KEY, "31").isdisjoint(kept)
    assert number_hash("06 6982", KEY) in lookup_hashes("+39 06 6982", KEY, "39")


_CODES = (30, 31, 32, 33, 34, 351, 352, 353, 354, 356, 357, 358, 359, 36, 370, 371, 372, 385, 386, 39, 40, 41, 420, 421, 423, 43, 44, 45)
EUROPE = [str(code) for code in (*_CODES, 46, 47, 48, 49)]  # EU, EEA, Switzerland, United Kingdom
KINDS = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("country_code", EUROPE)
def test_a_caller_from_the_own_country_is_found_by_any_notation(country_code: str, kind: int) -> None:
    number = phonenumbers.example_number_for_type(phonenumbers.region_code_for_country_code(int(country_code)), kind)
    assert number is not None
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    plus = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    kept = number_hash(re.sub(r"\D", "", national), KEY, country_code)  # as a trunk hands it over
    for asked in (plus, plus.replace("+", "00 "), national, plus.replace(" ", "-"), plus.replace("+", "")):
        assert kept in lookup_hashes(asked, KEY, country_code), asked
    assert number_hash(plus, KEY, country_code) == kept == number_hash(plus, KEY, "1")


def formerly(number: str, country_code: str) -> str:
    """The hash of version 0.1 before notations were read, as it stands in registries."""
    digits = re.sub(r"\D", "", number)
    if country_code and digits.startswith("0"):
        digits = country_code + (digits if country_code == "39" else digits[1:])
    return hmac.new(KEY, digits.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("country_code", EUROPE)
def test_what_an_earlier_version_kept_is_still_found(country_code: str, kind: int) -> None:
    number = phonenumbers.example_number_for_type(phonenumbers.region_code_for_country_code(int(country_code)), kind)
    assert number is not None
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    plus = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    for then in (formerly(national, country_code), formerly(national, ""), formerly(plus, "")):
        for asked in (plus, national):
            assert then in lookup_hashes(asked, KEY, country_code), asked


def test_no_form_is_another_ones_number() -> None:
    """A German mobile number without its 0 is a whole number of the USA."""
    assert number_hash("+1 512 345 6789", KEY, "49") not in lookup_hashes("0151 23456789", KEY, "49")
    assert number_hash("5123 4567", KEY, "372") == number_hash("+372 5123 4567", KEY)
    for one, country_code in (("101", "34"), ("112", "45"), ("1004", "34"), ("2001", "352")):  # extensions and services stay as they are
        assert normalised(one, country_code) == one and number_hash(one, KEY) in lookup_hashes(one, KEY, country_code)


UNREADABLE = [("+34 612", "34"), ("612345678", "31"), ("06 12", "31"), ("+31 6 12345678901", "31"), ("99 12345678", "45")]


@pytest.mark.parametrize(("number", "country_code"), UNREADABLE)
def test_a_number_that_cannot_be_read_is_not_looked_up(number: str, country_code: str) -> None:
    with pytest.raises(ValueError, match="no whole telephone number"):
        lookup_hashes(number, KEY, country_code)


@pytest.mark.parametrize("number", ["", "anonymous", "0612345678 / 0201234567"])
def test_what_is_not_one_number_is_not_looked_up(number: str) -> None:
    with pytest.raises(ValueError, match="digit"):
        lookup_hashes(number, KEY, "31")


def test_key_file(tmp_path: Path) -> None:
    path = tmp_path / "number.key"
    key = generate_key()
    with pytest.raises(OperatorError, match="no such file; make one with"):
        load_key(path)
    path.write_text(key.hex() + "\n")
    path.chmod(0o640)
    assert load_key(path) == key
    path.chmod(0o644)
    with pytest.raises(OperatorError, match="chmod 0640"):
        load_key(path)
    path.chmod(0o600)
    for wrong in (key.hex()[:-2], "zz" * 32, "", "é"):
        path.write_text(wrong)
        with pytest.raises(OperatorError, match="64 hex digits"):
            load_key(path)
    with pytest.raises(OperatorError, match="cannot be read"):
        load_key(tmp_path)
