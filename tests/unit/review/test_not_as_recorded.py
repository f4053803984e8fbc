"""A file that is not what was recorded is not heard on the page: no byte of it, one sentence, and the audit trail knows."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import soundfile
from review_browser import Browser
from review_site import NOW, ReviewSite, sound
from test_listening import trail

from asterisk_privacy.daemon.contents_watch import ContentsWatch
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.layout import NEXT
from asterisk_privacy.store.pieces import PIECE
from asterisk_privacy.store.vault import Vault

LONG = np.tile(sound(noise=True), (80, 1))  # seven minutes, 13 MB: its ends are not all of it, and no buffers of a connection take it
HEARD = "not what was recorded"


def met(site: ReviewSite) -> list[str]:
    return [e.subject for e in site.registry.audit_entries(None) if e.action == "recording.not-as-recorded"]


def alarms(site: ReviewSite) -> int:
    """Of a recorder that looks now."""
    health = Health()
    watch = ContentsWatch(lambda: Registry.open(site.folder / "registry.sqlite"), health)
    for _ in range(2):
        watch.note(watch.read(NOW), NOW)
    return health.alarms[Alarm.NOT_AS_RECORDED]


def forged(site: ReviewSite, one: Path) -> None:
    """Anybody who reads recipients.txt can seal this, also to the same length."""
    other = Vault(site.folder / "forger", site.vault._sealing.usual)
    writer = other.create("f" * 32)
    writer.write(sound())
    writer.seal()
    assert other.path("f" * 32).stat().st_size == one.stat().st_size
    shutil.copy(other.path("f" * 32), one)


def swapped(site: ReviewSite, one: Path) -> None:
    other = site.vault.path(site.ids["noise"])
    os.rename(one, one.with_name("x"))
    os.rename(other, one)
    os.rename(one.with_name("x"), other)


def grown(site: ReviewSite, one: Path) -> None:
    with one.open("ab") as file:
        file.write(b"\0")


def another_byte(site: ReviewSite, one: Path) -> None:
    with one.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read()[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))


HARMS = [forged, swapped, grown, another_byte]


@pytest.mark.parametrize("older", [False, True], ids=["", "older than pieces"])
@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
async def test_not_a_byte_of_it_is_heard(site: ReviewSite, harm: Callable[[ReviewSite, Path], None], older: bool) -> None:
    if older:
        without_pieces(site)
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("sample")
        harm(site, site.vault.path(site.ids["sample"]))
        for path in (audio, f"{audio}&as=wav", audio.replace("/audio?", "/timeline.json?")):
            answer = await rita.get(path)
            assert answer.status == 410 and HEARD in answer.text and str(site.folder) not in answer.text
        assert await rita.listen("sample") == ""
    assert trail(site, "sample")[-1] == ("review:rita", "-failed", "", "NotAsRecorded")
    assert set(met(site)) == {site.ids["sample"]} and alarms(site) == 1


async def test_the_sentence_is_in_the_listeners_language(site: ReviewSite) -> None:
    forged(site, site.vault.path(site.ids["complaint"]))
    async with Browser(site) as wim:
        await wim.sign_in("wim")
        where = f"/recordings/{site.ids['complaint']}"
        await wim.get(where)
        answer = await wim.post(f"{where}/listen", purpose="complaint", reason="x")
        assert answer.status == 200 and "Dit is niet wat er is opgenomen" in answer.text and "token=" not in answer.text


async def test_each_piece_is_compared_when_it_is_read(site: ReviewSite) -> None:
    """Changed in its middle under a player: what was compared is heard, what was not is not, wherever the player goes on."""
    long = site.record("long", ["training"], samples=LONG)
    path = site.vault.path(long)
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("long")
        whole = (await rita.get(audio)).body
        with path.open("r+b") as file:
            file.seek(5 * PIECE + 100)
            file.write(b"forged")
        assert await rita.listen("long") != "", "its ends are sound"
        audio = await rita.listen("long")
        first = await rita.get(audio, Range=f"bytes=0-{4 * PIECE}")
        assert first.status == 206 and first.body == whole[: 4 * PIECE + 1]
        answer = await rita.get(audio, Range=f"bytes={5 * PIECE}-")
        assert answer.status == 410 and HEARD in answer.text
        last = await rita.get(audio, Range=f"bytes={7 * PIECE}-")
        assert last.status == 206 and last.body == whole[7 * PIECE :]
    assert met(site) == [long]


async def test_who_is_put_in_its_place_while_it_is_read_is_not_heard(site: ReviewSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the reading: what is decrypted is what was compared."""
    from asterisk_privacy.store import age

    long = site.record("long", ["training"], samples=LONG)
    path, real = site.vault.path(long), age.AgeReader._chunk
    changed = False

    def change_then_read(reader: age.AgeReader, number: int) -> bytes:
        nonlocal changed
        if number == 8 and not changed:
            changed = True
            data = path.read_bytes()
            path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
        return real(reader, number)

    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("long")
        whole = (await rita.get(audio)).body
        monkeypatch.setattr(age.AgeReader, "_chunk", change_then_read)
        got = b""
        async with rita._client.get(site.url + audio) as response:
            with pytest.raises(aiohttp.ClientError):  # the connection ends
                while piece := await response.content.read(100_000):
                    got += piece
        assert changed and 0 < len(got) < len(whole) and whole.startswith(got)
    assert met(site) == [long]


