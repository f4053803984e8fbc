"""Listening: purpose, reason, audit row, token, audio; and everything that stands in the way."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import soundfile
from plain_search import plain_files, snapshot
from review_browser import Browser
from review_site import AUDIO_MS, RATE, SPANS, ReviewSite, sound

from asterisk_privacy.store.identity import Identity


def trail(site: ReviewSite, name: str) -> list[tuple[str, str, str, str]]:
    """(actor, what, purpose, reason or why) of each listen, the oldest first; without the one that every site begins with."""
    told = [
        (e.actor, e.action.removeprefix("recording.listen"), e.detail.get("purpose", ""), e.detail.get("why") or e.detail.get("reason", ""))
        for e in site.registry.audit_entries(None, subject=site.ids.get(name, name))
        if e.action.startswith("recording.listen") and e.actor != "cli:root"
    ]
    return told[::-1]


async def test_purpose_and_reason_then_the_row_then_the_audio(site: ReviewSite) -> None:
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("noise", reason="weekly review")
        assert audio and trail(site, "noise") == [("review:rita", "", "training", "weekly review")]
        answer = await rita.get(audio)
        assert (answer.status, answer.headers["Content-Type"], answer.headers["Accept-Ranges"]) == (200, "audio/flac", "bytes")
        assert answer.headers["X-Accel-Buffering"] == "no" and answer.headers["Cache-Control"] == "no-store"
        samples, rate = soundfile.read(io.BytesIO(answer.body), dtype="int16")
        assert rate == RATE and np.array_equal(samples, sound(noise=True))
        wav = await rita.get(audio + "&as=wav")
        samples, rate = soundfile.read(io.BytesIO(wav.body), dtype="int16")
        assert wav.headers["Content-Type"] == "audio/wav" and np.array_equal(samples, sound(noise=True))
    [listen] = [one for one in site.registry.listens(site.ids["noise"]) if one.by_others]
    assert (listen.by, listen.purpose) == ("review:rita", "training")


@pytest.mark.parametrize("form", ["", "&as=wav"])
async def test_ranges_against_the_whole(shared: ReviewSite, form: str) -> None:
    async with Browser(shared) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("noise") + form
        whole = (await rita.get(audio)).body
        size = len(whole)
        for asked, first, end in (
            ("bytes=0-", 0, size),
            ("bytes=0-0", 0, 1),
            ("bytes=100-99999", 100, 100_000),
            ("bytes=65530-131080", 65_530, 131_081),
            (f"bytes={size - 5}-", size - 5, size),
            ("bytes=-1000", size - 1000, size),
            (f"bytes=0-{size * 9}", 0, size),
        ):
            part = await rita.get(audio, Range=asked)
            assert (part.status, part.headers["Content-Range"]) == (206, f"bytes {first}-{end - 1}/{size}"), asked
            assert part.body == whole[first:end] and part.headers["Content-Length"] == str(end - first)
        for ignored in ("bytes=5-3", "bytes=0-1,4-5", "lines=1-2", "bytes=x-y"):
            answer = await rita.get(audio, Range=ignored)
            assert answer.status == 200 and answer.body == whole
        assert (await rita.get(audio, Range="bytes=0-9", If_Range='"x"')).status == 200
        for behind in (f"bytes={size}-", "bytes=-0", "bytes=999999999999-"):
            answer = await rita.get(audio, Range=behind)
            assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{size}") and "shorter" in answer.text


async def test_no_row_no_byte(site: ReviewSite) -> None:
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        with closing(sqlite3.connect(site.folder / "registry.sqlite", isolation_level=None)) as db:  # the trail cannot be written
            db.execute("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no more'); END")
        where = f"/recordings/{site.ids['sample']}"
        await rita.get(where)
        answer = await rita.post(f"{where}/listen", purpose="training", reason="x")
        assert answer.status == 503 and "no more" not in answer.text and "token=" not in answer.text
        assert "token=" not in (await rita.get(where)).text
        session = next(iter(site.site.sessions._known.values()))
        assert session.listens == {}


@pytest.mark.parametrize("token", ["", "x", "é", "x" * 3000])
async def test_a_token_is_needed_and_its_lack_is_audited(site: ReviewSite, token: str) -> None:
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        where = f"/recordings/{site.ids['sample']}"
        for path in (f"{where}/audio?token={token}", f"{where}/timeline.json?token={token}"):
            answer = await rita.get(path)
            assert answer.status == 403 and "which purpose" in answer.text
        assert trail(site, "sample") == [("review:rita", "-refused", "", "no-token")] * 2


async def test_a_token_is_for_one_session_and_one_recording_and_ends(site: ReviewSite) -> None:
    async with Browser(site) as rita, Browser(site) as wim, Browser(site) as again:
        for browser, name in ((rita, "rita"), (wim, "wim"), (again, "rita")):
            await browser.sign_in(name)
        audio = await rita.listen("sample")
        other = audio.replace(site.ids["sample"], site.ids["noise"])
        assert (await rita.get(audio)).status == 200 and (await rita.get(other)).status == 403
        assert (await wim.get(audio)).status == 403 and (await again.get(audio)).status == 403
        site.tick(14 * 60)
        await rita.get("/")
        site.tick(14 * 60)
        assert (await rita.get(audio)).status == 200
        site.tick(3 * 60)
        assert (await rita.get(audio)).status == 403


REFUSED = [
    ("rita", "sample", "complaint", 403, "not-served", "does not serve this purpose"),
    ("rita", "both", "complaint", 403, "not-yours", "role does not listen"),
    ("rita", "complaint", "complaint", 404, "unknown", "no such recording"),
    ("ines", "sample", "training", 404, "unknown", "no such recording"),
    ("ines", "both", "training", 403, "not-yours", "role does not listen"),
    ("anna", "own", "training", 404, "own", "no such recording"),
    ("anna", "passed-on", "training", 404, "own", "no such recording"),
    ("rita", "held", "training", 403, "held", "not among them"),
    ("rita", "restricted", "training", 403, "restricted", "only stored"),
    ("rita", "writing", "training", 403, "not-sealed", "still being recorded"),
    ("rita", "gone", "training", 410, "gone", "was deleted"),
    ("otto", "sample", "training", 403, "not-yours", "role does not listen"),
    ("udo", "sample", "training", 404, "unknown", "no such recording"),
    ("nobody", "sample", "training", 404, "unknown", "no such recording"),
    ("rita", "0123456789abcdef", "training", 404, "unknown", "no such recording"),
]


@pytest.mark.parametrize(("who", "name", "purpose", "status", "why", "sentence"), REFUSED)
async def test_refused_with_a_sentence_and_in_the_trail(
    site: ReviewSite, who: str, name: str, purpose: str, status: int, why: str, sentence: str
) -> None:
    async with Browser(site) as browser:
        await browser.sign_in(who)
        where = f"/recordings/{site.ids.get(name, name)}"
        answer = await browser.post(f"{where}/listen", purpose=purpose, reason="curious")
        assert answer.status == status and sentence in answer.text and "<main" in answer.text
        assert trail(site, name) == [(f"review:{who}", "-refused", purpose, why)]
        assert (await browser.get(f"{where}/audio?token=")).status in (403, 404, 410)


async def test_who_is_named_may_hear_what_is_held(site: ReviewSite) -> None:
    async with Browser(site) as wim:
        await wim.sign_in("wim")
        assert (await wim.get(await wim.listen("held", "complaint"))).status == 200


@pytest.mark.parametrize("came_between", ["hold", "restriction", "objection", "purge"])
async def test_what_comes_between_token_and_audio_counts(site: ReviewSite, came_between: str) -> None:
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("sample")
        one, now = site.ids["sample"], site.site.now()
        match came_between:
            case "hold":
                site.registry.place_hold(now, "cli:otto", "x", ["piet"], recording_id=one)
            case "restriction":
                site.registry.restrict(one, now, "x")
            case "objection":
                site.registry.withdraw_purpose(one, "training", now, "x")
            case "purge":
                site.registry.mark_purging(one, now, "x")
        answer = await rita.get(audio)
        assert answer.status in (403, 404, 410) and "<main" in answer.text
        assert trail(site, "sample")[-1][1] == "-refused"
        assert "token=" not in (await rita.get(f"/recordings/{one}")).text
        assert (await rita.get(audio.replace("/audio?", "/timeline.json?"))).status in (403, 404, 410)


async def test_deleted_while_it_plays(site: ReviewSite) -> None:
    """The connection ends, nothing made up is sent, and the next request gets a sentence."""
    long = site.record("long", ["training"], samples=np.tile(sound(noise=True), (60, 1)))  # more than all buffers on the way take
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("long")
        whole = (await rita.get(audio)).body
        async with rita._client.get(site.url + audio) as response:
            got = await response.content.readexactly(100_000)
            site.registry.mark_purging(long, site.site.now(), "due")
            site.vault.shred(long)
            with pytest.raises(aiohttp.ClientPayloadError):
                while piece := await response.content.read(100_000):
                    got += piece
        assert len(got) < len(whole) and whole.startswith(got)
        answer = await rita.get(audio, Range="bytes=100000-")
        assert answer.status == 410 and "was deleted" in answer.text


async def test_a_file_that_is_not_there(site: ReviewSite) -> None:
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("noise")
        for name in ("sample", "noise"):
            site.vault.path(site.ids[name]).unlink()
        assert await rita.listen("sample") == ""
        answer = await rita.get(audio)
        assert answer.status == 410 and "cannot be read" in answer.text and str(site.folder) not in answer.text
        assert [one[1] for one in trail(site, "sample")] == ["", "-failed"]
        assert trail(site, "noise")[-1] == ("review:rita", "-failed", "", "StoreFault")


async def test_a_key_that_does_not_fit(tmp_path: Path) -> None:
    with ReviewSite(tmp_path, identities=[Identity.generate()]) as site:
        async with Browser(site) as rita:
            await rita.sign_in("rita")
            where = f"/recordings/{site.ids['sample']}"
            await rita.get(where)
            answer = await rita.post(f"{where}/listen", purpose="training", reason="x")
            assert answer.status == 200 and "sealed to other keys" in answer.text and "token=" not in answer.text
            assert [one[1:] for one in trail(site, "sample")] == [("", "training", "x"), ("-failed", "", "AgeError")]


async def test_no_reason_no_token(site: ReviewSite) -> None:
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        assert await rita.listen("sample", reason="  \n ") == "" and trail(site, "sample") == []
        assert await rita.listen("sample", purpose="") == ""
        assert trail(site, "sample") == [("review:rita", "-refused", "", "not-served")]


@pytest.mark.parametrize("what", ["listen", "audio"])
async def test_a_session_that_ended_meanwhile(site: ReviewSite, what: str) -> None:
    """A plain answer, and whose session it was is in the trail, once."""
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("sample")
        site.tick(16 * 60)
        if what == "audio":
            answer = await rita.get(audio)
            assert answer.status == 401 and "signed out" in answer.text
        else:
            answer = await rita.post(f"/recordings/{site.ids['sample']}/listen", purpose="training", reason="x")
            assert answer.path == "/sign-in" and "signed out" in answer.text
        await rita.get(audio)
        assert trail(site, "sample")[1:] == [("review:rita", "-refused", "", "session-over")]


async def test_strangers_get_nothing_and_fill_no_trail(site: ReviewSite) -> None:
    before = site.registry.audit_entries(1)[0].seq
    async with Browser(site) as stranger:
        where = f"/recordings/{site.ids['sample']}"
        assert (await stranger.get(f"{where}/audio?token=x")).status == 401
        assert (await stranger.get(f"{where}/timeline.json")).status == 401
        assert (await stranger.post(f"{where}/listen", purpose="training", reason="x")).path == "/sign-in"
        stranger.plant("asterisk-privacy-review", "guessed")
        assert (await stranger.get(f"{where}/audio?token=x")).status == 401
    assert site.registry.audit_entries(1)[0].seq == before


async def test_nothing_in_clear_on_the_disk(site: ReviewSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is heard in both forms and drawn, in pieces, also when the listener goes away in the middle."""
    for_a_while = site.folder / "tmp"
    for_a_while.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(for_a_while))
    monkeypatch.setenv("TMPDIR", str(for_a_while))
    folders = (site.folder, Path("/var/tmp"))
    before = snapshot(*folders)
    seen: list[str] = []
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        for name in ("sample", "noise"):
            audio = await rita.listen(name)
            for path in (audio, audio + "&as=wav", audio.replace("/audio?", "/timeline.json?")):
                async with rita._client.get(site.url + path) as response:
                    await response.content.read(20_000)
                    seen += plain_files(*folders, since=before)
                    while await response.content.read(200_000):
                        pass
            async with rita._client.get(site.url + audio + "&as=wav") as response:
                await response.content.readexactly(1000)
                response.close()
    assert seen == plain_files(*folders, since=before) == []


