"""Words of others are shown, and nothing of them works."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from asterisk_privacy.escaping import printable, printable_json, printable_lines


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b31m", r"\x9b31m"),
        ("a\r\nb", r"a\r\nb"),
        ("\u202eab\u2066", r"\u202eab\u2066"),
        ("\u2028\x85\x7f\x00", r"\u2028\x85\x7f\x00"),
        ("half \ud800", r"half \ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("tab\tand\xa0space", "tab and space"),
        ("Zoë Müller, Łódź, 東京, אבג 😀 \\x1b", "Zoë Müller, Łódź, 東京, אבג 😀 \\x1b"),
    ],
)
def test_what_would_work_is_shown(words: str, shown: str) -> None:
    assert printable(words) == shown


def test_no_character_that_there_is_works() -> None:
    for number in range(sys.maxunicode + 1):
        shown = printable(chr(number))
        assert shown.isprintable() and shown.encode(), hex(number)


def test_line_breaks_that_are_meant() -> None:
    assert printable_lines("a\x1b\n\nb\r") == "a\\x1b\n\nb\\r"


def test_json_says_the_same_as_before() -> None:
    data = {"words": "".join(map(chr, (*range(0x300), *range(0x2000, 0x2070), 0xFEFF, 0xE0041))), "list": ["\x9b", {"\u202e": 1}]}
    text = printable_json(data)
    assert json.loads(text) == data
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]
