from __future__ import annotations

from pathlib import Path

import pytest

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.numbers import generate_key, load_key, normalised, number_hash, number_hash_or_none

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
