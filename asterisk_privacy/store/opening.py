"""The reviewers' side: a recording decrypted in memory. Needs a secret key, which the recorder does not have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asterisk_privacy.store.age import AgeReader
from asterisk_privacy.store.faults import AgeError, fault
from asterisk_privacy.store.flac import Stereo, decode
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.shelf import Source, opened


def open_recording(source: Source | Path, identities: Sequence[Identity], allow_truncated: bool = False) -> tuple[Stereo, int]:
    """Samples int16 (n, 2), customer left and agents right, and the rate. AgeError or StoreFault names the place."""
    try:
        with opened(source) as file:
            return decode(AgeReader(file, identities, allow_truncated).readall())
    except AgeError as error:
        raise AgeError(f"{source}: {error}") from error
    except OSError as error:
        raise fault(source, "read the recording", error) from error
