from __future__ import annotations

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.seal_text import open_text, seal_text

ME = Identity.generate()
US = Recipients.of([ME.public])


@settings(max_examples=50)
@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=100))
def test_comes_back(text: str) -> None:
    assert open_text(seal_text(text, US), [ME]) == text


def test_what_a_hostile_phone_sends_does_not_stop_the_call() -> None:
    assert open_text(seal_text("06\x00123\ud800", US), [ME]) == "06123?"


def test_the_size_does_not_tell_the_length_of_the_number() -> None:
    assert len({len(seal_text(number, US)) for number in ("", "112", "0612345678", "+31612345678901")}) == 1


def test_the_number_is_not_in_it_and_others_cannot_open_it() -> None:
    sealed = seal_text("0612345678", US)
    assert b"0612345678" not in sealed
    with pytest.raises(AgeError):
        open_text(sealed, [Identity.generate()])
    assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(ME.secret)]).rstrip(b"\0") == b"0612345678"


def test_any_damage_is_age_error() -> None:
    sealed = bytearray(seal_text("0612345678", US))
    sealed[-1] ^= 1
    for bad in (bytes(sealed), b"", b"0612345678", bytes(sealed[:-5])):
        with pytest.raises(AgeError):
            open_text(bad, [ME])
