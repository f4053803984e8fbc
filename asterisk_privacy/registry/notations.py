"""National and international notations of telephone numbers, by libphonenumber's data. All digits here are ASCII, without a plus sign."""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat, ValidationResult

ZERO_STAYS = ("39", "378", "379")  # Italy, San Marino, Vatican: the national 0 belongs to the number
_NO_PREFIX = ("1", "423")  # where the data has a prefix that numbers are also written without
_FORMER_PREFIX = {"370": "8"}  # Lithuania, until 2025


def international(digits: str) -> str | None:
    """Of what was written behind a plus sign, if a number of that country can be so long; a national 0 in it is left out."""
    number = _parsed(f"+{digits}", None)
    return _e164(number) if number is not None and _possible(number) else None


def is_whole(digits: str) -> bool:
    """Whether somebody has this number, country code included; trunks hand over such without a plus sign."""
    number = _parsed(f"+{digits}", None)
    return number is not None and phonenumbers.is_valid_number(number)


def national(digits: str, country_code: str) -> str | None:
    """With the country code, if this is certainly a number of that country: with its prefix (0, in Hungary 06), or one that somebody has
    where numbers are written without. A short one is none: an extension is a caller's number too."""
    number = _of_country(digits, country_code)
    if number is None:
        return None
    prefixed = phonenumbers.national_significant_number(number) != digits or (country_code in ZERO_STAYS and digits.startswith("0"))
    if phonenumbers.is_valid_number(number):
        return _e164(number) if prefixed or not _prefix(country_code) else None
    return _e164(number) if prefixed and digits.startswith("0") and _possible(number) else None


def perhaps_national(digits: str, country_code: str) -> str | None:
    """As `national`, where numbers have no prefix, of a number that the data does not know of but that has the right length."""
    number = _of_country(digits, country_code)
    return _e164(number) if number is not None and not _prefix(country_code) and _possible(number) else None


def written_nationally(digits: str, country_code: str) -> Iterator[str]:
    """How people of that country write this number of theirs."""
    number = _parsed(f"+{digits}", None)
    if not country_code or number is None or number.country_code != int(country_code):
        return
    significant = phonenumbers.national_significant_number(number)
    yield f"{_prefix(country_code)}{significant}"
    if country_code in _FORMER_PREFIX:
        yield f"{_FORMER_PREFIX[country_code]}{significant}"


def _of_country(digits: str, country_code: str) -> PhoneNumber | None:
    number = _parsed(digits, phonenumbers.region_code_for_country_code(int(country_code)))
    return number if number is not None and number.country_code == int(country_code) else None


def _prefix(country_code: str) -> str:
    if country_code in _NO_PREFIX:
        return ""
    data = PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_country_code(int(country_code)), None)
    return "" if data is None else data.national_prefix or ""


def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _possible(number: PhoneNumber) -> bool:
    return phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
