from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asterisk_privacy.lab.unpack import locate
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault


@pytest.fixture(scope="session")
def identity() -> Identity:
    return Identity.generate()


@pytest.fixture(scope="session")
def recipients(identity: Identity) -> Recipients:
    return Recipients.of([identity.public])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


@pytest.fixture
def vault(directory: Path, recipients: Recipients) -> Vault:
    return Vault(directory, recipients)


@pytest.fixture(scope="session")
def talk() -> Callable[[float], np.ndarray]:
    """Seconds -> int16 (n, 2) at 8 kHz: 700 Hz left, 1100 Hz right, in noise that packs as badly as loud speech."""

    def make(seconds: float) -> np.ndarray:
        time = np.arange(round(8000 * seconds)) / 8000
        noise = np.random.default_rng(7).normal(0, 1500, (len(time), 2))
        tones = np.stack([np.sin(2 * np.pi * 700 * time), np.sin(2 * np.pi * 1100 * time)], axis=1)
        return (8000 * tones + noise).astype(np.int16)

    return make


@pytest.fixture(scope="session")
def age_program() -> list[str]:
    """The `age` program as an argv prefix: another implementation than ours. The system's, else the one that the lab unpacks."""
    found = shutil.which("age")
    return [found] if found else list(locate().age)
