"""Our lines in somebody else's file stand between two marks, and leave no trace when they go. Pure; text is bytes of any encoding."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum

from asterisk_privacy.errors import OperatorError

BEGIN = b"; >>> asterisk-privacy setup: these lines are its own; `asterisk-privacy setup --undo` takes them out"
END = b"; <<< asterisk-privacy setup"
_NO_LINE_END = b" (the line before had no end)"
_WRITTEN = b"; Written by `asterisk-privacy setup`, removed by its --undo. Changed by hand it is left alone. SHA-256 of what follows: "
_BLOCK = re.compile(
    rb"(?P<before>\n?)"
    + re.escape(BEGIN)
    + rb"(?P<no_end>"
    + re.escape(_NO_LINE_END)
    + rb")?\r?\n.*?^"
    + re.escape(END)
    + rb"\r?(?:\n|\Z)",
    re.MULTILINE | re.DOTALL,
)


class Where(StrEnum):
    TOP = "top"
    END = "end"


def with_block(text: bytes, lines: str, where: Where, path: str) -> bytes:
    """`text` with `lines` between marks; such a block that is there already stays in its place. OperatorError: the marks are damaged."""
    bare = without_block(text, path)
    block = BEGIN + b"\n" + lines.encode() + END + b"\n"
    if bare != text:
        return _BLOCK.sub(lambda found: found["before"] + block.replace(BEGIN, BEGIN + (found["no_end"] or b""), 1), text, count=1)
    if where is Where.TOP:
        return block + bare
    if bare and not bare.endswith(b"\n"):
        return bare + b"\n" + block.replace(BEGIN, BEGIN + _NO_LINE_END, 1)
    return bare + block


def without_block(text: bytes, path: str) -> bytes:
    """`text` as it was before, to the byte, with everything that others changed outside of the marks."""
    if not has_block(text):  # a file may be large
        return text
    bare = _BLOCK.sub(_left_over, text)
    for mark in (BEGIN, END):
        if mark in bare:
            line = bare[: bare.index(mark)].count(b"\n") + 1
            raise OperatorError(
                f"{path}, line {line}: a mark of asterisk-privacy without its other half, so that nobody knows which lines are ours; "
                f"take both marks and the lines between them out by hand"
            )
    return bare


def _left_over(found: re.Match[bytes]) -> bytes:
    """Of the line end before the block: it is ours where there was none, unless somebody wrote something behind the block since."""
    return found["before"] if not found["no_end"] or found.end() < len(found.string) else b""


def block_lines(text: bytes) -> list[str]:
    """Our lines between the marks; none where there are no marks."""
    found = _BLOCK.search(text)
    return found[0].decode("latin-1").strip("\n").splitlines()[1:-1] if found else []


def has_block(text: bytes) -> bool:
    return BEGIN in text or END in text


MARKS = (BEGIN, END, _WRITTEN)
"""Where none of them stands, nothing is ours."""


class Ours(StrEnum):
    UNTOUCHED = "untouched"
    EDITED = "edited"
    NOT = "not"


def own_file(lines: bytes) -> bytes:
    """A whole file of ours: its first line says so, and with which content."""
    return _WRITTEN + hashlib.sha256(lines).hexdigest().encode() + b"\n" + lines


def whose(text: bytes) -> Ours:
    first, _, rest = text.partition(b"\n")
    if not first.startswith(_WRITTEN):
        return Ours.NOT
    return Ours.UNTOUCHED if first.removeprefix(_WRITTEN) == hashlib.sha256(rest).hexdigest().encode() else Ours.EDITED


def theirs_behind(text: bytes) -> bytes | None:
    """What somebody wrote behind our lines in a whole file of ours; None where our lines themselves are not as they were."""
    first, _, rest = text.partition(b"\n")
    wanted, lines = first.removeprefix(_WRITTEN), rest.splitlines(keepends=True)
    seen = hashlib.sha256()
    for number, line in enumerate(lines):
        if seen.hexdigest().encode() == wanted:
            return b"".join(lines[number:])
        seen.update(line)
    return b"" if seen.hexdigest().encode() == wanted else None
