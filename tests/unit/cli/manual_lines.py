"""The command lines of the manuals, as a shell would read them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MANUALS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEXT_COMMAND = ("&&", "||", "|", ";")


@dataclass(frozen=True, slots=True)
class Line:
    """One command: its words without sudo, ssh and redirections; `read_from` is the file behind "<", `write_to` the one behind ">"."""

    manual: str
    text: str
    words: tuple[str, ...]
    read_from: str | None = None
    write_to: str | None = None

    @property
    def program(self) -> str:
        return self.words[0].removeprefix("(")


def lines_of(manual: Path) -> Iterator[Line]:
    """All commands in the ```sh blocks of a page, in their order; a line with && or a pipe holds several."""
    for block in BLOCK.findall(manual.read_text()):
        for text in block.replace("\\\n", " ").splitlines():
            words = shlex.split(text, comments=True)
            while words:
                end = next((at for at, word in enumerate(words) if word in NEXT_COMMAND), len(words))
                if words[:end]:
                    yield _line(manual.name, text, words[:end])
                words = words[end + 1 :]


def _line(manual: str, text: str, words: list[str]) -> Line:
    read_from, write_to = (_take(words, sign) for sign in ("<", ">"))
    if words[0] == "ssh":  # the shell at the other end splits once more
        words = shlex.split(" ".join(words[2:]))
    if words[0] == "sudo":
        words = words[3:] if words[1] == "-u" else words[1:]
    return Line(manual, text, tuple(words), read_from, write_to)


def _take(words: list[str], sign: str) -> str | None:
    if sign not in words:
        return None
    at = words.index(sign)
    file = words[at + 1]
    del words[at : at + 2]
    return file
