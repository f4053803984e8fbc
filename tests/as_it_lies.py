"""For tests without a registry: a recording's file is taken to be what it is now."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asterisk_privacy.content import Content
from asterisk_privacy.store import opening, sealed_audio
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.pieces import measured
from asterisk_privacy.store.sealed_audio import SealedFlac
from asterisk_privacy.store.shelf import Source, opened


def content_of(source: Source | Path, truncated: bool = False) -> Content:
    """A file that is not there has a content that none has: then its absence is what is told."""
    try:
        with opened(source) as file:
            return measured(file, truncated)
    except OSError:
        return Content(0, "", None)


def open_recording(source: Source | Path, identities: Sequence[Identity], allow_truncated: bool = False) -> tuple[Stereo, int]:
    return opening.open_recording(source, content_of(source, allow_truncated), identities)


def open_sealed(source: Source | Path, identities: Sequence[Identity], allow_truncated: bool = False) -> SealedFlac:
    return sealed_audio.open_sealed(source, content_of(source, allow_truncated), identities)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def without_pieces(content: Content) -> Content:
    """As of a recording that is older than pieces are."""
    return replace(content, pieces=None)
