"""The codec tables against the properties of G.711 and the values that its reference code gives."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from asterisk_privacy.audio import alaw, ulaw

EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
EVERY_CODE = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("codec", [ulaw, alaw])
def test_what_was_coded_once_does_not_change_when_coded_again(codec: ModuleType) -> None:
    once = codec.decode(EVERY_CODE)
    assert np.array_equal(codec.decode(codec.encode(once)), once)


@pytest.mark.parametrize("codec", [ulaw, alaw])
def test_louder_stays_louder(codec: ModuleType) -> None:
    through = codec.decode(codec.encode(EVERY_SAMPLE)).astype(np.int32)
    assert np.all(np.diff(through) >= 0)
    assert len(np.unique(through)) == (255 if codec is ulaw else 256)  # µ-law has two zeros


@pytest.mark.parametrize("codec", [ulaw, alaw])
def test_error_is_at_most_half_a_step(codec: ModuleType) -> None:
    error = np.abs(codec.decode(codec.encode(EVERY_SAMPLE)).astype(np.int32) - EVERY_SAMPLE.astype(np.int32))
    assert error[np.abs(EVERY_SAMPLE.astype(np.int32)) < 32000].max() <= 512
    assert error[np.abs(EVERY_SAMPLE.astype(np.int32)) < 64].max() <= 8


# pairs as the reference implementation of the codec (16-bit samples) gives them
@pytest.mark.parametrize(
    ("sample", "code"),
    [(0, 0xFF), (4, 0xFE), (-4, 0x7E), (119, 0xF0), (-119, 0x70), (124, 0xEF), (1000, 0xCE), (-1000, 0x4E), (32767, 0x80), (-32768, 0x00)],
)
def test_ulaw_codes(sample: int, code: int) -> None:
    assert ulaw.encode(np.array([sample], np.int16))[0] == code


@pytest.mark.parametrize(
    ("code", "sample"), [(0xFF, 0), (0x7F, 0), (0xFE, 8), (0x7E, -8), (0x80, 32124), (0x00, -32124), (0xEF, 132), (0xCE, 988)]
)
def test_ulaw_samples(code: int, sample: int) -> None:
    assert ulaw.decode(np.array([code], np.uint8))[0] == sample


@pytest.mark.parametrize(("sample", "code"), [(0, 0xD5), (-1, 0x55), (8, 0xD5), (16, 0xD4), (32767, 0xAA), (-32768, 0x2A), (1000, 0xFA)])
def test_alaw_codes(sample: int, code: int) -> None:
    assert alaw.encode(np.array([sample], np.int16))[0] == code


@pytest.mark.parametrize(("code", "sample"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0xFA, 1008)])
def test_alaw_samples(code: int, sample: int) -> None:
    assert alaw.decode(np.array([code], np.uint8))[0] == sample


@pytest.mark.parametrize("codec", [ulaw, alaw])
def test_silence_and_shape(codec: ModuleType) -> None:
    coded = codec.encode(np.zeros((3, 160), np.int16))
    assert coded.dtype == np.uint8
    assert coded.shape == (3, 160)
    assert np.all(coded == codec.SILENCE)
    assert codec.decode(coded).shape == (3, 160)
    assert codec.decode(coded).dtype == np.int16
