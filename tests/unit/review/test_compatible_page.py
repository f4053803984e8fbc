"""On the page: a recording heard for what the policy calls compatible, and what that leaves as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from review_browser import Browser
from review_site import NOW, ReviewSite

from asterisk_privacy.call.commands import ConsentKind
from asterisk_privacy.daemon.purging import to_item
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.retention.plan import judge

BECAUSE = "Calls that went <b>wrong</b> are those to learn from; the same few people hear them."
LISTED = {"complaint": {"training": BECAUSE}}
MADE_FOR = "handling your complaint"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ReviewSite]:
    with ReviewSite(tmp_path, compatible=LISTED) as made:
        yield made


def row_of(site: ReviewSite, name: str) -> RecordingRow:
    row = site.registry.recording(site.ids[name])
    assert row is not None
    return row


def rows(site: ReviewSite, name: str) -> list[tuple[str, str, dict[str, str]]]:
    """Of listening, the oldest first."""
    found = site.registry.audit_entries(None, subject=site.ids[name])
    return [(e.actor, e.action, dict(e.detail)) for e in reversed(found) if e.action.startswith("recording.listen")]


def listed(text: str, site: ReviewSite) -> set[str]:
    known = {recording: name for name, recording in site.ids.items()}
    return {known[one] for one in re.findall(r'href="/recordings/([0-9a-f]+)', text)}


async def test_heard_and_the_trail_tells_with_what_it_is_compatible(site: ReviewSite) -> None:
    before = row_of(site, "complaint")
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        text = (await rita.get(f"/recordings/{site.ids['complaint']}")).text
        assert "Not made for, but compatible" in text and MADE_FOR in text and "&lt;b&gt;wrong" in text and "<b>wrong" not in text
        assert '<option value="">choose one</option>' in text  # nobody takes it by accident
        assert (await rita.get(await rita.listen("complaint", "training", "what to learn from it"))).status == 200
        text = (await rita.get(f"/recordings/{site.ids['complaint']}")).text
        assert "You listen for: training our staff" in text and f"It was not made for that, but for “{MADE_FOR}”" in text
        assert "training (compatible with complaint)" in text  # among those who listened
    told = {
        "purpose": "training",
        "reason": "what to learn from it",
        "via": "review page",
        "compatible_with": "complaint",
        "because": BECAUSE,
    }
    assert rows(site, "complaint") == [("review:rita", "recording.listen", told)]
    [listen] = [one for one in site.registry.listens(site.ids["complaint"]) if one.by_others]
    assert (listen.purpose, listen.compatible_with) == ("training", "complaint")
    after = row_of(site, "complaint")
    assert after == before and judge(to_item(after), NOW) == judge(to_item(before), NOW)


async def test_a_listen_for_its_own_purpose_says_nothing_of_it(site: ReviewSite) -> None:
    async with Browser(site) as ines:
        await ines.sign_in("ines")
        assert await ines.listen("complaint", "complaint", "case 17")
        text = (await ines.get(f"/recordings/{site.ids['complaint']}")).text
        assert "compatible" not in text
    assert rows(site, "complaint") == [
        ("review:ines", "recording.listen", {"purpose": "complaint", "reason": "case 17", "via": "review page"})
    ]


REFUSED = [
    ("ines", "sample", "complaint", 404, "unknown"),  # not the other way round
    ("ines", "complaint", "training", 403, "not-yours"),
    ("rita", "complaint", "quality", 403, "not-served"),
    ("rita", "proof", "training", 404, "unknown"),
    ("udo", "complaint", "training", 404, "unknown"),
    ("otto", "complaint", "training", 403, "not-yours"),
    ("nobody", "complaint", "training", 404, "unknown"),
    ("anna", "her-complaint", "training", 404, "own"),
    ("rita", "held-complaint", "training", 403, "held"),
    ("rita", "restricted-complaint", "training", 403, "restricted"),
    ("rita", "gone-complaint", "training", 404, "unknown"),
    ("rita", "ended-complaint", "training", 404, "unknown"),
    ("rita", "objected-complaint", "training", 404, "unknown"),
    ("rita", "objected-in-the-call", "training", 404, "unknown"),
]


def more(site: ReviewSite) -> None:
    site.record("her-complaint", ["complaint"], agent="PJSIP/anna")
    held, restricted = site.record("held-complaint", ["complaint"]), site.record("restricted-complaint", ["complaint"])
    gone = site.record("gone-complaint", ["complaint"])
    site.record("ended-complaint", ["complaint"], days=40)  # no case within 30 days: due, and the purger has not come yet
    both = site.record("objected-complaint", ["complaint", "training"])
    said = site.record("objected-in-the-call", ["complaint"])
    site.registry.place_hold(NOW, "cli:otto", "counsel", ["piet"], recording_id=held)
    site.registry.restrict(restricted, NOW, "contested", ["complaint"])
    site.registry.mark_purging(gone, NOW, "due")
    site.registry.withdraw_purpose(both, "training", NOW, "said so")
    site.registry.note_consent(said, NOW, ConsentKind.OBJECTED, None, "quality, training")


@pytest.mark.parametrize(("who", "name", "purpose", "status", "why"), REFUSED)
async def test_refused_and_in_the_trail(site: ReviewSite, who: str, name: str, purpose: str, status: int, why: str) -> None:
    more(site)
    async with Browser(site) as browser:
        await browser.sign_in(who)
        answer = await browser.post(f"/recordings/{site.ids[name]}/listen", purpose=purpose, reason="curious")
        assert answer.status == status and "token=" not in answer.text
        page = await browser.get(f"/recordings/{site.ids[name]}")
        assert page.status == (404 if status == 404 else 200)
        assert f'<option value="{purpose}"' not in page.text.partition("objection-purpose")[0]
    [(actor, action, detail)] = [row for row in rows(site, name) if row[0] != "cli:root"]
    assert (actor, action, detail["purpose"], detail["why"]) == (f"review:{who}", "recording.listen-refused", purpose, why)


async def test_the_lists_stay_what_they_were(site: ReviewSite, shared: ReviewSite) -> None:
    """A case shows what is linked to it to whom it may be heard by; the queue of a purpose is what was made for it."""
    async with Browser(site) as rita, Browser(site) as ines, Browser(shared) as before:
        await rita.sign_in("rita")
        await ines.sign_in("ines")
        await before.sign_in("rita")
        assert listed((await rita.get("/")).text, site) == listed((await before.get("/")).text, shared)
        assert listed((await ines.get("/cases")).text, site) == {"complaint-waiting", "both", "held"}
        assert (await rita.get("/cases/1")).status == 403


async def test_a_case_shows_what_its_handler_may_hear_for_it(tmp_path: Path) -> None:
    with ReviewSite(tmp_path, compatible={"training": {"complaint": BECAUSE}}) as site:
        site.registry.link_case("2026-17", site.ids["sample"], NOW, "cli:ines")
        async with Browser(site) as ines:
            await ines.sign_in("ines")
            text = (await ines.get("/cases/1")).text
            assert listed(text, site) == {"complaint", "sample"} and "training our staff" in text
            assert listed((await ines.get("/cases")).text, site) == {"complaint-waiting", "both", "held"}  # nor does it await a case
            assert (await ines.get(await ines.listen("sample", "complaint", "case 2026-17"))).status == 200


async def test_no_outcome_lesson_or_case_comes_of_it(site: ReviewSite) -> None:
    where = f"/recordings/{site.ids['complaint-waiting']}"
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        assert await rita.listen("complaint-waiting", "training")
        text = (await rita.get(where)).text
        assert not re.search(r'action="[^"]*/(reviewed|lesson|case)"', text)
        for act, fields in (
            ("reviewed", {"outcome": "good"}),
            ("lesson", {"reason": "x", "until": "2026-12-24"}),
            ("case", {"reference": "2026-17"}),
        ):
            assert (await rita.post(f"{where}/{act}", **fields)).status == 403, act
    row = row_of(site, "complaint-waiting")
    assert row.history == () and row.circumstances.cases == () and row.circumstances.lesson is None


async def test_who_also_reviews_it_does_so_after_listening_for_that(tmp_path: Path) -> None:
    with ReviewSite(tmp_path, compatible={"training": {"complaint": BECAUSE}}) as site:
        where = f"/recordings/{site.ids['sample']}"
        async with Browser(site) as wim:
            await wim.sign_in("wim")
            assert "Niet gemaakt voor, wel verenigbaar" in (await wim.get(where)).text
            assert await wim.listen("sample", "complaint", "zaak 17")
            text = (await wim.get(where)).text
            assert "Daarmee is zij niet beoordeeld" in text and 'action="' + where + '/reviewed"' not in text
            for act, fields in (("reviewed", {"outcome": "goed"}), ("lesson", {"reason": "x", "until": "2026-12-24"})):
                assert "Daarmee is zij niet beoordeeld" in (await wim.post(f"{where}/{act}", **fields)).text
            assert row_of(site, "sample").history == () and row_of(site, "sample").circumstances.lesson is None
            assert not judge(to_item(row_of(site, "sample")), NOW).delete
            assert await wim.listen("sample", "training", "steekproef")
            await wim.post(f"{where}/reviewed", outcome="goed")
            assert Milestone.REVIEWED in row_of(site, "sample").milestones


async def test_an_objection_to_it_alone(site: ReviewSite) -> None:
    """What rita hears in it she may note: then nobody listens to it for that, and all else stays."""
    where = f"/recordings/{site.ids['complaint']}"
    before = row_of(site, "complaint")
    async with Browser(site) as rita, Browser(site) as ines:
        await rita.sign_in("rita")
        await ines.sign_in("ines")
        audio = await rita.listen("complaint", "training")
        form = (await rita.get(where)).text.partition("objection-purpose")[2].partition("</select>")[0]
        assert re.findall(r'value="(\w+)"', form) == ["training"]
        answer = await rita.post(f"{where}/objection", purpose="complaint", reason="not hers to say")
        assert "does not serve this purpose" in answer.text
        await rita.post(f"{where}/objection", purpose="training", reason="said so at the end")
        assert (await rita.get(where)).status == 404 and (await rita.get(audio)).status == 404
        assert await ines.listen("complaint", "complaint", "case 17")
    after = row_of(site, "complaint")
    assert (
        after.objected == {"training"} and after.purposes == before.purposes and judge(to_item(after), NOW) == judge(to_item(before), NOW)
    )
    [note] = [e for e in site.registry.audit_entries(None, subject=site.ids["complaint"]) if e.action == "subject.object"]
    assert note.actor == "review:rita" and "no longer used for 'training our staff'" in note.detail["answer"]


@pytest.mark.parametrize("came_between", ["hold", "restriction", "objection", "withdrawn", "purge"])
async def test_what_comes_between_token_and_audio_counts(site: ReviewSite, came_between: str) -> None:
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        audio = await rita.listen("complaint", "training")
        one = site.ids["complaint"]
        match came_between:
            case "hold":
                site.registry.place_hold(NOW, "cli:otto", "x", ["piet"], recording_id=one)
            case "restriction":
                site.registry.restrict(one, NOW, "x")
            case "objection":
                site.registry.note_consent(one, NOW, ConsentKind.OBJECTED, None, "training")
            case "withdrawn":
                site.registry.withdraw_purpose(one, "complaint", NOW, "x")
            case "purge":
                site.registry.mark_purging(one, NOW, "x")
        assert (await rita.get(audio)).status in (403, 404)
        assert rows(site, "complaint")[-1][1] == "recording.listen-refused"
        assert "token=" not in (await rita.get(f"/recordings/{one}")).text
