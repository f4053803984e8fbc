"""Brings sealed recordings to the bucket, one after the other, on a thread of its own; no call ever waits for it.

The queue is what lies sealed in the store's directory: it survives everything, and nothing else has to remember it. Of what a crash left
of an upload the next attempt takes care (store/objects.py), so each recording is in the bucket once, and its file here is shredded only
when it was read back from there. Then its row says where it is, and any node may delete it; what a crash left unsaid is looked for at the
start, and each hour.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.logs import about
from asterisk_privacy.daemon.registry_place import bucket_address
from asterisk_privacy.daemon.settings import S3
from asterisk_privacy.errors import NotAsRecorded, OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.faults import BadFile, BucketAway, StoreFault
from asterisk_privacy.store.vault import Queued, Vault

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Between two looks at the queue; after a failure twice as long, and again, up to a while."""
LONGEST_PAUSE_SECONDS = 300.0
ALARM_AGAIN = timedelta(hours=1)
REFUSED_SECONDS = 300.0
"""Between two tries of a recording that cannot be brought there while others can: a file that cannot be read, or is not its row's."""
SWEEP_SECONDS = 3600.0
"""Between two looks for recordings that are in the bucket, and whose rows do not say so."""
STOP_SECONDS = 5.0
"""How long a stop waits for an upload to end; one that is cut off is begun anew at the next start."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Recordings that are sealed and not in the bucket yet, as of the last look."""

    count: int = 0
    size: int = 0
    oldest: datetime | None = None


