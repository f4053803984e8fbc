"""A recording in a bucket is read as a file is, and only as much of it as is asked for."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from as_it_lies import content_of, open_recording, open_sealed, sha256_of
from s3_server import Road, S3Server

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store import sealed_audio
from asterisk_privacy.store.faults import AgeError, StoreFault
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.object_reading import BLOCK, KEPT
from asterisk_privacy.store.objects import Objects
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.sealed_audio import SealedWav
from asterisk_privacy.store.shelf import BucketShelf
from asterisk_privacy.store.vault import Vault

ID = "0123456789abcdef0123456789abcdef"
Talk = Callable[[float], np.ndarray]
SIZES = (1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 11 * BLOCK + 77)


@pytest.mark.parametrize("size", SIZES)
def test_any_stretch_is_what_a_file_gives(s3: S3Server, tmp_path: Path, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(os.urandom(size))
    objects = Objects(s3.bucket())
    objects.bring(ID, path, sha256_of(path))
    dice = random.Random(size)
    with objects.source(ID).open() as there, open(path, "rb") as here:
        assert there.seek(0, os.SEEK_END) == here.seek(0, os.SEEK_END)
        edges = [n for at in (0, BLOCK, 2 * BLOCK, size) for n in (at - 1, at, at + 1) if n >= 0]
        for at in (*edges, *(dice.randrange(size + 10) for _ in range(20))):
            count = dice.choice((1, 2, 100, BLOCK, 2 * BLOCK))
            assert whole(there, at, count) == whole(here, at, count), (at, count)


def whole(file: object, at: int, count: int) -> bytes:
    file.seek(at)
    read = bytearray()
    while len(read) < count and (piece := file.read(count - len(read))):
        read += piece
    return bytes(read)


@pytest.fixture
def long(s3: S3Server, road: Road, tmp_path: Path, identity: Identity, talk: Talk) -> tuple[BucketShelf, np.ndarray, Objects]:
    """Two minutes of loud talk in a bucket, some 3.5 MB, read by a road that counts."""
    vault = Vault(tmp_path / "recordings", Recipients.of([identity.public]), Objects(s3.bucket("versioned")))
    samples = np.tile(talk(20), (6, 1))
    writer = vault.create(ID)
    writer.write(samples)
    writer.seal()
    assert vault.hand_over(ID, lambda _: True) and not vault.path(ID).exists()
    by_road = Objects(s3.reached(vault._objects._name, url=road.url))
    return BucketShelf(tmp_path / "elsewhere", by_road), samples, vault._objects


def test_a_player_that_seeks_does_not_fetch_all(
    long: tuple[BucketShelf, np.ndarray, Objects], road: Road, identity: Identity, tmp_path: Path
) -> None:
    shelf, samples, objects = long
    size = objects.versions(ID)[0].size
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    flac = sealed_audio.open_sealed(shelf.source(ID), content_of(objects.source(ID)), [identity])
    assert flac.frames == len(samples) and road.brought < 3 * BLOCK
    at = 60 * 8000 + 123
    got = SealedWav(flac).read_at(44 + 4 * at, 4 * 8000)
    assert np.array_equal(np.frombuffer(got, "<i2").reshape(-1, 2), samples[at : at + 8000])
    assert road.brought < size / 2, "one second of the end is not worth the call"
    flac.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == files, "nothing of it is on the disk, sealed or not"


def test_all_of_it_is_sample_exact_and_little_of_it_in_memory(long: tuple[BucketShelf, np.ndarray, Objects], identity: Identity) -> None:
    shelf, samples, _ = long
    assert np.array_equal(open_recording(shelf.source(ID), [identity])[0], samples)
    flac = open_sealed(shelf.source(ID), [identity])
    assert np.array_equal(np.concatenate(list(flac.blocks())), samples)
    assert len(flac._owned._blocks) == KEPT


def test_gone_or_replaced_meanwhile_ends_it(
    long: tuple[BucketShelf, np.ndarray, Objects], s3: S3Server, identity: Identity, tmp_path: Path
) -> None:
    shelf, _, objects = long
    flac, other = open_sealed(shelf.source(ID), [identity]), open_sealed(shelf.source(ID), [identity])
    data = b"".join(s3.owner.get_object(Bucket=objects._name, Key=objects.key(ID))["Body"].iter_chunks())
    s3.owner.put_object(Bucket=objects._name, Key=objects.key(ID), Body=data[:-1] + b"x")
    with pytest.raises(StoreFault, match="replaced or deleted meanwhile"):
        flac.read_at(2 << 20, 100)
    objects.remove(ID)
    with pytest.raises(OperatorError):
        other.read_at(2 << 20, 100)
    with pytest.raises(AgeError, match=r"cannot be (read|decoded).*it is not there"):
        list(other.blocks(60 * 8000))
    with pytest.raises(StoreFault, match="it is not there") as told:
        open_sealed(shelf.source(ID), [identity])
    assert "\n" not in str(told.value)


def test_cut_off_while_it_is_read_it_is_a_fault_and_no_short_audio(
    long: tuple[BucketShelf, np.ndarray, Objects], road: Road, identity: Identity
) -> None:
    shelf, samples, _ = long
    flac = open_sealed(shelf.source(ID), [identity])
    road.open = False
    with pytest.raises(StoreFault, match="no answer"):
        flac.read_at(2 << 20, 100)
    with pytest.raises(AgeError):
        list(flac.blocks())
    road.open = True
    again = open_sealed(shelf.source(ID), [identity])
    assert np.array_equal(np.concatenate(list(again.blocks())), samples)


def test_damaged_in_the_bucket_it_is_not_played(s3: S3Server, tmp_path: Path, identity: Identity, talk: Talk) -> None:
    objects = Objects(s3.bucket())
    vault = Vault(tmp_path / "recordings", Recipients.of([identity.public]), objects)
    writer = vault.create(ID)
    writer.write(talk(3))
    writer.seal()
    data = bytearray(vault.path(ID).read_bytes())
    data[-3] ^= 1
    s3.owner.put_object(Bucket=objects._name, Key=objects.key(ID), Body=bytes(data))
    vault.shred_here(ID)
    with pytest.raises(AgeError, match=r"s3://.*last part is not what was written"):
        open_sealed(vault.source(ID), [identity])


def test_what_waits_here_is_read_here(s3: S3Server, tmp_path: Path, identity: Identity, talk: Talk, road: Road) -> None:
    road.open = False
    vault = Vault(tmp_path / "recordings", Recipients.of([identity.public]), Objects(s3.reached("away", url=road.url)))
    writer = vault.create(ID)
    writer.write(talk(1))
    writer.seal()
    assert len(open_recording(vault.source(ID), [identity])[0]) == 8000 and str(vault.source(ID)) == str(vault.path(ID))
    assert len(open_recording(BucketShelf(tmp_path / "recordings", vault._objects).source(ID), [identity])[0]) == 8000
