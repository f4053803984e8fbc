"""Our age against pyrage (Rust) and the `age` program (Go), both ways; and against every kind of damage."""

from __future__ import annotations

import io
import itertools
import os
import random
import subprocess
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.store import age_header
from asterisk_privacy.store.age import AgeReader, AgeWriter
from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.layout import CHUNK, SEALED_CHUNK
from asterisk_privacy.store.recipients import Recipients

ME, OTHER = Identity.generate(), Identity.generate()
BOTH = Recipients.of([OTHER.public, ME.public])
SIZES = (0, 1, 16, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17)


def sealed(data: bytes, recipients: Recipients = BOTH, piece: int = 10_000) -> bytes:
    out = io.BytesIO()
    writer = AgeWriter(out, recipients)
    for at in range(0, len(data), piece):
        writer.write(data[at : at + piece])
    writer.finish()
    return out.getvalue()


def opened(file: bytes, identity: Identity = ME, allow_truncated: bool = False) -> bytes:
    return AgeReader(io.BytesIO(file), [identity], allow_truncated).readall()


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def start(file: bytes) -> int:
    """Where the payload's chunks begin."""
    return age_header.parse(file).length + 16


@pytest.mark.parametrize("size", SIZES)
def test_another_implementation_reads_what_we_write(size: int) -> None:
    file = sealed(content(size))
    for identity in (ME, OTHER):
        assert pyrage.decrypt(file, [pyrage.x25519.Identity.from_str(identity.secret)]) == content(size)


@pytest.mark.parametrize("size", SIZES)
def test_we_read_what_another_implementation_writes(size: int) -> None:
    file = pyrage.encrypt(content(size), [pyrage.x25519.Recipient.from_str(r) for r in BOTH.publics])
    for identity in (ME, OTHER):
        assert opened(file, identity) == content(size)


@pytest.mark.asterisk
@pytest.mark.parametrize("size", (0, CHUNK, 2 * CHUNK + 5))
def test_the_age_program_both_ways(size: int, tmp_path: Path, age_program: list[str]) -> None:
    secret = tmp_path / "identity.txt"
    secret.write_text(ME.secret + "\n")
    theirs = subprocess.run([*age_program, "-d", "-i", secret], input=sealed(content(size)), capture_output=True, check=True)
    assert theirs.stdout == content(size)
    command = [*age_program, *itertools.chain.from_iterable(("-r", public) for public in BOTH.publics)]
    ours = subprocess.run(command, input=content(size), capture_output=True, check=True)
    assert opened(ours.stdout) == content(size)


@pytest.mark.parametrize("piece", (1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK))
def test_the_size_of_the_pieces_does_not_matter(piece: int) -> None:
    data = content(CHUNK + 300 if piece < 100 else 3 * CHUNK)
    assert opened(sealed(data, piece=piece)) == data


def test_whole_chunks_go_out_at_once_and_the_last_waits() -> None:
    out = io.BytesIO()
    writer = AgeWriter(out, BOTH)
    begin = len(out.getvalue())
    writer.write(bytes(CHUNK))
    assert len(out.getvalue()) == begin
    writer.write(b"x")
    assert len(out.getvalue()) == begin + SEALED_CHUNK


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3 * CHUNK + 100), st.integers(0, 70_000)), max_size=8))
def test_seeks_as_a_plain_file_does(jumps: list[tuple[int, int]]) -> None:
    buffered, plain = io.BufferedReader(AgeReader(io.BytesIO(LONG_FILE), [ME])), io.BytesIO(LONG)
    for to, amount in jumps:
        assert buffered.seek(to) == plain.seek(to)
        assert buffered.read(amount) == plain.read(amount)
        assert buffered.tell() == plain.tell()


LONG = content(3 * CHUNK + 17)
LONG_FILE = sealed(LONG)


