"""What is written down about a recording: outcome, lesson, case, objection."""

from __future__ import annotations

import pytest
from review_browser import Answer, Browser
from review_site import ReviewSite

from asterisk_privacy.policy.retention import Milestone


async def do(site: ReviewSite, who: str, name: str, act: str, **fields: str) -> Answer:
    async with Browser(site) as browser:
        await browser.sign_in(who)
        return await browser.post(f"/recordings/{site.ids.get(name, name)}/{act}", **fields)


async def test_the_outcome_ends_the_keeping(site: ReviewSite) -> None:
    answer = await do(site, "rita", "sample", "reviewed", outcome="good\r\nopening,   discussed")
    assert answer.path == "/" and "Noted: reviewed." in answer.text  # nothing keeps it any more, so it opens to no reviewer
    row = site.registry.recording(site.ids["sample"])
    assert row is not None and Milestone.REVIEWED in row.milestones
    assert [(m.by, m.note) for m in row.history] == [("review:rita", "good opening, discussed")]
    entry = site.registry.audit_entries(1, subject=site.ids["sample"])[0]
    assert (entry.actor, entry.action) == ("review:rita", "milestone.reviewed") and "good" not in str(entry.detail)
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        assert site.ids["sample"] not in (await rita.get("/")).text


async def test_a_lesson_has_reason_date_and_a_limit(site: ReviewSite) -> None:
    one = site.ids["sample"]
    answer = await do(site, "rita", "sample", "lesson", until="2027-03-31", reason="how to calm")
    assert "Noted: a lesson until 2027-03-31." in answer.text and "how to calm" in answer.text
    row = site.registry.recording(one)
    assert row is not None and row.circumstances.lesson is not None
    assert row.circumstances.lesson.by == "review:rita" and f"{row.circumstances.lesson.until.astimezone():%Y-%m-%d}" == "2027-03-31"
    for until, words in (("2028-01-01", "2027-11-17 at the latest"), ("2026-11-01", "over already"), ("soon", "such as"), ("", "such as")):
        assert words in (await do(site, "rita", "sample", "lesson", until=until, reason="x")).text, until
    assert "such as" in (await do(site, "rita", "sample", "lesson", until="2027-03-31", reason=" ")).text
    row = site.registry.recording(one)
    assert row is not None and row.circumstances.lesson is not None and row.circumstances.lesson.reason == "how to calm"


async def test_a_case_is_linked_or_opened(site: ReviewSite) -> None:
    waiting = site.ids["complaint-waiting"]
    assert "Linked to case 2026-17" in (await do(site, "ines", "complaint-waiting", "case", reference="2026-17")).text
    assert "Linked to case K-1" in (await do(site, "ines", "complaint-waiting", "case", reference="K-1", kind="court")).text
    cases = {case.reference: case for case in site.registry.cases(recording_id=waiting)}
    assert set(cases) == {"2026-17", "K-1"} and cases["K-1"].kind == "court" and cases["K-1"].history[0].by == "review:ines"
    assert "is unknown" in (await do(site, "ines", "complaint-waiting", "case", reference="K-2")).text
    for fields in ({"reference": ""}, {"reference": "K-3", "kind": "murder"}):
        assert "Write the reference" in (await do(site, "ines", "complaint-waiting", "case", **fields)).text
    assert site.registry.cases("K-3") == []
    site.registry.case_step("K-1", "closed", site.site.now(), "cli:ines")
    assert "is closed" in (await do(site, "ines", "both", "case", reference="K-1", kind="court")).text


async def test_an_objection_takes_one_purpose_and_leaves_the_other(site: ReviewSite) -> None:
    answer = await do(site, "wim", "both", "objection", purpose="training", reason="zei het aan het einde")
    assert "Genoteerd" in answer.text
    row = site.registry.recording(site.ids["both"])
    assert row is not None and [p.name for p in row.purposes] == ["complaint"]
    entry = next(e for e in site.registry.audit_entries(10, subject=site.ids["both"]) if e.action == "subject.object")
    assert entry.actor == "review:wim"


async def test_with_no_purpose_left_nobody_hears_it_and_the_purger_takes_it(site: ReviewSite) -> None:
    answer = await do(site, "rita", "sample", "objection", purpose="training", reason="said so")
    assert (answer.status, answer.path) == (200, "/")  # nothing of it is his any more
    assert "it serves nothing else" in answer.text and site.ids["sample"] not in answer.text
    row = site.registry.recording(site.ids["sample"])
    assert row is not None and row.purposes == () and row.state == "sealed"
    assert site.vault.path(site.ids["sample"]).exists()  # the page cannot delete, and need not
    async with Browser(site) as otto:
        await otto.sign_in("otto")
        assert "It is due" in (await otto.get(f"/recordings/{site.ids['sample']}")).text


async def test_an_objection_that_the_law_does_not_know(site: ReviewSite) -> None:
    answer = await do(site, "otto", "proof", "objection", purpose="proof", reason="asked")
    assert "rests on contract" in answer.text
    row = site.registry.recording(site.ids["proof"])
    assert row is not None and len(row.purposes) == 1
    for fields in ({"purpose": "", "reason": "x"}, {"purpose": "proof", "reason": ""}):
        assert "Choose the purpose" in (await do(site, "otto", "proof", "objection", **fields)).text
    assert "does not serve" in (await do(site, "otto", "proof", "objection", purpose="training", reason="x")).text


FIELDS = {
    "reviewed": {"outcome": "x"},
    "lesson": {"until": "2027-01-31", "reason": "x"},
    "case": {"reference": "K-9", "kind": "complaint"},
    "objection": {"purpose": "training", "reason": "x"},
}
NOT = [
    ("ines", "sample", "reviewed", 404),
    ("ines", "both", "reviewed", 403),
    ("ines", "both", "lesson", 403),
    ("rita", "complaint", "reviewed", 404),
    ("rita", "both", "case", 403),
    ("anna", "own", "reviewed", 404),
    ("anna", "passed-on", "reviewed", 404),
    ("anna", "own", "lesson", 404),
    ("anna", "own", "objection", 404),
    ("otto", "sample", "reviewed", 403),
    ("otto", "sample", "case", 403),
    ("udo", "sample", "objection", 404),
    ("nobody", "sample", "reviewed", 404),
    ("rita", "gone", "reviewed", 403),
    ("rita", "writing", "lesson", 403),
    ("rita", "0123456789abcdef", "reviewed", 404),
]


@pytest.mark.parametrize(("who", "name", "act", "status"), NOT)
async def test_what_is_not_his_to_write(site: ReviewSite, who: str, name: str, act: str, status: int) -> None:
    before = site.registry.recording(site.ids.get(name, name))
    answer = await do(site, who, name, act, **FIELDS[act])
    assert answer.status == status and "<main" in answer.text
    assert site.registry.recording(site.ids.get(name, name)) == before and site.registry.cases("K-9") == []
