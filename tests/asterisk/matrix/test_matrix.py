"""The matrix of waiting and moving (docs/waiting.md): every row on a real Asterisk, twelve calls at once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import pytest
import pytest_asyncio
import schedules
import storm
from judge import Result
from plan import LANES, phone_ports, the_site
from play import House, Played
from sites import running, short_sounds, wait_until_quiet, what_is_left
from table import ROWS, Row

from asterisk_privacy.lab.pbx import DIALPLAN
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

NAMES = [row.name for row in ROWS]
RANDOM_CALLS = int(os.environ.get("ASTERISK_PRIVACY_RANDOM", "104"))
BOTH_RESTART = next(row for row in ROWS if row.name == "both-restart")
CAPTURES = ("snoop", "wire")
"""Each plays all rows, and every second of the random calls."""


@dataclass(slots=True)
class Run:
    house: House
    results: dict[str, Result]
    played: dict[str, Played]
    left: list[str]
    capture: str


def report(run: Run) -> str:
    """A line for each row."""
    head = f"{'row':<28} {'kept s':>7} {'private':>8} {'before':>7} {'after':>7} {'hole':>6} {'agent hears':>11}  result"
    lines = [head, "-" * len(head)]
    for name, r in sorted(run.results.items(), key=lambda named: NAMES.index(named[0])):
        told = "; ".join([*r.private[:3], *r.wrong[:3], *r.late[:3], *run.played[name].scene.notes.values()])
        lines.append(
            f"{name:<28} {r.kept_seconds:7.2f} {len(r.private):8d} {1000 * r.before:4.0f} ms {1000 * r.after:4.0f} ms {r.hole:6.2f}"
            f" {r.agent_heard:9.2f} s  {r.verdict}{': ' + told if told else ''}"
        )
    return "\n".join(lines)


async def play_and_judge(house: House, rows: list[Row]) -> tuple[dict[str, Played], dict[str, Result]]:
    """What is not as it should be is played once more, alone; but never where anything private was kept."""
    played = {p.row.name: p for p in await house.play_all(rows)}
    results = {name: await asyncio.to_thread(house.judged, p) for name, p in played.items()}
    for name, first in list(results.items()):
        if first.verdict != "ok" and not first.private and not (played[name].row.known and house.site.capture == "snoop"):
            [played[name]] = await house.play_all([played[name].row])
            results[name] = await asyncio.to_thread(house.judged, played[name])
            played[name].scene.notes["again"] = f"second try; the first: {'; '.join(first.wrong + first.late)}"
    return played, results


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=CAPTURES)
async def run(request: pytest.FixtureRequest, install: Install, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    """Plays the rows that were asked for (pytest -k park): each once."""
    asked = {
        item.callspec.params["row"].name
        for item in request.session.items
        if "row" in getattr(getattr(item, "callspec", None), "params", {})
    }
    chosen = [row for row in ROWS if row.name in asked]
    work = tmp_path_factory.mktemp("matrix")
    ports = phone_ports()
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    async with running(the_site(work, install, ports, sounds, request.param)) as site:
        house = House(site, ports)
        if "codec_opus" not in site.pbx.cli("module show like codec_opus"):
            chosen = [row for row in chosen if "opus" not in row.codecs.values()]
        played, results = await play_and_judge(house, sorted(chosen, key=lambda row: not row.long))
        await asyncio.to_thread(wait_until_quiet, site)
        bridges = [b for b in house.ari("bridges") if b["channels"] or b["bridge_class"] != "parking"]  # a lot keeps its bridge
        left = [*what_is_left(site), *(f"bridge {b['id']} {b['bridge_class']}" for b in bridges)]
        yield Run(house, results, played, left, request.param)


async def test_report(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("\n" + report(run), file=sys.stdout)
        print("alarms:", run.house.site.status()["alarms"])
    assert run.left == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_row(run: Run, row: Row) -> None:
    if row.name not in run.results:
        pytest.skip("this Asterisk has no codec for Opus")
    result = run.results[row.name]
    assert result.private == [], f"private: {result.private}"
    if not row.known or (row is BOTH_RESTART and run.capture == "wire"):
        assert result.wrong == []
        assert result.late == []


async def test_random_schedules(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Holds, parking and transfers in any order, twelve calls at once."""
    played, results = await play_and_judge(run.house, schedules.rows(RANDOM_CALLS)[CAPTURES.index(run.capture) :: len(CAPTURES)])
    await asyncio.to_thread(wait_until_quiet, run.house.site)
    found = results.values()
    moves = sum(len(p.scene.talks) - 1 for p in played.values())
    with capsys.disabled():
        print(
            f"\nrandom schedules, {run.capture}: {len(found)} calls, {moves} holds and moves, "
            f"{sum(r.kept_seconds for r in found):.0f} s kept, "
            f"{sum(len(r.private) for r in found)} private; lost at most {1000 * max(r.before for r in found):.0f} ms before and "
            f"{1000 * max(r.after for r in found):.0f} ms after, longest hole {max(r.hole for r in found):.2f} s; "
            f"the phones stood still for at most {1000 * max(r.stood for r in found):.0f} ms; "
            f"{sum('again' in p.scene.notes for p in played.values())} played twice"
        )
        for name, p in played.items():
            if p.scene.notes:
                print(f"  {name} ({p.row.happens}): {p.scene.notes}")
    private = {name: r.private for name, r in results.items() if r.private}
    assert private == {}, f"private: {private}"
    assert {name: r.wrong + r.late for name, r in results.items() if r.wrong or r.late} == {}
    assert moves > 2 * len(found) - 10


async def test_short_holds_do_not_starve_ari(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A hold costs three requests a party (snoop, to the dialplan, away) at most, and none when it is taken back at once."""
    house = run.house
    before = storm.counted(house)
    found = storm.Storm(storm.HOLDS * LANES, 0, 0)
    asking = asyncio.create_task(storm.asked(house, found))
    played = await house.play_all(storm.rows())
    asking.cancel()
    await asyncio.to_thread(wait_until_quiet, house.site)
    found.attached, found.requests = (now - then for now, then in zip(storm.counted(house), before, strict=True))
    results = [await asyncio.to_thread(house.judged, p) for p in played]
    with capsys.disabled():
        print(f"\n{found}")
    private = [r.private for r in results if r.private]
    assert private == [], f"private: {private}"
    assert [r.wrong for r in results if r.wrong] == []
    assert found.requests <= 6 * (found.holds + 2 * LANES)
    assert found.attached < 2 * found.holds  # some were never believed in
    assert np.percentile(found.answers, 99) < 1.0
