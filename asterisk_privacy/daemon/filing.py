"""One recording being written: a queue of blocks in front of the store's writer, worked off in threads, in order."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial

import numpy as np

from asterisk_privacy.audio.frames import RATE
from asterisk_privacy.audio.levels import is_heard
from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.audio.ring import Ring
from asterisk_privacy.call.commands import Outcome
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.storage import destroy
from asterisk_privacy.daemon.tally import RecordingOutcome
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.faults import StoreFault
from asterisk_privacy.store.vault import Sealed, Vault, Writer, new_recording_id

log = logging.getLogger(__name__)

BATCH_SECONDS = 1
"""Of audio that goes to the encoder at once: handing over small pieces costs more than encoding them. A chunk on the disk is longer."""
MOST_WAITING_SECONDS = 120
"""Audio that a stalled disk may pile up in memory before the recording counts as failed."""


class RecordingFile:
    """Row first, then file: a file without a row would have no purpose and no end. `failed` is called at most once."""

    def __init__(
        self, vault: Vault, ledger: Ledger, health: Health, call_id: str, failed: Callable[[], None], tenant: str | None = None
    ) -> None:
        self._vault = vault
        self._tenant = tenant
        self._ledger = ledger
        self._health = health
        self._call_id = call_id
        self._failed = failed
        self.recording_id = new_recording_id()
        self._writer: Writer | None = None
        self._ring: Ring | None = None
        self._blocks: list[Block] = []
        self._waiting = 0  # samples
        self._frames = 0
        self._work: asyncio.Task[None] | None = None
        self._ended = False
        self._sealed = False
        self._heard = self._empty = False
        self._purposes: set[str] = set()

    def start(self, purposes: tuple[Purpose, ...], part: int, at: datetime, ring: Ring, marked: bool = False) -> None:
        """`ring` holds what was said before, and is this file's from now on. `marked`: it holds only the marked parts of the call."""
        self._ring = ring
        self._purposes = {p.name for p in purposes}
        # asked for here and not in the task, so that what is told of this recording from now on comes after its row
        row = self._ledger.ask(lambda registry: registry.begin_recording(self.recording_id, self._call_id, at, purposes, part, marked))
        self._work = asyncio.create_task(self._begin(row))

    def append(self, block: Block) -> None:
        """int16, shape (n, 2). Taken over: the block is zeroed after it was written."""
        if self._ended:
            return
        self._blocks.append(block)
        self._waiting += len(block)
        if self._waiting > MOST_WAITING_SECONDS * RATE:
            self._fail("the disk does not keep up")
        elif self._waiting >= BATCH_SECONDS * RATE and (self._work is None or self._work.done()):
            self._work = asyncio.create_task(self._write())

    def add_purposes(self, purposes: tuple[Purpose, ...], at: datetime) -> None:
        """Rows are written in order, so this comes after the recording's own even if that is not there yet."""
        if self._empty:
            return
        self._purposes |= {p.name for p in purposes}
        for purpose in purposes:
            self._ledger.post(partial(Registry.add_purpose, recording_id=self.recording_id, purpose=purpose, at=at))

    def drop_purposes(self, names: tuple[str, ...], at: datetime, reason: str) -> None:
        if self._empty:
            return
        self._purposes -= set(names)
        for name in names:
            self._ledger.post(partial(Registry.withdraw_purpose, recording_id=self.recording_id, name=name, at=at, reason=reason))

    @property
    def sealed(self) -> bool:
        return self._sealed

    async def seal(self) -> None:
        """Waits for what is queued, then makes it a sealed recording. One in which nothing is to be heard leaves a row that says so."""
        await self._idle()
        await self._write()
        if self._ended:
            return
        if not self._heard:
            await self._leave_none()
            return
        self._ended = True
        try:
            if self._writer is not None:
                self._note_sealed(await asyncio.to_thread(self._writer.seal))
        except StoreFault as fault:
            self._ended = False
            self._fail(str(fault))
            await self._idle()

    async def erase(self, reason: str) -> None:
        """Nothing of it stays. Never fails: what the disk refuses is an alarm, and settled at the next start."""
        self._ended = True
        if self._work is None or self._empty:
            return  # never begun, or nothing was heard: there is no file
        await self._idle()
        await self._remove(reason, RecordingOutcome.ERASED)

    async def _leave_none(self) -> None:
        self._ended = self._empty = True
        await self._remove("nothing was heard in it", RecordingOutcome.EMPTY)

    async def _remove(self, reason: str, outcome: RecordingOutcome) -> None:
        self._forget_audio()
        self._count(outcome)
        sealed, now = self._sealed, datetime.now(UTC)
        try:
            if sealed:  # a sealed recording goes the way of every deletion: intent, destruction, evidence
                await self._ledger.ask(lambda registry: registry.mark_purging(self.recording_id, now, reason))
                gone = await destroy(self._vault, self.recording_id)
                evidence = json.dumps(gone.told())
                await self._ledger.ask(lambda registry: registry.mark_purged(self.recording_id, now, reason, evidence))
            else:
                try:  # the row first: what a crash or a faulty disk leaves of the file then goes at the next start, and is not sealed
                    await self._ledger.ask(lambda registry: registry.erase_recording(self.recording_id, now, reason))
                finally:
                    if self._writer is not None:
                        await asyncio.to_thread(self._writer.abandon)
        except OperatorError as error:
            self._health.alarm(Alarm.STORE_FAILED, str(error))

    async def _begin(self, row: Awaitable[None]) -> None:
        try:
            await row
            self._writer = await asyncio.to_thread(partial(self._vault.create, self.recording_id, tenant=self._tenant))
            if self._ring is not None:
                await asyncio.to_thread(self._write_ring, self._writer, self._ring)
        except OperatorError as error:
            self._fail(str(error))
            return
        await self._write()

    def _write_ring(self, writer: Writer, ring: Ring) -> None:
        for block in ring.drain():
            if self._ended:
                return
            self._heard = self._heard or is_heard(block)
            writer.write(block)
            self._frames += len(block)
            block.fill(0)

    async def _write(self) -> None:
        while self._blocks and self._writer is not None and not self._ended:
            blocks, self._blocks, self._waiting = self._blocks, [], 0
            joined = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
            self._heard = self._heard or is_heard(joined)
            try:
                await asyncio.to_thread(self._writer.write, joined)
            except StoreFault as fault:
                self._fail(str(fault))
                return
            finally:
                self._frames += len(joined)
                for block in (*blocks, joined):
                    block.fill(0)

    async def _idle(self) -> None:
        if self._work is not None and self._work is not asyncio.current_task():
            await asyncio.wait([self._work])

    def _fail(self, why: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._health.alarm(Alarm.STORE_FAILED, why)
        self._work = asyncio.create_task(self._save_what_is_written())
        self._failed()

    async def _save_what_is_written(self) -> None:
        """Whole chunks that reached the disk are a recording too, marked as cut short."""
        self._forget_audio()
        if self._writer is None:
            self._nothing_written()
            return
        try:
            sealed = await asyncio.to_thread(self._vault.settle, self.recording_id, True)
        except StoreFault as fault:
            self._health.alarm(Alarm.STORE_FAILED, str(fault))
            self._count(RecordingOutcome.FAILED)
            return
        if sealed is not None:
            self._note_sealed(sealed)
        else:
            self._nothing_written()

    def _nothing_written(self) -> None:
        self._count(RecordingOutcome.FAILED)
        self._ledger.post(lambda registry: registry.erase_recording(self.recording_id, datetime.now(UTC), "it could not be written"))

    def _count(self, outcome: RecordingOutcome) -> None:
        self._health.tally.recording(self._purposes, outcome)

    def _note_sealed(self, sealed: Sealed) -> None:
        self._sealed = True
        self._count(RecordingOutcome.TRUNCATED if sealed.truncated else RecordingOutcome.SEALED)
        duration_ms = (sealed.frames or self._frames) * 1000 // RATE
        self._health.tally.sealed_bytes += sealed.size
        self._health.tally.sealed_seconds += duration_ms / 1000
        self._ledger.post(
            lambda registry: registry.seal_recording(
                self.recording_id,
                datetime.now(UTC),
                sealed.size,
                sealed.sha256,
                duration_ms,
                sealed.truncated,
                sealed.sealed_to,
                sealed.content.pieces,
            )
        )

    def _forget_audio(self) -> None:
        if self._ring is not None:
            self._ring.wipe()
        for block in self._blocks:
            block.fill(0)
        self._blocks, self._waiting = [], 0


def outcome_of(decided: Outcome, failed: bool, files: Iterable[RecordingFile | None]) -> Outcome:
    """`decided` by the recorder, which does not know what became of the files. `failed`: one of them could not be written."""
    if decided is not Outcome.KEPT:
        return decided
    if failed:
        return Outcome.FAILED
    return decided if any(file is not None and file.sealed for file in files) else Outcome.NOT_KEPT
