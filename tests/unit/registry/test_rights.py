"""Requests, restrictions, a person's recordings and who listened, in a real file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest
from registry_samples import PROOF, T0, TRAINING

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.due import NO_BORDERS
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import Protected, WrongState

RECEIVED, DUE, LATER = date(2026, 3, 5), date(2026, 4, 5), date(2026, 6, 5)


def opened(registry: Registry, due: date = DUE) -> int:
    return registry.open_request("access", "number", "the-hash", "called back", RECEIVED, due)


def test_a_request_from_its_opening_to_its_close(registry: Registry) -> None:
    later, number = opened(registry, LATER), opened(registry)
    row = registry.request(number)
    assert row is not None and (row.subject, row.received, row.due, row.identity_check) == ("the-hash", RECEIVED, DUE, "called back")
    assert [r.id for r in registry.requests()] == [number, later]  # the first due first
    registry.extend_request(number, LATER, "many recordings")
    registry.close_request(number, "granted")
    row = registry.request(number)
    assert row is not None and (row.due, row.outcome, row.extended_why, row.subject) == (LATER, "granted", "many recordings", None)
    assert [r.id for r in registry.requests(only_open=True)] == [later]
    trail = registry.audit_entries(subject=f"request {number}")
    assert [e.action for e in trail] == ["request.close", "request.extend", "request.open"]
    assert not any("the-hash" in str(e.detail) for e in trail) and registry.verify_audit().ok


def test_what_does_not_fit_a_request(registry: Registry) -> None:
    number = opened(registry)
    registry.extend_request(number, LATER, "many")
    with pytest.raises(WrongState, match=r"extended on .* already; once is all"):
        registry.extend_request(number, LATER + timedelta(days=60), "more")
    registry.close_request(number, "granted")
    for step in (lambda: registry.extend_request(number, LATER, "x"), lambda: registry.close_request(number, "x")):
        with pytest.raises(WrongState, match="was closed on"):
            step()
    with pytest.raises(WrongState, match="request 99: does not exist"):
        registry.close_request(99, "x")
    with pytest.raises(ValueError, match="complaint"):
        registry.open_request("complaint", "number", "h", "", RECEIVED, DUE)
    assert registry.request(99) is None


def test_what_a_request_concerns_is_not_deleted_before_its_last_day_is_over(registry: Registry, sealed: Callable[..., str]) -> None:
    """By any hash of the number, and by any agent of the call; the purger's candidates tell it too."""
    for name in ("r1", "r2", "r3"):
        sealed(name, f"call-{name}")
    numbers = {
        "r1": registry.open_request("access", "number", "of today", "", RECEIVED, DUE, ["of today", "hash-of-call-r1"]),
        "r2": registry.open_request("restriction", "number", "hash-of-call-r2", "", RECEIVED, DUE),
    }
    registry.open_request("erasure", "number", "hash-of-call-r3", "", RECEIVED, DUE)  # deleting is what they want
    last = datetime.combine(DUE, time(23, 59)).astimezone()
    for name, number in numbers.items():
        row = registry.recording(name)
        assert row is not None and [(one.id, one.due) for one in row.requests] == [(number, DUE)]
        for refused in (
            lambda name=name: registry.mark_purging(name, last, "due", unless_asked_for=True),
            lambda name=name: registry.deidentify(name, last, "customer-removed", "ab" * 32, 1, "cd" * 32, None),
        ):
            with pytest.raises(Protected, match=f"request {number} concerns it"):
                refused()
    borders = {one.number: NO_BORDERS for one in registry.promise_sets()}
    asked = {one.id: [request.id for request in one.own.requests] for one in registry.maybe_due(borders, with_agents=False)}
    assert asked == {"r1": [numbers["r1"]], "r2": [numbers["r2"]], "r3": []}
    registry.mark_purging("r1", last + timedelta(minutes=1), "due", unless_asked_for=True)  # the last day is over
    registry.close_request(numbers["r2"], "granted")
    registry.mark_purging("r2", last, "due", unless_asked_for=True)
    registry.mark_purging("r3", last, "due", unless_asked_for=True)
    registry.open_request("access", "agent", "pjsip/AGENT", "", RECEIVED, DUE)
    sealed("r4", "call-r4")
    with pytest.raises(Protected):
        registry.mark_purging("r4", last, "due", unless_asked_for=True)


def test_a_restriction(registry: Registry, sealed: Callable[..., str]) -> None:
    recording = sealed()
    registry.restrict(recording, T0, "accuracy contested", ["complaint", "complaint"])
    assert registry.restrictions()[recording].except_for == ("complaint",)
    with pytest.raises(WrongState, match="restricted already"):
        registry.restrict(recording, T0, "again")
    registry.lift_restriction(recording, T0, "settled, told on 2026-03-02")
    assert registry.restrictions() == {}
    with pytest.raises(WrongState, match="is not restricted"):
        registry.lift_restriction(recording, T0, "x")
    registry.restrict(recording, T0, "again")
    registry.lift_restriction(recording, T0, "x")
    registry.mark_purging(recording, T0, "due")
    with pytest.raises(WrongState, match="only a sealed recording"):
        registry.restrict(recording, T0, "too late")
    with pytest.raises(OperatorError, match="does not exist"):
        registry.restrict("nothing", T0, "x")


def test_recordings_of_a_person_in_a_period(registry: Registry, sealed: Callable[..., str]) -> None:
    sealed("r1", "c1"), sealed("r2", "c2"), sealed("r3", "c1", (PROOF,), 2)
    at = T0 + timedelta(seconds=5)
    mine = {"hashes": ["hash-of-c1", "other"]}
    assert [r.id for r in registry.recordings_of(**mine)] == ["r1", "r3"]
    assert [r.id for r in registry.recordings_of(**mine, since=at, until=at + timedelta(seconds=1))] == ["r1", "r3"]
    assert registry.recordings_of(**mine, until=at) == [] == registry.recordings_of(**mine, since=at + timedelta(milliseconds=1))
    assert registry.recordings_of(hashes=[]) == []
    assert [r.id for r in registry.recordings_of(agent="PJSIP/agent")] == ["r1", "r2", "r3"]
    assert registry.recordings_of(agent="PJSIP/age") == []
    registry.mark_purging("r1", at, "due")
    registry.mark_purged("r1", at, "due", "{}")
    assert [r.id for r in registry.recordings_of(**mine)] == ["r3"]


def test_who_listened(registry: Registry, sealed: Callable[..., str]) -> None:
    recording = sealed("r1", "c1", (TRAINING,))
    registry.audit("cli:kim", "recording.export", recording, {"purpose": "training", "reason": "coaching"})
    registry.audit("cli:bo", "recording.export-refused", recording, {"purpose": "marketing", "reason": "x"})
    registry.audit("cli:bo", "recording.export", "another", {"purpose": "training", "reason": "x"})
    registry.audit("cli:bo", "request.open", recording, {})
    assert [(row.by, row.what, row.purpose) for row in registry.listens(recording)] == [
        ("cli:kim", "copy made", "training"),
        ("cli:bo", "refused", "marketing"),
    ]
