"""One signed checkpoint of the audit trail: what is signed, and how it stands on a line. A checkpoint has no personal data in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from asterisk_privacy.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Checkpoint:
    number: int  # 1, 2, 3 ... without a gap
    entries: int  # of the trail, the entry that announces this checkpoint included
    head: str  # hash of the last of them
    at: str  # ISO 8601, UTC
    key: str  # id of the key that signed
    signature: str  # base64, of message()

    @property
    def message(self) -> bytes:
        """Canonical JSON of all but the signature."""
        body = {name: value for name, value in asdict(self).items() if name != "signature"}
        return json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")

    @property
    def line(self) -> str:
        """One line of the file; also what the journal gets."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read_line(text: str) -> Checkpoint | None:
    """Whatever stands before the first brace is passed over: a journal puts its own words there. None: no checkpoint."""
    start = text.find("{")
    try:
        found = json.loads(text[start:]) if start >= 0 else None
    except ValueError:
        return None
    kinds = {"number": int, "entries": int, "head": str, "at": str, "key": str, "signature": str}
    if not isinstance(found, dict) or found.keys() != kinds.keys():
        return None
    fits = all(type(found[name]) is kind for name, kind in kinds.items())
    return Checkpoint(**found) if fits and text.isascii() else None


def read_file(path: Path) -> tuple[list[Checkpoint], list[str]]:
    """Checkpoints, and what is wrong with the lines that are none. A line that a power cut tore off, and that was written again below, is
    nothing wrong. OperatorError when the file cannot be read; FileNotFoundError is left to the caller."""
    try:
        lines = path.read_text("utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OperatorError(f"checkpoints {path}: cannot be read ({error.strerror}); read it as the user that owns it") from error
    found: list[Checkpoint] = []
    faults: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        checkpoint = read_line(line)
        if checkpoint is not None:
            found.append(checkpoint)
        elif number == len(lines) or not lines[number].startswith(line):
            faults.append(f"{path} line {number} is not a checkpoint: it was changed, or torn off")
    return found, faults
