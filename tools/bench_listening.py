#!/usr/bin/env python3
"""What it costs that a recording is known by its content: python tools/bench_listening.py [MINUTES]

Seals two voices of speech-like noise, an hour if nothing else is said, and reads it as the review page does: until the first
64 KiB are there, at random places, and as a whole. Once with pieces, once as a recording of an earlier version, which is
hashed whole before its first byte. The directory is in memory where there is a /dev/shm: the disk is not what is measured.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from asterisk_privacy.content import Content
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.pieces import Measure
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.sealed_audio import open_sealed
from asterisk_privacy.store.vault import Sealed, Vault

ONE = "0123456789abcdef" * 2
FIRST, PIECE = 64 << 10, 256 << 10


def speech_like(seconds: int, seed: int) -> Stereo:
    """Noise whose loudness comes and goes about four times a second, as syllables do."""
    dice, at = np.random.default_rng(seed), np.arange(seconds * 8000) / 8000
    loud = np.abs(np.sin(2 * np.pi * 2.1 * at)) * (np.sin(2 * np.pi * 0.1 * at + seed) > 0)
    return (dice.normal(0, 2500, at.size) * loud).astype(np.int16)


def seal(vault: Vault, minutes: int) -> Sealed:
    minute = np.stack([speech_like(60, 1), speech_like(60, 2)], axis=1)
    writer = vault.create(ONE)
    for _ in range(minutes):
        writer.write(minute)
    return writer.seal()


def median(work: Callable[[], object], times: int = 15) -> float:
    """Milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def read(vault: Vault, content: Content, identity: Identity, what: str) -> None:
    def first() -> None:
        with open_sealed(vault.path(ONE), content, [identity]) as flac:
            flac.read_at(0, FIRST)

    def anywhere() -> None:
        with open_sealed(vault.path(ONE), content, [identity]) as flac:
            flac.read_at(Random().randrange(flac.size), FIRST)

    def all_of_it() -> None:
        with open_sealed(vault.path(ONE), content, [identity]) as flac:
            for at in range(0, flac.size, PIECE):
                flac.read_at(at, PIECE)

    began = time.process_time()
    whole = median(all_of_it, 5)
    used = (time.process_time() - began) / 5
    speed = content.size / whole / 1000
    at_once, seek = median(first), median(anywhere)
    sys.stdout.write(f"{what}: first sound {at_once:.1f} ms, a seek {seek:.1f}, all of it {speed:.0f} MB/s with {used:.3f} s of CPU\n")


def main() -> None:
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    memory = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    with TemporaryDirectory(dir=memory) as folder:
        identity = Identity.generate()
        vault = Vault(Path(folder) / "recordings", Recipients.of([identity.public]))
        began = time.process_time()
        sealed = seal(vault, minutes)
        used = time.process_time() - began
        data, measure = vault.path(ONE).read_bytes(), Measure()
        began = time.process_time()
        measure.update(data)
        hashing = time.process_time() - began
        pieces = len(sealed.content.pieces or b"")
        size = f"{sealed.size / 1e6:.1f} MB, pieces {pieces} bytes"
        sys.stdout.write(f"{minutes} minutes, {size}; sealed with {used:.2f} s of CPU, {hashing:.3f} of them to hash\n")
        read(vault, sealed.content, identity, "with pieces")
        read(vault, replace(sealed.content, pieces=None), identity, "without    ")


if __name__ == "__main__":
    main()
