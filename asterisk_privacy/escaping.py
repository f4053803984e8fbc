"""Words of others, where a person reads them: in a log, a terminal, a page.

A caller's number, a phone's name or a note may hold what a terminal obeys (ESC and C1), what begins a line of its own, or what turns the
text round (bidi controls). All of it is shown and does nothing. Every sink escapes by itself: the log's formatter, `cli/printing.py` and
the page's templates.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence


def printable(text: str) -> str:
    r"""On one line: ESC becomes \x1b, a line break \n, U+202E \u202e. What people write stays as it is."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _shown(c) for c in text)


def printable_lines(text: str) -> str:
    """As above, of a text whose line breaks are meant."""
    return "\n".join(map(printable, text.split("\n")))


def printable_json(data: Mapping[str, object] | Sequence[object]) -> str:
    """json.dumps leaves C1 and bidi controls as they are. Outside of strings there is nothing but line breaks to leave alone."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _shown(character: str) -> str:
    return " " if character == "\t" or unicodedata.category(character) == "Zs" else ascii(character)[1:-1]
