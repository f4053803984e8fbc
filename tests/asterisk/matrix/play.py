"""Plays rows on the site: a lane each, as many at once as there are lanes; judges them when all calls are over."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import sqlite3
import sys
import traceback
import urllib.request
from collections import deque
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

from judge import Bounds, Result, judge
from plan import LANES, PEOPLE
from stage import Person, Scene
from streams import LOSS_SECONDS
from table import Row

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.sip import SipError
from asterisk_privacy.lab.site import Site
from asterisk_privacy.registry.rows import State

ROW_SECONDS = 90.0 + LOSS_SECONDS
OVER_SECONDS = 12.0


@dataclass(slots=True)
class Played:
    row: Row
    scene: Scene
    call: str | None
    left: str
    """What was still there after it."""


class House:
    """The site, the phones' ports, and which calls are over."""

    def __init__(self, site: Site, ports: dict[str, int], over_seconds: float = OVER_SECONDS) -> None:
        """`over_seconds`: how long a call may take until its row says how it ended."""
        self._over_seconds = over_seconds
        self.site = site
        self.ports = ports
        self.free = deque(range(LANES))
        self._over: dict[str, str] = {}

    async def watch(self) -> None:
        while True:
            self._over = self._calls_over()
            await asyncio.sleep(0.3)

    def _calls_over(self) -> dict[str, str]:
        """Profile by call, of those whose row says how it ended: a light query, since the phones need this thread's time."""
        with closing(sqlite3.connect(f"file:{self.site.state / 'registry.sqlite'}?mode=ro", uri=True)) as registry:
            return dict(registry.execute("SELECT id, profile FROM calls WHERE outcome IS NOT NULL"))

    async def play_all(self, rows: Iterable[Row]) -> list[Played]:
        """In the given order, LANES at once."""
        waiting, played = deque(rows), list[Played]()
        sys.setswitchinterval(0.0005)  # a thread for each call's sound: none may wait long for its turn
        gc.disable()  # looking through all packets of all calls so far stops every phone for 0.3 s
        watching = asyncio.create_task(self.watch())

        async def lane() -> None:
            number = self.free.popleft()
            await asyncio.sleep(0.13 * number)
            while waiting:
                played.append(await self.play(waiting.popleft(), number))
            self.free.append(number)

        try:
            await asyncio.gather(*(lane() for _ in range(min(len(waiting), len(self.free)))))
        finally:
            watching.cancel()
            gc.enable()
        return played

    async def play(self, row: Row, lane: int) -> Played:
        profile = f"{row.kind}{lane}"
        before = {call for call, of in self._calls_over().items() if of == profile}
        server = self.site.pbx.sip_port
        people = {
            name: Person(name, lane, self.ports[f"{name}{lane}"], server, row.codecs.get(name, "ulaw"), row.sequences.get(name))
            for name in PEOPLE
        }
        scene = Scene(lane, people)
        for person in people.values():
            await person.open()
        try:
            async with asyncio.timeout(ROW_SECONDS):
                await row.script(scene)
        except (SipError, TimeoutError, AssertionError, IndexError) as error:
            at = traceback.extract_tb(error.__traceback__)
            scene.faults.append(f"the script broke: {error!r} at {' < '.join(f'{f.name}:{f.lineno}' for f in at[-3:])}")
        finally:
            await asyncio.gather(*(person.close() for person in people.values()))
        call, left = await self._over_with(profile, before, lane)
        return Played(row, scene, call, left)

    async def _over_with(self, profile: str, before: set[str], lane: int) -> tuple[str | None, str]:
        call, left = None, "?"
        deadline = asyncio.get_running_loop().time() + self._over_seconds
        while asyncio.get_running_loop().time() < deadline:
            call = next((call for call, of in self._over.items() if of == profile and call not in before), None)
            channels = [c for c in await asyncio.to_thread(self._names) if any(f"/{name}{lane}-" in c for name in PEOPLE)]
            left = " ".join(channels)
            if call is not None and not channels:
                break
            await asyncio.sleep(0.2)
        return call, left

    def _names(self) -> list[str]:
        return [str(c["name"]) for c in self.ari("channels")]

    def ari(self, what: str) -> list[dict[str, object]]:
        pbx = self.site.pbx
        token = base64.b64encode(f"{pbx.ari_user}:{pbx.ari_password}".encode()).decode()
        request = urllib.request.Request(f"{pbx.ari_url}/ari/{what}", headers={"Authorization": f"Basic {token}"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            found: list[dict[str, object]] = json.load(answer)
        return found

    def judged(self, played: Played) -> Result:
        with self.site.registry() as registry:
            call = registry.call(played.call) if played.call else None
            recordings = registry.recordings(call_id=played.call) if played.call else []
        audio, wrong = [], []
        for recording in sorted(recordings, key=lambda r: r.part):
            if recording.state is State.SEALED:
                try:
                    audio.append(self.site.listen(recording.id))
                except OperatorError as error:
                    wrong.append(str(error))
            elif recording.state is State.WRITING:
                wrong.append("a recording is unfinished")
        row = played.row
        bounds = {**row.bounds, **row.by_wire} if self.site.capture == "wire" else row.bounds
        found = judge(played.scene, call, audio, Bounds(**bounds))
        found.wrong += wrong
        if played.left:
            found.wrong.append(f"still there: {played.left}")
        return found