def test_the_search_finds_what_is_in_clear(tmp_path: Path) -> None:
    """Else the test above would say nothing."""
    for name, data in {
        "a.wav": sound(),
        "b.flac": sound(),
    }.items():
        soundfile.write(tmp_path / name, data, RATE)
    (tmp_path / "c.raw").write_bytes(sound().tobytes())
    (tmp_path / "d.raw").write_bytes(b"x" + sound(noise=True).tobytes())
    assert {line.split(":")[0] for line in plain_files(tmp_path)} == {str(path) for path in tmp_path.iterdir()}


async def test_the_timeline_for_whom_may_see_and_peaks_for_whom_may_listen(shared: ReviewSite) -> None:
    async with Browser(shared) as rita, Browser(shared) as ines:
        await rita.sign_in("rita")
        await ines.sign_in("ines")
        where = f"/recordings/{shared.ids['sample']}/timeline.json"
        assert (await ines.get(where)).status == 404
        answer = await rita.get(where)
        assert answer.headers["Content-Type"].startswith("application/json")
        told = json.loads(answer.text)
        assert told["peaks"] is None and told["duration_ms"] == 26_000 and told["audio_ms"] == AUDIO_MS == 12_000
        assert told["spans"] == [{"kind": s.kind.value, "start_ms": s.start_ms, "end_ms": s.end_ms} for s in SPANS]
        assert [(p["start_ms"], p["audio_from_ms"], p["audio_to_ms"]) for p in told["passages"]] == [
            (4000, 0, 5000),
            (14_000, 5000, 9000),
            (20_000, 9000, 12_000),
        ]
        token = re.findall(r"token=([^&]+)", await rita.listen("sample"))[0]
        peaks = json.loads((await rita.get(f"{where}?token={token}")).text)["peaks"]
        assert 900 <= len(peaks["customer"]) == len(peaks["agents"]) <= 1000 and max(peaks["customer"]) == 18
