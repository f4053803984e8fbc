"""One recording while it is written: samples -> FLAC -> age -> disk. No plain byte ever reaches the disk, not in a temporary file either.

What a crash or a power cut costs: audio that is not yet in a whole chunk (64 KiB of FLAC), and up to 4,160 frames (0.5 s at
8 kHz) in the encoder. How long 64 KiB last depends on how well the audio packs. Measured at 8 kHz stereo, written in 20 ms:
3 s of loud noise, 5.5 s of two people talking (7 at worst), 9 s when they talk softly (13 at worst), 15 s of mere comfort noise,
36 minutes of pure digital silence, which is no loss.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asterisk_privacy.content import Content
from asterisk_privacy.store import layout
from asterisk_privacy.store.age import AgeWriter
from asterisk_privacy.store.faults import StoreFault, fault
from asterisk_privacy.store.flac import BLOCK, Encoder, Stereo
from asterisk_privacy.store.pieces import Measure
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.shred import ShredEvidence, shred


@dataclass(frozen=True, slots=True)
class Sealed:
    """A finished file: path below the recordings directory, what its bytes are, sample frames (0: not known), and the fingerprints of
    the keys to which it is sealed (None: not known)."""

    name: str
    content: Content
    frames: int
    sealed_to: str | None = None

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def sha256(self) -> str:
        return self.content.sha256

    @property
    def truncated(self) -> bool:
        return self.content.truncated


class Writer:
    """Made by `Vault.create`. For one thread at a time; any may call. After a StoreFault nothing more can be written:
    `abandon` it, or keep what is on the disk with `Vault.settle`."""

    def __init__(
        self,
        directory: Path,
        recording_id: str,
        recipients: Recipients,
        rate: int,
        suffixes: tuple[str, str] = (layout.WRITING, layout.SEALED),
    ) -> None:
        self._directory = directory
        self._id = recording_id
        self._path = layout.place(directory, recording_id, suffixes[0])
        self._target = layout.place(directory, recording_id, suffixes[1])
        self._frames = 0
        self._sealed_to = recipients.fingerprints
        try:
            layout.make_folder(self._path.parent)
            if self._target.exists():
                raise StoreFault(f"{self._target}: this recording is sealed already; a new one needs a new id")
            self._disk = _Disk(self._path)
        except OSError as error:
            raise fault(self._path, "begin a recording", error) from error
        try:
            self._encoder = Encoder(rate)
            self._age = AgeWriter(self._disk, recipients)
            self._disk.sync()
            layout.sync_folder(self._path.parent)
        except BaseException as error:
            self._disk.close()
            with contextlib.suppress(OSError):  # a header without audio: nobody misses it
                self._path.unlink()
            if isinstance(error, OSError):
                raise fault(self._path, "begin a recording", error) from error
            raise

    def write(self, samples: Stereo) -> None:
        """int16 of shape (n, 2), customer left and agents right; 20 ms or a whole ring. StoreFault (StoreFull) if the disk fails.

        When it returns, every whole chunk is safe on the disk.
        """
        if samples.ndim != 2 or samples.shape[1] != 2 or samples.dtype != "int16":
            raise ValueError(f"samples must be int16 of shape (n, 2), not {samples.dtype} {samples.shape}")
        self._disk.check_open(self._path)
        self._guard("write the recording", lambda: self._write(samples))

    def seal(self) -> Sealed:
        """Write the end, make it safe on the disk, and only then give it the name of a sealed recording. StoreFault if the disk fails."""
        self._disk.check_open(self._path)
        self._guard("seal the recording", self._seal)
        name = str(self._target.relative_to(self._directory))
        return Sealed(name, self._disk.measure.content(), self._frames, self._sealed_to)

    def abandon(self) -> ShredEvidence:
        """Shred what was written (refusal, erasure). Works in every state, also after `seal`, a fault, or twice."""
        self._close()
        return shred(self._directory, self._id)

    def _write(self, samples: Stereo) -> None:
        before = self._disk.measure.size
        for at in range(0, len(samples), BLOCK):
            block = samples[at : at + BLOCK]
            self._age.write(self._encoder.feed(block))
            self._frames += len(block)
        if self._disk.measure.size != before:
            self._disk.sync()

    def _seal(self) -> None:
        self._age.write(self._encoder.close())
        self._age.finish()
        self._disk.sync()
        os.rename(self._path, self._target)
        self._disk.share(self._path.parent)  # only now: who closes what is being written goes by its name
        layout.sync_folder(self._path.parent)
        self._close()

    def _guard(self, doing: str, action: Callable[[], None]) -> None:
        """Whatever goes wrong in `action` ends this writer: half a chunk may be on the disk."""
        done = False
        try:
            action()
            done = True
        except OSError as error:
            raise fault(self._path, doing, error) from error
        finally:
            if not done:
                self._close()

    def _close(self) -> None:
        self._encoder.close()
        self._disk.close()


class _Disk:
    """The file: unbuffered, 0600, locked while it is open so that nobody settles or shreds it; knows what was written to it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # ends with the process, however it dies
        self.measure = Measure()

    def write(self, data: bytes, /) -> None:
        rest = memoryview(data)
        while rest:
            written = os.write(self._descriptor, rest)
            self.measure.update(rest[:written])
            rest = rest[written:]

    def share(self, folder: Path) -> None:
        layout.share(self._descriptor, folder)

    def sync(self) -> None:
        os.fdatasync(self._descriptor)  # with the size, without the times

    def check_open(self, path: Path) -> None:
        if self._descriptor < 0:
            raise StoreFault(f"{path}: this recording was sealed, abandoned or has failed; nothing more can be written to it")

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with contextlib.suppress(OSError):  # what counts was synced before
                os.close(descriptor)
