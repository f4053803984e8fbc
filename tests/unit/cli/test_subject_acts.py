"""Erase, restrict, object: done as the purger does it, or refused with the law's reason; each answer in the trail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_samples import NOW, Days
from subject_samples import ANNA, BEN, CHECK, COMPLAINT, ORDER, TAX, TRAINING, House

from asterisk_privacy.cli.purge import purge
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.cli.subject import subject
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.registry.rows import State, WrongState


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.registry.close()


def state(house: House, recording: str) -> State:
    row = house.registry.recording(recording)
    assert row is not None
    return row.state


def purposes(house: House, recording: str) -> list[str]:
    row = house.registry.recording(recording)
    assert row is not None
    return [p.name for p in row.purposes]


def test_erased_with_evidence(house: House) -> None:
    mine, more, other = house.call(ANNA, days_ago=3), house.call(ANNA, ORDER), house.call(BEN)
    answers = house.json(subject, "erase", "--number", "06-12345678", *CHECK)
    assert [(a["id"], a["outcome"]) for a in answers] == [(mine, "done"), (more, "done")]
    for gone in (mine, more):
        row = house.registry.recording(gone)
        assert row is not None and row.state is State.PURGED and json.loads(row.evidence or "")["found"] is True
        assert "request of 2026-03-05" in row.state_reason and not house.vault.has(gone)
        call = house.registry.call(gone)
        assert call is not None and call.customer_hash is None
        assert house.actions(gone)[-4:] == ["subject.erase", "recording.purging", "recording.purged", "call.forget-customer"]
    assert state(house, other) is State.SEALED and house.vault.has(other)
    (told,) = [e for e in house.registry.audit_entries(None, subject=mine) if e.action == "subject.erase"]
    assert told.detail["identity_check"] == CHECK[3] and "art. 17(1)" in told.detail["answer"]
    again = house.run(subject, "erase", "--number", ANNA, *CHECK)
    assert again.exit_code == 3 and "no recording is kept under this number" in again.stderr


def test_what_the_law_demands_is_kept_for_that_only(house: House) -> None:
    both, only = house.call(ANNA, TAX, TRAINING, days_ago=3), house.call(ANNA, TAX)
    answers = house.json(subject, "erase", "--number", ANNA, *CHECK, code=1)
    assert [a["outcome"] for a in answers] == ["done", "refused"] and all("art. 17(3)(b)" in a["answer"] for a in answers)
    assert purposes(house, both) == ["tax"] == purposes(house, only)
    assert state(house, both) is State.SEALED is state(house, only)
    assert "subject.erase-refused" in house.actions(only)


def test_a_hold_and_a_claim_stand_in_the_way(house: House) -> None:
    held, claimed, free = house.call(ANNA), house.call(ANNA), house.call(ANNA)
    hold = house.registry.place_hold(recording_id=held, case=None, at=NOW, by="cli:kim", reason="court", listeners=())
    (answer,) = house.json(subject, "erase", "--recording", held, *CHECK, code=1)
    assert answer["outcome"] == "refused" and "legal hold" in answer["answer"] and state(house, held) is State.SEALED
    (answer,) = house.json(subject, "erase", "--recording", claimed, *CHECK, "--legal-claim", "summons of 2026-02-01", code=1)
    assert "art. 17(3)(e)" in answer["answer"] and state(house, claimed) is State.SEALED
    (entry,) = [e for e in house.registry.audit_entries(None, subject=claimed) if e.action == "subject.erase-refused"]
    assert entry.detail["legal_claim"] == "summons of 2026-02-01"
    answers = house.json(subject, "erase", "--number", ANNA, *CHECK, "--language", "nl", code=1)  # the rest goes on
    assert {a["id"]: a["outcome"] for a in answers} == {held: "refused", claimed: "done", free: "done"} and "Geweigerd" in str(answers)
    house.registry.release_hold(hold.id, NOW, "cli:kim", "settled")
    assert house.json(subject, "erase", "--recording", held, *CHECK)[0]["outcome"] == "done"


def test_a_crash_between_row_and_file_is_finished_by_the_purger(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = house.call(ANNA)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("asterisk_privacy.store.vault.Vault.shred", killed)
        house.run(subject, "erase", "--recording", recording, *CHECK)
    assert state(house, recording) is State.PURGING
    assert house.json(purge)["finished"] == [recording] and state(house, recording) is State.PURGED


def test_not_beside_a_purger_and_one_failure_does_not_stop_the_rest(house: House) -> None:
    busy, free = house.call(ANNA), house.call(ANNA)
    with house.registry.only_one():
        answers = house.json(subject, "erase", "--number", ANNA, *CHECK, code=1)
    assert [a["outcome"] for a in answers] == ["failed", "failed"] and state(house, busy) is State.SEALED
    assert house.actions(busy)[-2:] == ["subject.erase", "subject.erase-failed"]
    house.vault.path(busy).rename(house.folder / "elsewhere")  # its file is gone: evidence says so, and the other is erased
    assert [a["outcome"] for a in house.json(subject, "erase", "--number", ANNA, *CHECK)] == ["done", "done"]
    assert state(house, free) is State.PURGED


def test_what_is_excepted_is_heard(house: House) -> None:
    recording = house.call(ANNA, COMPLAINT, TRAINING)
    house.json(subject, "restrict", "--recording", recording, "--except-for", "complaint", *CHECK)
    for purpose, code in (("training", 3), ("complaint", 0)):
        output = str(house.folder / f"{purpose}.flac")
        export = ("export", recording, "--identity", house.identity_file, "--output", output, "--purpose", purpose, "--reason", "x")
        assert house.run(recordings, *export).exit_code == code
    assert [h["what"] for h in house.json(recordings, "show", recording)["listened"]] == ["refused", "copy made"]


def test_restricted_is_only_stored(house: House) -> None:
    expired = Purpose("complaint", "handling your complaint", COMPLAINT.basis, "disputes", COMPLAINT.trigger, Days(10))
    recording = house.call(ANNA, expired, TRAINING, days_ago=500)
    (answer,) = house.json(subject, "restrict", "--recording", recording, "--except-for", "complaint", *CHECK)
    assert "art. 18" in answer["answer"]
    report = house.json(purge, "--explain")
    assert report["deleted"] == [] == report["overdue"] and "restricted since" in report["items"][0]["reason"]
    with pytest.raises(WrongState, match="is restricted"):
        house.registry.mark_purging(recording, NOW, "due")
    for purpose in ("training", "complaint"):
        output = str(house.folder / f"{purpose}.flac")
        export = ("export", recording, "--identity", house.identity_file, "--output", output, "--purpose", purpose, "--reason", "x")
        assert house.run(recordings, *export).exit_code == 3  # the one that is excepted has ended
    assert [h["what"] for h in house.json(recordings, "show", recording)["listened"]] == ["refused", "refused"]
    assert "except for complaint" in house.run(recordings, "show", recording).stdout
    twice = house.json(subject, "restrict", "--recording", recording, *CHECK, code=1)
    assert "restricted already" in twice[0]["answer"]
    assert house.json(subject, "restrict", "--number", ANNA, "--lift", *CHECK)[0]["outcome"] == "done"
    assert house.json(purge)["deleted"] == [recording]


def test_erasure_goes_before_a_restriction_of_the_same_person(house: House) -> None:
    recording = house.call(ANNA)
    house.json(subject, "restrict", "--recording", recording, *CHECK)
    house.json(subject, "erase", "--recording", recording, *CHECK)
    assert state(house, recording) is State.PURGED and "recording.lift-restriction" in house.actions(recording)


def test_objection_ends_one_purpose_and_erases_what_serves_no_other(house: House) -> None:
    both, only, neither = house.call(ANNA, COMPLAINT, TRAINING), house.call(ANNA, TRAINING), house.call(ANNA, ORDER)
    answers = house.json(subject, "object", "--number", ANNA, "--purpose", "training", *CHECK)
    assert {a["id"]: a["outcome"] for a in answers} == {both: "done", only: "done"}
    assert purposes(house, both) == ["complaint"] and state(house, only) is State.PURGED and state(house, neither) is State.SEALED
    assert "None of this person's recordings" in house.run(subject, "object", "--number", ANNA, "--purpose", "training", *CHECK).stdout


def test_objection_refused(house: House) -> None:
    order, claimed = house.call(ANNA, ORDER), house.call(ANNA, COMPLAINT)
    (answer,) = house.json(subject, "object", "--recording", order, "--purpose", "order", *CHECK, code=1)
    assert answer["outcome"] == "refused" and "no right to object" in answer["answer"]
    (answer,) = house.json(subject, "object", "--recording", claimed, "--purpose", "complaint", "--legal-claim", "summons", *CHECK, code=1)
    assert "art. 21(1)" in answer["answer"] and purposes(house, claimed) == ["complaint"]
    (answer,) = house.json(subject, "object", "--recording", claimed, "--purpose", "sales", *CHECK, code=1)
    assert answer["outcome"] == "failed" and "does not serve purpose 'sales'" in answer["answer"]


def test_objection_under_a_hold_waits_for_its_release(house: House) -> None:
    recording = house.call(ANNA, TRAINING)
    hold = house.registry.place_hold(recording_id=recording, case=None, at=NOW, by="cli:kim", reason="court", listeners=())
    (answer,) = house.json(subject, "object", "--recording", recording, "--purpose", "training", *CHECK)
    assert "once the hold is released" in answer["answer"] and purposes(house, recording) == []
    assert house.json(purge)["deleted"] == []
    house.registry.release_hold(hold.id, NOW, "cli:kim", "settled")
    assert house.json(purge)["deleted"] == [recording]


def test_bad_input(house: House) -> None:
    recording = house.call(ANNA)
    usage = [
        ("erase", *CHECK),
        ("erase", "--number", ANNA, "--recording", recording, *CHECK),
        ("erase", "--recording", recording, "--reason", " ", "--identity-check", "x"),
        ("erase", "--recording", recording, "--reason", "x"),
        ("erase", "--number", ANNA, "--reason", "asked by 06-12345678", "--identity-check", "x"),
        ("erase", "--recording", recording, "--request", "1", *CHECK),
        ("restrict", "--recording", recording, "--lift", "--except-for", "complaint", *CHECK),
    ]
    for words in usage:
        assert house.run(subject, *words).exit_code == 2, words
    assert house.run(subject, "erase", "--recording", "0" * 32, *CHECK).exit_code == 3
    assert house.run(subject, "erase", "--number", ANNA, "--request", "9", *CHECK).exit_code == 3
    wrong = house.json(subject, "restrict", "--recording", recording, "--except-for", "sales", *CHECK, code=1)
    assert "cannot be excepted" in wrong[0]["answer"]
    (not_restricted,) = house.json(subject, "restrict", "--recording", recording, "--lift", *CHECK, code=1)
    assert "is not restricted" in not_restricted["answer"]
    assert state(house, recording) is State.SEALED
