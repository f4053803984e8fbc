"""What all that is read from any place have in common: where they are."""

from __future__ import annotations

import io
import os
from abc import abstractmethod


class Seekable(io.RawIOBase):
    """A subclass has `readinto`, which begins at `_position` and moves it on."""

    _position = 0

    @abstractmethod
    def _length(self) -> int:
        """Bytes from the begin to the end."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length()}[whence] + offset
        if at < 0:
            raise ValueError("before the beginning")
        self._position = at
        return at
