"""What counts as another address, and what is said of contexts. That Asterisk is really asked: tests/asterisk/test_advice.py."""

from __future__ import annotations

import pytest

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.advice import _dialplan, _may_be_same, _misdialled


@pytest.mark.parametrize(
    ("told", "ours", "same"),
    [
        ("127.0.0.1:9092", "127.0.0.1:9092", True),
        ("127.0.0.1:9092", "127.0.0.2:9092", False),
        ("127.0.0.1:9092", "127.0.0.1:9093", False),
        ("10.0.0.5:9092", "0.0.0.0:9092", True),
        ("[2001:db8::1]:9092", "[2001:db8:0::1]:9092", True),
        ("recorder.example:9092", "10.0.0.5:9092", True),  # who knows
        ("recorder.example:9092", "10.0.0.5:9093", False),
        ("nonsense", "10.0.0.5:9093", False),
    ],
)
def test_another_address(told: str, ours: str, same: bool) -> None:
    assert _may_be_same(told, ours) is same


def test_none_of_the_contexts_or_some() -> None:
    assert list(_dialplan(())) == []
    (none,) = _dialplan(names.CONTEXTS)
    assert "none of the recorder's contexts" in none
    (some,) = _dialplan(("privacy-tap", "privacy-key-to"))
    assert "[privacy-tap], [privacy-key-to]" in some


def test_one_of_several_recorders_has_to_be_in_the_list() -> None:
    both = "10.0.0.5:4573&10.0.0.6:4573"
    assert list(_misdialled("PRIVACY_AGI", both, "10.0.0.6:4573", "answers")) == []
    (said,) = _misdialled("PRIVACY_AGI", both, "10.0.0.7:4573", "answers")
    assert said.endswith(f"set PRIVACY_AGI=10.0.0.7:4573, or one more behind it: {both}&10.0.0.7:4573")
    (said,) = _misdialled("PRIVACY_AGI", "10.0.0.5:4573", "10.0.0.7:4573", "answers")
    assert said.endswith("set PRIVACY_AGI=10.0.0.7:4573")
