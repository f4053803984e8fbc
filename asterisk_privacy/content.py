"""What a sealed recording is known by: its bytes, and nothing else. The registry keeps it, the store compares with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """Of the encrypted file.

    `sha256` is of the whole, in hex. `pieces` are the hashes of its pieces (store/pieces.py), so that a part can be read without
    the rest; None: of a recording that is older than they are. `truncated`: a crash cut it off, so that its end is no end.
    """

    size: int
    sha256: str
    pieces: bytes | None
    truncated: bool = False
