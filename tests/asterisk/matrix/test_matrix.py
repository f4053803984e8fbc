"""The matrix of waiting and moving (docs/waiting.md): every row on a real Asterisk, eight calls at once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from judge import Result
from plan import phone_ports, the_site
from play import House, Played
from sites import running, short_sounds, wait_until_quiet, what_is_left
from table import ROWS, Row

from asterisk_privacy.lab.pbx import DIALPLAN
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

ONLY = os.environ.get("ASTERISK_PRIVACY_ROWS", "").split()
CHOSEN = [row for row in ROWS if not ONLY or any(word in row.name for word in ONLY)]


@dataclass(slots=True)
class Run:
    house: House
    results: dict[str, Result]
    played: dict[str, Played]
    left: list[str]


def report(run: Run) -> str:
    head = f"{'row':<28} {'kept s':>7} {'private':>8} {'before':>7} {'after':>7} {'hole':>6} {'agent hears':>11}  result"
    lines = [head, "-" * len(head)]
    for row in CHOSEN:
        r = run.results[row.name]
        told = "; ".join([*r.private[:3], *r.wrong[:3], *r.late[:3], *run.played[row.name].scene.notes.values()])
        lines.append(
            f"{row.name:<28} {r.kept_seconds:7.2f} {len(r.private):8d} {1000 * r.before:4.0f} ms {1000 * r.after:4.0f} ms {r.hole:6.2f}"
            f" {r.agent_heard:9.2f} s  {r.verdict}{': ' + told if told else ''}"
        )
    return "\n".join(lines)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(install: Install, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    work = tmp_path_factory.mktemp("matrix")
    ports = phone_ports()
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    async with running(the_site(work, install, ports, sounds)) as site:
        house = House(site, ports)
        played = {p.row.name: p for p in await house.play_all(sorted(CHOSEN, key=lambda row: not row.long))}
        results = {name: await asyncio.to_thread(house.judged, p) for name, p in played.items()}
        for name, result in list(results.items()):
            if result.verdict != "ok" and not result.private:  # once more, alone
                again = await house.play_all([played[name].row])
                played[name], results[name] = again[0], await asyncio.to_thread(house.judged, again[0])
                results[name].late = results[name].late and [f"twice: {'; '.join(result.late + result.wrong)}", *results[name].late]
                played[name].scene.notes["again"] = f"second try; the first: {'; '.join(result.wrong + result.late)}"
        await asyncio.to_thread(wait_until_quiet, site)
        bridges = [b for b in house.ari("bridges") if b["channels"] or b["bridge_class"] != "parking"]  # a lot keeps its bridge
        left = [*what_is_left(site), *(f"bridge {b['id']} {b['bridge_class']}" for b in bridges)]
        yield Run(house, results, played, left)


async def test_report(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("\n" + report(run), file=sys.stdout)
        print("alarms:", run.house.site.status()["alarms"])
    assert run.left == []


@pytest.mark.parametrize("row", CHOSEN, ids=lambda row: row.name)
async def test_row(run: Run, row: Row) -> None:
    result = run.results[row.name]
    assert result.private == []
    if not row.known:
        assert result.wrong == []
        assert result.late == []
