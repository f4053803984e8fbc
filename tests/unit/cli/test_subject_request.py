"""The clock of a request: opened, extended once and in time, closed; who asked is forgotten then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from subject_samples import ANNA, BEN, CHECK, House

from asterisk_privacy.cli.purge import purge
from asterisk_privacy.cli.subject import subject
from asterisk_privacy.rights.deadline import due, extended

TODAY = date.today()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.registry.close()


def opened(house: House, received: date, *who: str, kind: str = "access") -> int:
    who = who or ("--number", ANNA)
    row = house.json(subject, "request", "open", "--kind", kind, "--received", received.isoformat(), *who)
    assert row["due"] == due(received).isoformat()
    return int(row["id"])


def test_from_open_to_close(house: House) -> None:
    number = opened(house, TODAY)
    row = house.registry.request(number)
    assert row is not None and row.subject is not None and len(row.subject) == 64 and "12345678" not in str(row)
    told = house.json(subject, "request", "extend", str(number), "--reason", "many voices of others")
    assert told["due"] == extended(due(TODAY)).isoformat() and told["extended"] is True
    assert "answer by" in house.run(subject, "request", "list").stdout
    assert house.json(subject, "request", "close", str(number), "--outcome", "granted")["state"] == "closed"
    assert house.json(subject, "request", "list") == []
    assert [r["outcome"] for r in house.json(subject, "request", "list", "--all")] == ["granted"]
    row = house.registry.request(number)
    assert row is not None and row.subject is None
    assert "No request is open" in house.run(subject, "request", "list").stdout


def test_the_purger_waits_for_the_answer(house: House) -> None:
    """Asked for on one day, deleted on the next: the copy would be empty."""
    kept, other = house.call(ANNA, days_ago=401), house.call(BEN, days_ago=401)
    number = opened(house, TODAY)
    told = house.json(purge, "--dry-run", "--explain", code=1)
    assert {(item["id"], item["delete"]) for item in told["items"]} == {(kept, False), (other, True)}
    why = next(item["reason"] for item in told["items"] if item["id"] == kept)
    assert f"request {number} of a person concerns it" in why and f"{due(TODAY)}" in why and kept not in told["overdue"]
    assert house.json(purge)["deleted"] == [other] and house.vault.has(kept)
    refused = house.run(subject, "erase", "--recording", kept, *CHECK)
    assert refused.exit_code == 1 and "an open request for access" in refused.stdout and house.vault.has(kept)
    assert [row["id"] for row in house.json(subject, "find", "--number", ANNA)] == [kept]
    house.json(subject, "request", "close", str(number), "--outcome", "granted")
    assert house.json(purge)["deleted"] == [kept]


def test_a_request_that_was_not_answered_in_time_blocks_no_longer(house: House) -> None:
    kept = house.call(ANNA, days_ago=401)
    opened(house, TODAY - timedelta(days=70))
    assert house.json(purge)["deleted"] == [kept]


def test_an_empty_copy_is_no_answer(house: House) -> None:
    number, output = opened(house, TODAY), house.folder / "copy.zip"
    words = ("export", "--number", ANNA, "--identity", house.identity_file, "--output", str(output), "--request", str(number))
    empty = house.run(subject, *words)
    assert empty.exit_code == 1 and f"request {number}: nothing is kept of this person" in empty.stderr and not output.exists()
    assert house.json(subject, *words, code=1)["recordings"] == []
    assert house.actions(f"request {number}")[-1] == "subject.export-empty"
    house.call(ANNA)
    assert house.run(subject, *words).exit_code == 0 and output.exists()


def test_an_employee_may_ask_too(house: House) -> None:
    number = opened(house, TODAY, "--agent", "PJSIP/anna", kind="objection")
    row = house.registry.request(number)
    assert row is not None and row.subject == "PJSIP/anna" and row.about == "agent"


def test_an_overdue_request_is_told(house: House) -> None:
    late = opened(house, TODAY - timedelta(days=70))
    soon = opened(house, TODAY - timedelta(days=25))
    fresh = opened(house, TODAY)
    rows = house.json(subject, "request", "list", code=1)
    assert [(r["id"], r["state"]) for r in rows] == [(late, "overdue"), (soon, "due soon"), (fresh, "open")]
    too_late = house.run(subject, "request", "extend", str(late), "--reason", "busy")
    assert too_late.exit_code == 3 and "only within the first month" in too_late.stderr


def test_what_does_not_fit(house: House) -> None:
    number = opened(house, TODAY)
    house.json(subject, "request", "extend", str(number), "--reason", "many")
    second = house.run(subject, "request", "extend", str(number), "--reason", "more")
    assert second.exit_code == 3 and "once is all" in second.stderr
    house.json(subject, "request", "close", str(number), "--outcome", "refused, art. 12(5)")
    for words in (("extend", str(number), "--reason", "x"), ("close", str(number), "--outcome", "x")):
        result = house.run(subject, "request", *words)
        assert result.exit_code == 3 and "was closed on" in result.stderr
        unknown = house.run(subject, "request", words[0], "99", *words[2:])
        assert unknown.exit_code == 3 and "request 99: does not exist" in unknown.stderr
    usage = [
        ("--received", (TODAY + timedelta(days=1)).isoformat(), "--number", ANNA),
        ("--received", "5 March", "--number", ANNA),
        ("--received", TODAY.isoformat()),
        ("--received", TODAY.isoformat(), "--number", "unknown"),
        ("--received", TODAY.isoformat(), "--number", ANNA, "--identity-check", "called 06 12345678 back"),
    ]
    for bad in usage:
        assert house.run(subject, "request", "open", "--kind", "access", *bad).exit_code == 2, bad
    assert house.run(subject, "request", "extend", "x", "--reason", "y").exit_code == 2
    assert house.run(subject, "request", "close", str(number), "--outcome", " ").exit_code == 2
