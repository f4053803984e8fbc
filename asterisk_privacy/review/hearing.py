"""A recording opened for one answer of the page: decrypted as it is sent, each piece compared with its row first.

A file can move under its reader (it was brought to the bucket, or replaced). So what cannot be read any more is opened
once more, at the same place; only what is wrong then as well is told.
"""

from __future__ import annotations

from asterisk_privacy.content import Content
from asterisk_privacy.errors import NotAsRecorded, OperatorError
from asterisk_privacy.review.site import Site
from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.sealed_audio import SealedFlac, SealedWav, open_sealed, peaks


class Hearing:
    """Blocking; made, read and closed in threads, one at a time. OperatorError: see open_sealed."""

    def __init__(self, site: Site, recording_id: str, content: Content, as_wav: bool = False) -> None:
        self._site = site
        self._id = recording_id
        self.content = content
        self._as_wav = as_wav
        self.flac = self._opened()

    @property
    def size(self) -> int:
        return self._sound.size

    def read_at(self, start: int, count: int) -> bytes:
        """Fewer bytes only at the end."""
        try:
            return self._sound.read_at(start, count)
        except OperatorError:
            self.flac.close()
            self.flac = self._opened()
            return self._sound.read_at(start, count)

    def peaks(self, buckets: int) -> tuple[list[int], list[int]]:
        """Of both sides: see sealed_audio.py."""
        try:
            return peaks(self.flac, buckets)
        except OperatorError:
            self.flac.close()
            self.flac = self._opened()
            return peaks(self.flac, buckets)

    def close(self) -> None:
        self.flac.close()

    @property
    def _sound(self) -> SealedFlac | SealedWav:
        return SealedWav(self.flac) if self._as_wav else self.flac

    def _opened(self) -> SealedFlac:
        known = self._site.measured.get(self.content.sha256)
        flac = open_sealed(self._site.shelf.source(self._id), known or self.content, self._site.identities)
        if self.content.pieces is None and known is None:  # hashed whole: once is enough
            self._site.remember(flac.content)
        return flac


def sentence_of(error: OperatorError) -> str:
    """Key of the sentence that a listener reads."""
    if isinstance(error, NotAsRecorded):
        return "not-as-recorded"
    return "no-key" if isinstance(error, AgeError) else "no-file"
