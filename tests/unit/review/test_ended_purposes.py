"""A purpose that has ended opens nothing, although another one keeps the file: on the page, in the terminal, by a token given before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from review_browser import Browser
from review_site import ReviewSite
from test_listening import trail

from asterisk_privacy.cli.main import main
from asterisk_privacy.policy.retention import Milestone

BECAUSE = "Calls that went wrong are those to learn from; the same few people hear them."
TODAY = datetime.now(UTC)


@pytest.fixture
def half(tmp_path: Path) -> Iterator[ReviewSite]:
    """Three recordings that a complaint keeps: training was reviewed in one, is past its latest date in another, and was objected to in a
    third. And one that nothing keeps any more, though the purger has not come yet."""
    with ReviewSite(tmp_path, bare=True, now=TODAY) as site:
        registry = site.registry
        registry.milestone(site.record("reviewed", ["training", "complaint"]), Milestone.REVIEWED, TODAY, "review:rita", "good")
        late = site.record("late", ["training", "complaint"], days=40)
        registry.open_case("complaint", "K-1", TODAY - timedelta(days=39), "ines")
        registry.link_case("K-1", late, TODAY - timedelta(days=39), "ines")
        registry.withdraw_purpose(site.record("objected", ["training", "complaint"]), "training", TODAY, "said so")
        site.record("over", ["training"], days=40)
        yield site


KEPT = ("reviewed", "late", "objected")


@pytest.mark.parametrize("name", KEPT)
async def test_it_opens_to_nobody_for_that(half: ReviewSite, name: str) -> None:
    where = f"/recordings/{half.ids[name]}"
    async with Browser(half) as rita, Browser(half) as wim:
        await rita.sign_in("rita")
        await wim.sign_in("wim")
        assert (await rita.get(where)).status == 404 and half.ids[name] not in (await rita.get("/")).text
        assert (await rita.get(f"{where}/timeline.json")).status == 404
        assert (await rita.post(f"{where}/listen", purpose="training", reason="weekly")).status == 404
        answer = await wim.post(f"{where}/listen", purpose="training", reason="weekly")  # of both roles: he sees it for the complaint
        assert answer.status == 403 and ("voorbij" in answer.text) == (name != "objected")
        why = "not-served" if name == "objected" else "ended"
        assert trail(half, name) == [("review:rita", "-refused", "training", "unknown"), ("review:wim", "-refused", "training", why)]
        assert (await wim.post(f"{where}/reviewed", outcome="again")).status == 403
        assert (await wim.get(await wim.listen(name, "complaint"))).status == 200


async def test_what_nothing_keeps_opens_to_nobody(half: ReviewSite) -> None:
    async with Browser(half) as rita, Browser(half) as otto:
        await rita.sign_in("rita")
        await otto.sign_in("otto")
        assert half.ids["over"] not in (await rita.get("/")).text
        assert (await rita.post(f"/recordings/{half.ids['over']}/listen", purpose="training", reason="weekly")).status == 404
        assert (await otto.get(f"/recordings/{half.ids['over']}")).status == 200  # its facts, for the requests of persons


async def test_a_token_given_before_opens_nothing_any_more(tmp_path: Path) -> None:
    """By an event, and by the clock alone."""
    with ReviewSite(tmp_path, bare=True, now=TODAY) as site:
        for name in ("reviewed", "old"):
            site.record(name, ["training", "quality"], days=20)
        async with Browser(site) as wim:
            await wim.sign_in("wim")
            tokens = {name: await wim.listen(name, "training") for name in ("reviewed", "old")}
            assert [(await wim.get(token)).status for token in tokens.values()] == [200, 200]
            site.registry.milestone(site.ids["reviewed"], Milestone.REVIEWED, TODAY, "review:rita", "good")
            answer = await wim.get(tokens["reviewed"])
            assert answer.status == 403 and trail(site, "reviewed")[-1] == ("review:wim", "-refused", "training", "ended")
            assert (await wim.get(tokens["old"])).status == 200
            site.now = TODAY + timedelta(days=15, hours=1)
            assert (await wim.get(tokens["old"])).status == 403 and trail(site, "old")[-1][3] == "ended"
            assert "token=" not in (await wim.get(f"/recordings/{site.ids['old']}")).text


async def test_under_a_legal_hold_it_opens_to_whom_the_hold_names(half: ReviewSite) -> None:
    half.registry.place_hold(TODAY, "cli:otto", "claim", ["wim"], recording_id=half.ids["over"])
    async with Browser(half) as rita, Browser(half) as wim:
        await rita.sign_in("rita")
        await wim.sign_in("wim")
        assert (await wim.get(await wim.listen("over", "training"))).status == 200
        assert half.ids["over"] in (await wim.get("/")).text and half.ids["over"] not in (await rita.get("/")).text


async def test_no_compatible_use_of_what_has_ended(tmp_path: Path) -> None:
    with ReviewSite(tmp_path, bare=True, now=TODAY, compatible={"complaint": {"training": BECAUSE}}) as site:
        site.record("lives", ["complaint", "proof"], days=20)
        site.record("ended", ["complaint", "proof"], days=40)  # no case within 30 days; proof keeps it
        async with Browser(site) as rita:
            await rita.sign_in("rita")
            assert [(await rita.get(f"/recordings/{site.ids[name]}")).status for name in ("lives", "ended")] == [200, 404]


@pytest.mark.parametrize("name", KEPT)
def test_in_a_terminal(half: ReviewSite, name: str) -> None:
    (half.folder / "identity.txt").write_text(half.identity.secret + "\n")
    files = ["--config", str(half.folder / "config.toml"), "--identity", str(half.folder / "identity.txt")]
    asked = ["review", "play", half.ids[name], "--purpose", "training", "--reason", "weekly", *files]
    for who, words in (("rita", "no such recording"), ("wim", "does not serve" if name == "objected" else "has ended")):
        result = CliRunner().invoke(main, asked, env={"SUDO_USER": who})
        assert result.exit_code == 3 and words in result.stderr, result.output
    nothing = CliRunner().invoke(main, ["review", "next", "--reason", "weekly", *files], env={"SUDO_USER": "rita"})
    assert nothing.exit_code == 0 and "Nothing awaits your review." in nothing.stdout
