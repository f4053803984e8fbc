"""Bech32 (BIP 173) without its limit of 90 characters, as age writes its keys."""

from __future__ import annotations

from collections.abc import Iterable

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUE = {c: i for i, c in enumerate(_CHARSET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK = 6


def encode(prefix: str, data: bytes) -> str:
    """`prefix` in lower case and any bytes -> the lower-case bech32 text."""
    values = _regroup(data, 8, 5, pad=True)
    polymod = _polymod([*_expand(prefix), *values, *[0] * _CHECK]) ^ 1
    check = [(polymod >> 5 * (_CHECK - 1 - i)) & 31 for i in range(_CHECK)]
    return prefix + "1" + "".join(_CHARSET[v] for v in [*values, *check])


def decode(text: str) -> tuple[str, bytes]:
    """The prefix in lower case and the bytes. ValueError (without the text, which may be secret) when anything is off."""
    if text not in (text.lower(), text.upper()):
        raise ValueError("mixed upper and lower case")
    prefix, one, rest = text.lower().rpartition("1")
    if not one or not prefix or len(rest) < _CHECK:
        raise ValueError("too short")
    if any(not 33 <= ord(c) <= 126 for c in prefix) or any(c not in _VALUE for c in rest):
        raise ValueError("a character that does not belong there")
    values = [_VALUE[c] for c in rest]
    if _polymod([*_expand(prefix), *values]) != 1:
        raise ValueError("checksum does not match: a character was lost or changed")
    return prefix, bytes(_regroup(values[:-_CHECK], 5, 8, pad=False))


def _expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATOR):
            if top >> i & 1:
                check ^= generator
    return check


def _regroup(data: Iterable[int], source: int, target: int, *, pad: bool) -> list[int]:
    held = bits = 0
    out: list[int] = []
    for value in data:
        held = held << source | value
        bits += source
        while bits >= target:
            bits -= target
            out.append(held >> bits & ((1 << target) - 1))
        held &= (1 << bits) - 1
    if pad and bits:
        out.append(held << (target - bits) & ((1 << target) - 1))
    elif not pad and (bits >= source or held):
        raise ValueError("padding is not zero")
    return out
