"""The review page plays from a bucket what it plays from a disk: the same tests, with every recording there and none here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from review_browser import Browser
from review_site import NOW, ReviewSite, sound
from s3_server import READER, Road, S3Server, configured
from test_listening import (
    test_deleted_while_it_plays,
    test_no_row_no_byte,
    test_nothing_in_clear_on_the_disk,
    test_purpose_and_reason_then_the_row_then_the_audio,
    test_ranges_against_the_whole,
    test_the_timeline_for_whom_may_see_and_peaks_for_whom_may_listen,
    test_what_comes_between_token_and_audio_counts,
    trail,
)
from test_not_as_recorded import LONG, met
from test_review_play import SHORT, Terminal, test_what_sounds_is_the_recording_and_then_the_outcome_is_asked

from asterisk_privacy.store.layout import SEALED
from asterisk_privacy.store.objects import Objects
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.shelf import BucketShelf
from asterisk_privacy.store.vault import Vault

__all__ = [
    "test_deleted_while_it_plays",
    "test_no_row_no_byte",
    "test_nothing_in_clear_on_the_disk",
    "test_purpose_and_reason_then_the_row_then_the_audio",
    "test_ranges_against_the_whole",
    "test_the_timeline_for_whom_may_see_and_peaks_for_whom_may_listen",
    "test_what_comes_between_token_and_audio_counts",
    "test_what_sounds_is_the_recording_and_then_the_outcome_is_asked",
]


def in_bucket(folder: Path, s3: S3Server, url: str | None = None) -> Iterator[ReviewSite]:
    """The page's own key may read and list, and nothing else."""
    name = s3.bucket("versioned").place.bucket
    with ReviewSite(folder) as site:
        site.vault = Vault(folder / "recordings", Recipients.load(folder / "recipients.txt"), Objects(s3.reached(name)))
        for recording_id in list(site.vault.sealed_here()):
            assert site.vault.hand_over(recording_id, lambda _: True)
        assert not list((folder / "recordings").rglob("*" + SEALED))
        site.site.shelf = BucketShelf(folder / "recordings", Objects(s3.reached(name, READER, url)))
        yield site


@pytest.fixture
def terminal(tmp_path: Path, s3: S3Server) -> Iterator[Terminal]:
    site = ReviewSite(tmp_path)
    one = site.record("short", ["training"], days=20, samples=SHORT)
    bucket = s3.bucket()
    vault = Vault(tmp_path / "recordings", Recipients.load(tmp_path / "recipients.txt"), Objects(bucket))
    assert vault.hand_over(one, lambda _: True)
    config = tmp_path / "config.toml"
    table = configured(tmp_path, bucket.place.bucket, s3.url, READER)
    config.write_text(config.read_text().replace("[registry]\n", table + "[registry]\n", 1))
    yield Terminal(site)
    site.registry.close()


@pytest.fixture
def site(tmp_path: Path, s3: S3Server) -> Iterator[ReviewSite]:
    yield from in_bucket(tmp_path, s3)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[ReviewSite]:
    yield from in_bucket(tmp_path_factory.mktemp("review"), s3)


async def test_a_bucket_that_is_away_is_told_and_in_the_trail(tmp_path: Path, s3: S3Server, road: Road) -> None:
    for site in in_bucket(tmp_path, s3, road.url):
        async with Browser(site) as rita:
            await rita.sign_in("rita")
            audio = await rita.listen("noise")
            road.open = False
            assert await rita.listen("sample") == ""
            answer = await rita.get(audio)
            assert answer.status == 410 and "cannot be read" in answer.text and s3.url not in answer.text
            assert [one[1] for one in trail(site, "sample")] == ["", "-failed"]
            road.open = True
            assert (await rita.get(audio)).status == 200


def operators(s3: S3Server, site: ReviewSite, one: str, other: str) -> None:
    """Two objects swapped by who runs the bucket: with their metadata, as its newest versions."""
    name, objects = site.vault._objects._name, site.vault._objects
    found = {}
    for id_ in (one, other):
        answer = s3.owner.get_object(Bucket=name, Key=objects.key(id_))
        found[id_] = (b"".join(answer["Body"].iter_chunks()), answer["Metadata"])
    for id_, of in ((one, other), (other, one)):
        s3.owner.put_object(Bucket=name, Key=objects.key(id_), Body=found[of][0], Metadata=found[of][1])


async def test_what_the_buckets_operator_swaps_is_not_heard(site: ReviewSite, s3: S3Server) -> None:
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("noise")
        assert (await rita.get(audio)).status == 200
        operators(s3, site, site.ids["sample"], site.ids["noise"])
        for path in (audio, f"{audio}&as=wav", audio.replace("/audio?", "/timeline.json?")):
            answer = await rita.get(path, Range="bytes=0-99")
            assert answer.status == 410 and "not what was recorded" in answer.text
        assert await rita.listen("sample") == ""
    assert set(met(site)) == {site.ids["sample"], site.ids["noise"]}


async def test_swapped_under_a_listener_it_ends(site: ReviewSite, s3: S3Server) -> None:
    """The part that is fetched next is another recording's: the connection ends with what was recorded."""
    long = site.record("long", ["training"], samples=LONG)
    assert site.vault.hand_over(long, lambda _: True)
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("long")
        whole = (await rita.get(audio)).body
        async with rita._client.get(site.url + audio) as response:
            got = await response.content.readexactly(100_000)
            operators(s3, site, long, site.ids["noise"])
            with pytest.raises(aiohttp.ClientError):
                while piece := await response.content.read(100_000):
                    got += piece
        assert len(got) < len(whole) and whole.startswith(got)
    assert met(site) == [long]


async def test_an_older_version_on_top_is_not_heard(site: ReviewSite, s3: S3Server) -> None:
    """The recording from before the customer was taken out of it, put back by who runs the bucket."""
    one, name, objects = site.ids["noise"], site.vault._objects._name, site.vault._objects
    old = b"".join(s3.owner.get_object(Bucket=name, Key=objects.key(one))["Body"].iter_chunks())
    row = site.registry.recording(one)
    assert row is not None
    new = site.vault.seal_version(one, sound(), 8000)
    site.registry.deidentify(one, NOW, "customer-removed", row.sha256, new.size, new.sha256, None, new.content.pieces)
    site.vault.place_version(one)
    assert site.vault.hand_over(one, lambda digest: digest == new.sha256)
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        assert (await rita.get(await rita.listen("noise"))).status == 200
        s3.owner.put_object(Bucket=name, Key=objects.key(one), Body=old)
        assert await rita.listen("noise") == ""
    assert met(site) == [one]
