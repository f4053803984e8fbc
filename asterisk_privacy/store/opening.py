"""The reviewers' side: a recording decrypted in memory. Needs a secret key, which the recorder does not have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from asterisk_privacy.content import Content
from asterisk_privacy.store.age import AgeReader
from asterisk_privacy.store.flac import Stereo, decode
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.pieces import proven_whole
from asterisk_privacy.store.shelf import Source, read_proven


def open_recording(source: Source | Path, content: Content, identities: Sequence[Identity]) -> tuple[Stereo, int]:
    """Samples int16 (n, 2), customer left and agents right, and the rate. `content`: what its row says that it is.

    Nothing is decrypted before the whole file agreed with that. NotAsRecorded, AgeError or StoreFault names the place.
    """

    def read(file: BinaryIO) -> tuple[Stereo, int]:
        with file:
            return decode(AgeReader(proven_whole(file, content), identities, content.truncated).readall())

    return read_proven(source, read)