async def test_a_row_that_is_not_what_the_trail_tells(site: ReviewSite) -> None:
    """Files and rows swapped alike: each row then fits its file, and neither fits what was sealed under its name."""
    one, other = site.ids["sample"], site.ids["noise"]
    swapped(site, site.vault.path(one))
    with closing(sqlite3.connect(site.folder / "registry.sqlite", isolation_level=None)) as db:
        rows = {id_: rest for id_, *rest in db.execute("SELECT id, size, sha256, pieces FROM recordings WHERE id IN (?, ?)", (one, other))}
        for id_, of in ((one, other), (other, one)):
            db.execute("UPDATE recordings SET size = ?, sha256 = ?, pieces = ? WHERE id = ?", (*rows[of], id_))
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        assert await rita.listen("sample") == "" and await rita.listen("noise") == ""
    assert set(met(site)) == {one, other}


async def test_pieces_of_a_forged_file_in_the_row(site: ReviewSite) -> None:
    one = site.ids["noise"]
    path = site.vault.path(one)
    with path.open("r+b") as file:
        file.seek(300_000)
        file.write(b"forged")
    pieces = site.vault.measure(one).pieces
    with closing(sqlite3.connect(site.folder / "registry.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE recordings SET pieces = ? WHERE id = ?", (pieces, one))
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        assert await rita.listen("noise") == ""
    assert met(site) == [one]


async def test_what_is_older_than_pieces_is_heard(site: ReviewSite) -> None:
    without_pieces(site)
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("noise")
        samples, _ = soundfile.read(io.BytesIO((await rita.get(audio)).body), dtype="int16")
        assert np.array_equal(samples, sound(noise=True))
        part = await rita.get(audio, Range="bytes=300000-300999")
        assert part.status == 206 and len(part.body) == 1000
    assert met(site) == []


async def test_what_moves_under_a_listener_is_no_alarm(site: ReviewSite) -> None:
    """A version without the customer takes the place of what is heard: that ends the listen, and nobody did wrong."""
    one = site.record("long", ["training"], samples=LONG)
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("long")
        async with rita._client.get(site.url + audio) as response:
            await response.content.readexactly(100_000)
            new = site.vault.seal_version(one, sound(), 8000)
            row = site.registry.recording(one)
            assert row is not None
            where = site.vault.path(one).with_name(one + NEXT)
            assert where.exists()
            site.registry.deidentify(one, NOW, "customer-removed", row.sha256, new.size, new.sha256, None, new.content.pieces)
            between = await rita.get(audio)
            assert between.status == 410 and HEARD not in between.text
            site.vault.place_version(one)
            with pytest.raises(Exception):  # noqa: B017 - the connection ends
                while await response.content.read(100_000):
                    pass
        samples, _ = soundfile.read(io.BytesIO((await rita.get(audio)).body), dtype="int16")
        assert np.array_equal(samples, sound())
    assert met(site) == []


def test_an_alarm_a_day_for_each(site: ReviewSite) -> None:
    health = Health()
    watch = ContentsWatch(lambda: Registry.open(site.folder / "registry.sqlite"), health)
    for one in ("sample", "noise", "sample"):
        site.registry.contents.note_met(site.ids[one], "export", "its size is another one")
    watch.note(watch.read(NOW), NOW)
    assert health.alarms[Alarm.NOT_AS_RECORDED] == 2
    later = NOW + timedelta(days=2)
    watch.note(watch.read(later), later)
    assert health.alarms[Alarm.NOT_AS_RECORDED] == 2, "nobody met it again"


def without_pieces(site: ReviewSite) -> None:
    """As recordings that an earlier version sealed: neither row nor audit trail tells of pieces."""
    with closing(sqlite3.connect(site.folder / "registry.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE recordings SET pieces = NULL")