class Uploads:
    """`open_registry` is called on the thread, for each look at a queue that is not empty."""

    def __init__(self, vault: Vault, open_registry: Callable[[], Registry], health: Health, settings: S3) -> None:
        self._vault = vault
        self._open_registry = open_registry
        self._health = health
        self._settings = settings
        self._stopping = threading.Event()
        self._failed_looks = 0
        self._told: datetime | None = None
        self._address = bucket_address(settings) or ""
        self._sweep_at = 0.0
        self._swept_to = ""
        self._met: set[str] = set()  # files that are not what was recorded
        self._only_files = False  # whether the last look failed for nothing but bad files
        self._refused: dict[str, tuple[float, str]] = {}  # by recording: when it is tried again (monotonic), and why it did not go
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)
        self.waiting = Waiting()
        self.looked_at = 0.0  # monotonic: when the last whole look at the queue began
        self.uploaded = 0
        self.failures = 0
        self.error: str | None = None  # of the last look; None: all went well

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def why_full(self) -> str | None:
        """Why no new call may be recorded: the queue is bounded, as the disk is."""
        if self.waiting.size <= self._settings.queue_mib << 20:
            return None
        return (
            f"{self.waiting.size >> 20} MiB of recordings wait for the bucket, more than [s3] queue_mib: {self.error or 'it is too slow'}"
        )

    def look(self) -> float:
        """Once through the queue, the oldest first. Seconds until the next look."""
        error: str | None = None
        self._only_files = False
        began = monotonic()
        try:
            error = self._bring_all()
            self.looked_at = began
        except OperatorError as fault:  # the disk, or the registry: without it nothing is known to be sealed
            error = str(fault)
        self._note(error)
        if error is None:
            return LOOK_SECONDS
        longer = 1.0 if self._only_files else 2.0 ** min(self._failed_looks, 10)  # nobody waits longer for the sake of a bad file
        return min(LOOK_SECONDS * longer, LONGEST_PAUSE_SECONDS) * random.uniform(1.05, 1.2)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self.look()):
                pass
        finally:
            if not self._stopping.is_set():
                self._health.alarm(Alarm.UPLOADS_LATE, "uploads have ended by a mistake of the recorder; restart it, and please report it")

    def _bring_all(self) -> str | None:
        """Why the first that did not get there did not."""
        first: str | None = None
        bad: str | None = None
        queue = self._vault.queue()
        self.waiting = _summed(queue)
        if not queue and monotonic() < self._sweep_at:
            return None
        seen = monotonic()
        others: set[str] = set()  # not to be uploaded: their rows say that they are not sealed yet, or on their way out
        with self._open_registry() as registry:
            for one in queue:
                if self._stopping.is_set():
                    break
                again_at, why = self._refused.get(one.recording_id, (0.0, ""))
                if monotonic() < again_at:
                    bad = bad or why
                    continue
                self._refused.pop(one.recording_id, None)
                try:
                    digest = self._hand_over(registry, one.recording_id)
                    if digest is not None:
                        self.uploaded += 1
                        self._say_where(registry, one.recording_id, digest)
                    else:
                        others.add(one.recording_id)
                except (NotAsRecorded, BadFile) as fault:
                    self.failures += 1
                    bad = bad or str(fault)
                    self._refused[one.recording_id] = (monotonic() + REFUSED_SECONDS, str(fault))
                    if isinstance(fault, NotAsRecorded):
                        self._note_met(registry, one.recording_id, fault)
                except StoreFault as fault:
                    self.failures += 1
                    first = first or str(fault)
                    if isinstance(fault, BucketAway):
                        break
                if monotonic() - seen > LOOK_SECONDS:
                    self.waiting, seen = _summed(self._vault.queue()), monotonic()
            if first is None and monotonic() >= self._sweep_at:
                self._sweep(registry)
        self.waiting = _summed([one for one in self._vault.queue() if one.recording_id not in others])
        self._only_files = first is None
        return first or bad

    def _hand_over(self, registry: Registry, recording_id: str) -> str | None:
        """Its SHA-256 (hex) if it went."""
        sent: list[str] = []

        def may(digest: str) -> bool:
            sent.append(digest)
            return _may_go(registry, recording_id, digest)

        return sent[0] if self._vault.hand_over(recording_id, may) else None

    def _note_met(self, registry: Registry, recording_id: str, error: NotAsRecorded) -> None:
        """Once in the life of this daemon: the file is met again with every look at the queue."""
        if recording_id not in self._met:
            registry.contents.note_met(recording_id, "upload", str(error))
            self._met.add(recording_id)

    def _say_where(self, registry: Registry, recording_id: str, digest: str) -> None:
        self._sweep_at, was = 0.0, self._sweep_at  # where the registry goes away now
        registry.nodes.brought(recording_id, digest, self._address)
        self._sweep_at = was

    def _sweep(self, registry: Registry) -> None:
        """As far as it comes until the next look at the queue."""
        until = monotonic() + LOOK_SECONDS
        for recording_id, digest in registry.nodes.astray(self._address, self._swept_to):
            if self._stopping.is_set() or monotonic() > until:
                return
            if self._vault.is_only_there(recording_id):
                registry.nodes.brought(recording_id, digest, self._address)
            self._swept_to = recording_id
        self._swept_to, self._sweep_at = "", monotonic() + SWEEP_SECONDS

    def _note(self, error: str | None) -> None:
        if error is None and self.error is not None:
            log.info("uploads go on: %d done since the start", self.uploaded, extra=about("uploads.resumed"))
        if error is not None and self.error is None:
            log.warning("an upload failed, it is tried again: %s", error, extra=about("uploads.failed"))
        self.error = error
        self._failed_looks = 0 if error is None else self._failed_looks + 1
        now, oldest = datetime.now(UTC), self.waiting.oldest
        late = oldest is not None and now - oldest > timedelta(minutes=self._settings.waiting_minutes)
        if not late:
            self._told = None
        elif self._told is None or now - self._told >= ALARM_AGAIN:
            self._told = now
            words = f"{self.waiting.count} recordings wait for the bucket for more than {self._settings.waiting_minutes} minutes"
            self._health.alarm(Alarm.UPLOADS_LATE, f"{words}: {error or 'it is too slow'}")


def _may_go(registry: Registry, recording_id: str, digest: str) -> bool:
    """Only what its row calls sealed; NotAsRecorded for a file that is not the one of which the row tells: an older one, put back from a
    backup, must not take the place of what the bucket has."""
    row = registry.recording(recording_id)
    if row is None or row.state is not State.SEALED:
        return False
    if row.sha256 != digest:
        raise NotAsRecorded(
            f"recording {recording_id}: its file here is not the one that its row tells of (SHA-256); it is not uploaded, look at it"
        )
    return True


def _summed(queue: list[Queued]) -> Waiting:
    return Waiting(len(queue), sum(one.size for one in queue), min((one.sealed_at for one in queue), default=None))
