"""A short text, such as a caller's number, sealed to the reviewers' keys (R24: numbers are kept apart from audio, and not in clear)."""

from __future__ import annotations

import io
from collections.abc import Sequence

from asterisk_privacy.store.age import AgeReader, AgeWriter
from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients

_BUCKET = 32  # padded, so that the size does not tell how long a number is


def seal_text(text: str, recipients: Recipients) -> bytes:
    """An age file of the text in UTF-8, padded with NUL to 32 bytes or a multiple.

    Never fails on what a caller's phone may send: NUL is left out, half a surrogate pair becomes a question mark.
    """
    data = text.replace("\0", "").encode(errors="replace")
    out = io.BytesIO()
    writer = AgeWriter(out, recipients)
    writer.write(data + bytes(-len(data) % _BUCKET or (0 if data else _BUCKET)))
    writer.finish()
    return out.getvalue()


def open_text(sealed: bytes, identities: Sequence[Identity]) -> str:
    """The text again; AgeError when it is for other keys, was changed, or is not a text."""
    data = AgeReader(io.BytesIO(sealed), identities).read()
    try:
        return data.rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise AgeError("what was sealed is not a text") from error
