"""The recordings of one call: of all of it, of its marked parts, and what an earlier daemon kept. One thing after the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from asterisk_privacy.call.commands import Outcome
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.daemon.call_tools import Jobs, Tools
from asterisk_privacy.daemon.drawing import Place, note_places
from asterisk_privacy.daemon.filing import RecordingFile, outcome_of
from asterisk_privacy.daemon.ledger import wall
from asterisk_privacy.daemon.media import CallMedia
from asterisk_privacy.daemon.taking_up import Before
from asterisk_privacy.policy.purpose import Purpose

OBJECTED = "the customer objected to its purpose"


class CallFiles:
    """`began_at`: the call's, monotonic. `failed` is called when a file cannot be written any further."""

    def __init__(
        self,
        call_id: str,
        tenant: str | None,
        began_at: float,
        media: CallMedia,
        before: Before,
        tools: Tools,
        failed: Callable[[], None],
    ) -> None:
        self._call_id = call_id
        self._tenant = tenant
        self._began_at = began_at
        self._media = media
        self._before = before
        self._tools = tools
        self._tell_failed = failed
        self._failed = False
        self._whole: RecordingFile | None = None
        self._marked: RecordingFile | None = None
        self.places: tuple[Place, ...] = ()  # of quotas
        self.jobs = Jobs()

    def start(self, purposes: tuple[Purpose, ...], part: int) -> int:
        """Of all of the call, from its beginning. How much of that is not there any more, in ms."""
        self._whole = file = self._new()
        ring = self._media.to_file(file)
        lost_ms = round(ring.lost_seconds * 1000)
        file.start(purposes, self._before.last_part + part, wall(self._began_at), ring)
        return lost_ms

    def add_purposes(self, purposes: tuple[Purpose, ...]) -> None:
        if self._whole is not None:
            self._whole.add_purposes(purposes, datetime.now(UTC))
        self._before.add_purposes(purposes, datetime.now(UTC))

    def drop_purposes(self, names: tuple[str, ...], marked: bool, reason: str) -> None:
        """`marked`: of the marked parts; else of all the rest."""
        file = self._marked if marked else self._whole
        self.places = tuple(place for place in self.places if place.purpose not in names)
        if file is not None:
            file.drop_purposes(names, datetime.now(UTC), reason)
        if not marked:
            self._before.drop_purposes(names, datetime.now(UTC), reason)

    def objected(self, names: frozenset[str]) -> None:
        """What an earlier daemon kept is for these purposes no more, whatever this one keeps."""
        self.jobs.next(self._before.objected(names, datetime.now(UTC), OBJECTED))

    def erase(self, at: float, reason: str, before: bool) -> None:
        """The marked parts stay. `before`: also what an earlier daemon kept."""
        self._media.forget_file(at)
        self._erase_whole(reason)
        if before:
            self.jobs.next(partial(self._before.erase, reason, SpanKind.ERASED))
        self.places = ()  # who holds them now stays

    def erase_marked(self, reason: str) -> None:
        self._media.marked.wipe()
        self._erase_marked(reason)

    def wipe(self, reason: str) -> None:
        """Nothing stays, also if the call is over."""
        self._media.wipe()
        self._erase_whole(reason)
        self._erase_marked(reason)
        self.jobs.next(partial(self._before.erase, reason, SpanKind.OFF_RECORD))

    def keep_marked(self, purposes: tuple[Purpose, ...], part: int) -> None:
        self._marked = self._new()
        self.jobs.next(partial(self._keep_marked, self._marked, purposes, self._before.last_part + part))

    def seal(self) -> None:
        self.jobs.next(partial(self._seal, self._whole))

    def outcome(self, decided: Outcome) -> Outcome:
        """Of the whole call."""
        return self._before.outcome(outcome_of(decided, self._failed, (self._whole, self._marked)))

    def _new(self) -> RecordingFile:
        tools = self._tools
        return RecordingFile(tools.vault, tools.ledger, tools.health, self._call_id, self._fail, self._tenant)

    def _fail(self) -> None:
        self._failed = True  # the recorder hears nothing after its end, and sealing comes after that
        self._tell_failed()

    def _erase_whole(self, reason: str) -> None:
        file, self._whole = self._whole, None
        self.jobs.erase(file, reason)

    def _erase_marked(self, reason: str) -> None:
        file, self._marked = self._marked, None
        self.jobs.erase(file, reason)

    async def _keep_marked(self, file: RecordingFile, purposes: tuple[Purpose, ...], part: int) -> None:
        await self._media.all_released(self._tools.proven)
        if file is self._marked:  # else it was wiped meanwhile
            file.start(purposes, part, wall(self._began_at), self._media.marked.ring, marked=True)
            await file.seal()

    async def _seal(self, file: RecordingFile | None) -> None:
        await self._media.all_released(self._tools.proven)
        if file is not None:
            await file.seal()
            note_places(self._tools.ledger, self.places, file)
