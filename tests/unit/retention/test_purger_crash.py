"""The purger is killed (SIGKILL, a process of its own) at every step; what is left must be true, and the next run must settle it."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from retention_samples import DUE, Place

from asterisk_privacy.daemon.purging import RegistryRows
from asterisk_privacy.registry import calls, recordings
from asterisk_privacy.retention.purger import Purger
from asterisk_privacy.store import shred
from asterisk_privacy.store.vault import ShredEvidence

IN_REGISTRY = [
    "before mark_purging",
    "inside mark_purging",
    "after mark_purging",
    "inside mark_purged",
    "inside forgetting",
    "after mark_purged",
]
IN_STORE = ["move", "label", "burn", "empty", "unlink", "shredded"]


class Doomed(RegistryRows):
    """Dies when it comes to `step`, as pulled from the wall."""

    def __init__(self, place: Place, step: str) -> None:
        super().__init__(place.registry)
        self.step = step
        honest = recordings.audit.append
        inside = {
            "recording.purging": "inside mark_purging",
            "recording.purged": "inside mark_purged",
            "call.forget-customer": "inside forgetting",
        }

        def append(file, db, action, *rest, **named):  # type: ignore[no-untyped-def]
            """The row was changed, its audit row not yet written, nothing committed."""
            self.die(inside.get(action, ""))
            honest(file, db, action, *rest, **named)

        recordings.audit = calls.audit = SimpleNamespace(append=append)  # type: ignore[assignment]

    def die(self, where: str) -> None:
        if where == self.step:
            os.kill(os.getpid(), signal.SIGKILL)

    def mark_purging(self, item_id: str, at: datetime, reason: str) -> None:
        self.die("before mark_purging")
        super().mark_purging(item_id, at, reason)
        self.die("after mark_purging")

    def mark_purged(self, item_id: str, at: datetime, reason: str, evidence: str) -> None:
        super().mark_purged(item_id, at, reason, evidence)
        self.die("after mark_purged")


class DoomedFiles:
    def __init__(self, place: Place, rows: Doomed) -> None:
        self.place, self.rows = place, rows

    def __getattr__(self, name: str) -> object:
        return getattr(self.place.vault, name)

    def shred(self, recording_id: str) -> ShredEvidence:
        evidence = ShredEvidence(found=False)
        for step in shred.steps(self.place.folder / "recordings", recording_id):
            if isinstance(step, ShredEvidence):
                evidence = step
            else:
                self.rows.die(step)
        self.rows.die("shredded")
        return evidence


def killed_at(folder: Path, step: str) -> None:
    child = os.fork()
    if child == 0:
        try:
            place = Place(folder)
            rows = Doomed(place, step)
            Purger(rows, DoomedFiles(place, rows), 100, 1).run(DUE, dry_run=False)  # type: ignore[arg-type]
        finally:
            os._exit(77)  # came through alive: the step was never reached
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"{step} was not reached"


@pytest.mark.parametrize("step", IN_REGISTRY + IN_STORE)
def test_killed_and_started_again(tmp_path: Path, step: str) -> None:
    place = Place(tmp_path)
    ids = sorted(place.record() for _ in range(2))
    place.registry.close()  # no connection is carried over the fork
    killed_at(tmp_path, step)

    place = Place(tmp_path)
    for recording in ids:
        state, traces = place.state(recording), place.traces(recording)
        assert not (state == "purged" and traces), "a row says purged and the file is there"
        assert traces or state in ("purging", "purged"), f"the file is gone and the row says {state}"
    assert place.registry.verify_audit().ok
    report = place.purger().run(DUE, dry_run=False)
    assert report.clean, report
    assert [(place.state(r), place.traces(r)) for r in ids] == [("purged", [])] * 2
    assert place.registry.verify_audit().ok
    for recording in ids:
        call = place.registry.call(recording)
        assert call is not None and call.customer_hash is None and call.customer_sealed is None
        history = [e.action for e in reversed(place.registry.audit_entries(None, subject=recording))]
        assert history.count("recording.purging") == history.count("recording.purged") == 1
    place.registry.close()


def test_killed_again_and_again(tmp_path: Path) -> None:
    place = Place(tmp_path)
    recording = place.record()
    place.registry.close()
    for step in ("after mark_purging", "move", "label", "burn", "empty", "unlink"):
        killed_at(tmp_path, step)
    place = Place(tmp_path)
    assert place.state(recording) == "purging"
    assert place.purger().run(DUE, dry_run=False).finished == (recording,)
    assert place.state(recording) == "purged" and place.traces(recording) == []
    place.registry.close()