def test_seeking_reads_only_the_chunk_it_needs() -> None:
    damaged = bytearray(LONG_FILE)
    damaged[start(LONG_FILE) + SEALED_CHUNK + 5] ^= 1  # the second chunk
    reader = AgeReader(io.BytesIO(damaged), [ME])
    reader.seek(2 * CHUNK + 10)
    assert reader.read(20) == LONG[2 * CHUNK + 10 : 2 * CHUNK + 30]
    assert reader.seek(-4, io.SEEK_END) == len(LONG) - 4
    assert reader.read(100) == LONG[-4:] and reader.read(1) == b""
    reader.seek(CHUNK)
    with pytest.raises(AgeError):
        reader.read(1)
    with pytest.raises(ValueError):
        reader.seek(-1)


def test_somebody_else_cannot_read() -> None:
    with pytest.raises(AgeError, match="other keys"):
        opened(LONG_FILE, Identity.generate())


SMALL = content(50)
SMALL_FILE = sealed(SMALL, Recipients.of([ME.public]))


def test_every_flipped_bit_of_a_small_file_is_noticed() -> None:
    for at in range(len(SMALL_FILE)):
        for bit in range(8):
            changed = bytearray(SMALL_FILE)
            changed[at] ^= 1 << bit
            with pytest.raises(AgeError):
                opened(bytes(changed))


def test_every_cut_of_a_small_file_is_noticed() -> None:
    for at in range(len(SMALL_FILE)):
        with pytest.raises(AgeError):
            opened(SMALL_FILE[:at])


DAMAGE = st.tuples(st.sampled_from(["set", "cut", "insert", "drop", "copy"]), st.floats(0, 1), st.binary(min_size=1, max_size=40))


@settings(max_examples=300)
@given(st.sampled_from([SMALL_FILE, LONG_FILE]), st.lists(DAMAGE, min_size=1), st.booleans())
def test_damage_raises_age_error_and_never_gives_wrong_data(file: bytes, damage: list[tuple[str, float, bytes]], near_start: bool) -> None:
    changed = bytearray(file)
    for kind, where, data in damage:
        at = int(where * (min(len(changed), 600) if near_start else len(changed)))
        if kind == "set":
            changed[at : at + len(data)] = data
        elif kind == "cut":
            del changed[at:]
        elif kind == "insert":
            changed[at:at] = data
        elif kind == "drop":
            del changed[at : at + len(data)]
        else:
            changed[at:at] = changed[at : at + SEALED_CHUNK]
    plain = SMALL if file is SMALL_FILE else LONG
    if bytes(changed) == file:
        assert opened(file) == plain
        return
    with pytest.raises(AgeError):
        opened(bytes(changed))
    try:  # salvage: the beginning, in whole chunks, or nothing
        kept = opened(bytes(changed), allow_truncated=True)
    except AgeError:
        return
    assert plain.startswith(kept) and len(kept) % CHUNK == 0


@pytest.mark.parametrize("name", ["swap", "drop first", "drop last", "double last", "empty last"])
def test_chunks_cannot_be_moved(name: str) -> None:
    data = content(2 * CHUNK)
    file = sealed(data)
    begin = start(file)
    head, one, two = file[:begin], file[begin : begin + SEALED_CHUNK], file[begin + SEALED_CHUNK :]
    forged = {"swap": head + two + one, "drop first": head + two, "drop last": head + one, "double last": head + one + two + two}
    forged["empty last"] = _with_empty_last_chunk(data)
    with pytest.raises(AgeError):
        opened(forged[name])


def _with_empty_last_chunk(data: bytes) -> bytes:
    out = io.BytesIO()
    writer = AgeWriter(out, BOTH)
    writer._chunk(data[:CHUNK], last=False)
    writer._chunk(b"", last=True)
    return out.getvalue()


def test_an_added_recipient_is_noticed() -> None:
    """A wrapped key for somebody else put into the header of a recording breaks its MAC."""
    header = age_header.parse(SMALL_FILE)
    key = age_header.unwrap(header, [ME])
    stranger = age_header.build(key, Recipients.of([OTHER.public]))
    stanza = stranger[len(age_header.VERSION) : stranger.index(b"---")]
    forged = SMALL_FILE.replace(b"---", stanza + b"---", 1)
    for identity in (ME, OTHER):
        with pytest.raises(AgeError, match="MAC"):
            opened(forged, identity)


