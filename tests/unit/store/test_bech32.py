from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_privacy.store import bech32

# BIP 173, "Test vectors"; and lengths beyond 90, which age allows and the BIP does not
VALID = (
    "A12UEL5L",
    "a12uel5l",
    "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j",
    "?1ezyfcl",
)
INVALID: tuple[str, ...] = (" 1nwldj5", "\x7f1axkwrx", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3")
INVALID += ("A1G7SGD8", "10a06t8", "1qzzfhee", "a12UEL5L", "")


@pytest.mark.parametrize("text", VALID)
def test_reads_the_vectors_of_the_bip(text: str) -> None:
    prefix, data = bech32.decode(text)
    assert bech32.encode(prefix, data) == text.lower()


@pytest.mark.parametrize("text", INVALID)
def test_refuses_the_bad_vectors_of_the_bip(text: str) -> None:
    with pytest.raises(ValueError):
        bech32.decode(text)


@given(st.binary(max_size=64))
def test_gives_back_any_bytes(data: bytes) -> None:
    assert bech32.decode(bech32.encode("age", data)) == ("age", data)


@given(st.binary(min_size=32, max_size=32), st.data())
def test_notices_any_changed_character(raw: bytes, data: st.DataObject) -> None:
    text = bech32.encode("age", raw)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l1").filter(lambda c: c != text[at]))
    with pytest.raises(ValueError):
        bech32.decode(text[:at] + other + text[at + 1 :])
