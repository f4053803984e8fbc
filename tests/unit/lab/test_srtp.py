"""The lab's SRTP, by the words of its RFC."""

from __future__ import annotations

import pytest

from asterisk_privacy.lab.srtp import Srtp, SrtpError, inline, key_of, new_key

MASTER = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6")
PACKET = bytes.fromhex("800000010000001e00005eed") + bytes(range(160))


def test_keys_as_in_rfc_3711_b3() -> None:
    made = Srtp(MASTER)
    assert made._cipher_key.hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert f"{made._salt >> 16:028X}" == "30CBBC08863D8C85D49DB34A9AE1"
    assert made._auth_key.hex().upper() == "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"


def test_there_and_back() -> None:
    key = new_key()
    secret = Srtp(key).protect(PACKET)
    assert (secret[:12], len(secret)) == (PACKET[:12], len(PACKET) + 10)
    assert secret[12:-10] != PACKET[12:]
    assert Srtp(key).unprotect(secret) == PACKET
    with pytest.raises(SrtpError):
        Srtp(new_key()).unprotect(secret)
    with pytest.raises(SrtpError):
        Srtp(key).unprotect(secret[:-1] + bytes([secret[-1] ^ 1]))


def test_a_key_in_an_sdp() -> None:
    key = new_key()
    assert key_of(inline(key)) == key
    assert key_of(inline(key) + "|2^31|1:1") == key