def test_a_file_for_kinds_of_keys_that_we_do_not_know() -> None:
    key = os.urandom(16)
    known = age_header.build(key, Recipients.of([ME.public]))
    body = known[len(age_header.VERSION) : known.index(b"---")]
    covered = age_header.VERSION + b"-> newkind a b-c\n" + b"A" * 64 + b"\n\n" + body + b"---"
    header = covered + b" " + age_header._b64(age_header._mac(key, covered)) + b"\n"
    assert age_header.unwrap(age_header.parse(header), [ME]) == key


def test_a_passphrase_file_is_refused_in_words() -> None:
    file = b"age-encryption.org/v1\n-> scrypt " + b"A" * 22 + b" 18\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n" + bytes(40)
    with pytest.raises(AgeError, match="none of the given identities"):
        opened(file)


@pytest.mark.parametrize("cut", (1, 16, 17, 17 + 15, 17 + 16 + 1, 17 + 16 + SEALED_CHUNK, 17 + 16 + SEALED_CHUNK + 1))
def test_a_missing_end_still_gives_each_whole_chunk(cut: int) -> None:
    file = LONG_FILE[:-cut]
    whole = (len(file) - start(LONG_FILE)) // SEALED_CHUNK
    with pytest.raises(AgeError):
        opened(file)
    reader = AgeReader(io.BytesIO(file), [ME], allow_truncated=True)
    assert reader.truncated
    assert reader.readall() == LONG[: whole * CHUNK]


def test_a_whole_file_is_not_called_truncated() -> None:
    for size in SIZES:
        reader = AgeReader(io.BytesIO(sealed(content(size))), [ME], allow_truncated=True)
        assert not reader.truncated and reader.readall() == content(size)


def test_a_changed_chunk_in_the_middle_is_no_truncation() -> None:
    damaged = bytearray(LONG_FILE)
    damaged[start(LONG_FILE)] ^= 1
    with pytest.raises(AgeError, match="part 1 of"):
        opened(bytes(damaged), allow_truncated=True)


def test_a_last_chunk_that_never_reached_the_disk_is_left_out() -> None:
    """After a power cut a file can have its size and not its bytes."""
    begin = start(LONG_FILE)
    file = LONG_FILE[: begin + SEALED_CHUNK] + bytes(SEALED_CHUNK)
    assert opened(file, allow_truncated=True) == LONG[:CHUNK]
    assert opened(LONG_FILE[:begin] + bytes(SEALED_CHUNK), allow_truncated=True) == b""


def test_a_share_of_low_order_is_damage() -> None:
    """It would give a file key that anybody can compute."""
    share = SMALL_FILE.split(b" ", 3)[2].split(b"\n")[0]
    with pytest.raises(AgeError, match="protects nothing"):
        opened(SMALL_FILE.replace(share, b"A" * 43))


class _FullDisk(io.BytesIO):
    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self.tell() + len(data) > 2 * CHUNK:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_after_an_error_of_the_disk_no_chunk_is_written_twice() -> None:
    """A second try would use the same nonce for other bytes."""
    writer = AgeWriter(_FullDisk(), BOTH)
    with pytest.raises(OSError):
        writer.write(bytes(4 * CHUNK))
    for again in (lambda: writer.write(b"x"), writer.finish):
        with pytest.raises(ValueError):
            again()


def test_no_two_files_share_a_key_or_nonce() -> None:
    one, two = sealed(SMALL), sealed(SMALL)
    assert one[start(one) - 16 : start(one)] != two[start(two) - 16 : start(two)]
    keys = {age_header.unwrap(age_header.parse(file), [ME]) for file in (one, two)}
    assert len(keys) == 2
