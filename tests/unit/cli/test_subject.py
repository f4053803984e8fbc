"""Finding a person's recordings and making the copy of art. 15."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_samples import NOW
from click.testing import CliRunner
from subject_samples import ANNA, BEN, COMPLAINT, TRAINING, House

from asterisk_privacy.call.participants import Participant, PartyRole, Person
from asterisk_privacy.cli.common import actor
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.cli.subject import subject
from asterisk_privacy.registry.numbers import number_hash
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.seal_text import seal_text


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.registry.close()


@pytest.mark.parametrize("number", ["+31 6 12345678", "06-12345678", "0031612345678", "tel:+31-6-12345678"])
def test_find_in_any_notation(house: House, number: str) -> None:
    mine, other = house.call(ANNA), house.call(BEN)
    found = house.json(subject, "find", "--number", number)
    assert [row["id"] for row in found] == [mine] and other not in str(found)
    assert found[0]["purposes"] == [{"name": "complaint", "title": "handling your complaint", "basis": "legitimate-interest"}]


def test_find_in_a_period(house: House) -> None:
    old, new = house.call(ANNA, days_ago=40), house.call(ANNA, days_ago=2)
    day = f"{(NOW - timedelta(days=40)).astimezone():%Y-%m-%d}"
    of_anna = ("find", "--number", ANNA)
    assert [r["id"] for r in house.json(subject, *of_anna)] == [old, new]
    assert [r["id"] for r in house.json(subject, *of_anna, "--from", day, "--to", day)] == [old]  # both days included
    after = f"{(NOW - timedelta(days=39)).astimezone():%Y-%m-%d}"
    assert [r["id"] for r in house.json(subject, *of_anna, "--from", after)] == [new]
    reversed_ = house.run(subject, *of_anna, "--from", after, "--to", day)
    assert reversed_.exit_code == 2 and "turn them round" in reversed_.stderr
    for bad in ("yesterday", "2026-02-30", "0001-01-01"):
        assert house.run(subject, *of_anna, "--from", bad).exit_code in (0, 2)
    assert house.run(subject, *of_anna, "--to", "9999-12-30").exit_code in (0, 2)


def test_what_is_no_number(house: House) -> None:
    for number in ("anonymous", "", "06 12345678 / 020 1234567"):
        result = house.run(subject, "find", "--number", number)
        assert result.exit_code == 2 and "--number" in result.stderr
    assert house.run(subject, "find").exit_code == 2
    assert house.run(subject, "find", "--number", ANNA, "--agent", "PJSIP/anna").exit_code == 2
    assert "No recording" in house.run(subject, "find", "--number", BEN).stdout


def test_an_employee_sees_who_listened(house: House) -> None:
    mine, _other = house.call(BEN, TRAINING), house.call(BEN, agent="PJSIP/bob")
    output = str(house.folder / "call.flac")
    export = ("export", mine, "--identity", house.identity_file, "--output", output, "--purpose", "training", "--reason", "coaching")
    assert house.run(recordings, *export).exit_code == 0
    found = house.json(subject, "find", "--agent", "PJSIP/anna")
    assert [row["id"] for row in found] == [mine]
    (heard,) = found[0]["listened"]
    assert (heard["what"], heard["purpose"], heard["reason"]) == ("copy made", "training", "coaching") and heard["by"].startswith("cli:")
    assert "coaching" in house.run(subject, "find", "--agent", "PJSIP/anna").stdout
    assert house.json(recordings, "show", mine)["listened"] == [heard]
    assert "who listened" in house.run(recordings, "show", mine).stdout


def test_neither_registry_nor_trail_knows_the_number(house: House) -> None:
    recording = house.call(ANNA)
    house.json(subject, "request", "open", "--kind", "access", "--received", "2026-03-05", "--number", "06-12345678")
    assert house.run(subject, "find", "--number", "06 12345678").exit_code == 0
    assert copy(house, "--number", "06 12345678")
    assert house.actions("number") == [
        "request.open-by-root",
        "subject.find-by-root",
        "subject.find",
        "subject.export-by-root",
    ] and "recording.subject-copy" in house.actions(recording)
    written = house.everything_written()
    assert b"12345678" not in written and recording.encode() in written


def copy(house: House, *who: str, to: str = "copy.zip", code: int = 0) -> dict[str, bytes]:
    """The files of an export, by name."""
    output = house.folder / to
    result = house.run(subject, "export", *who, "--identity", house.identity_file, "--output", str(output))
    assert result.exit_code == code, result.output
    if not output.exists():
        return {}
    if to.endswith(".zip"):
        with zipfile.ZipFile(output) as archive:
            assert archive.testzip() is None and all(i.external_attr >> 16 & 0o777 == 0o600 for i in archive.infolist())
            return {name: archive.read(name) for name in archive.namelist()}
    assert stat.S_IMODE(output.stat().st_mode) == 0o700
    files = [path for path in output.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    return {str(path.relative_to(output)): path.read_bytes() for path in files}


def audio(files: dict[str, bytes]) -> list[np.ndarray]:
    return [soundfile.read(io.BytesIO(data), dtype="int16")[0] for name, data in sorted(files.items()) if name.endswith(".flac")]


@pytest.mark.parametrize("to", ["copy.zip", "copy"])
def test_the_copy_is_whole_and_says_so(house: House, to: str) -> None:
    first, second = house.call(ANNA, COMPLAINT, TRAINING, days_ago=9), house.call(ANNA)
    house.call(BEN)
    files = copy(house, "--number", ANNA, to=to)
    folders = sorted({name.split("/")[0] for name in files if "/" in name})
    assert len(folders) == 2 and first not in str(folders)
    expected = {f"{f}/{n}" for f in folders for n in ("audio.flac", "timeline.json", "timeline.txt", "transcript.txt")}
    assert set(files) == expected | {"facts.json", "facts.txt", "manifest.json", "SHA256SUMS"}
    listed = {entry["name"]: entry["sha256"] for entry in json.loads(files["manifest.json"])["files"]}
    assert set(listed) == set(files) - {"manifest.json", "SHA256SUMS"}
    assert all(hashlib.sha256(files[name]).hexdigest() == digest for name, digest in listed.items())
    sums = dict(reversed(line.split("  ")) for line in files["SHA256SUMS"].decode().splitlines())
    assert sums == listed | {"manifest.json": hashlib.sha256(files["manifest.json"]).hexdigest()}
    for samples in audio(files):
        assert np.array_equal(samples[:, 0], np.arange(8000)) and np.array_equal(samples[:, 1], -np.arange(8000))
    facts = json.loads(files["facts.json"])
    assert [r["id"] for r in facts["recordings"]] == [first, second] and facts["automated_decisions"] is False
    assert facts["recordings"][0]["number"] == ANNA and len(facts["recordings"][0]["purposes"]) == 2
    assert facts["recordings"][0]["listened"] == []  # this copy is no listening
    assert json.loads(files[f"{folders[0]}/timeline.json"])["spans"][2] == {
        **{"kind": "hold", "start_ms": 40_000, "end_ms": 41_000, "in_audio": False},
    }
    assert files[f"{folders[0]}/transcript.txt"].startswith(b"No transcript")


@pytest.mark.parametrize(("who", "own"), [(("--number", ANNA), 0), (("--agent", "PJSIP/anna"), 1)])
def test_the_other_party_is_silent_where_asked(house: House, who: tuple[str, ...], own: int) -> None:
    house.call(ANNA)
    files = copy(house, *who, "--mask-other")
    (samples,) = audio(files)
    assert samples[:, own].any() and not samples[:, 1 - own].any()
    assert "silenced" in files[next(name for name in files if name.endswith("timeline.txt"))].decode()
    assert json.loads(files["facts.json"])["recordings"][0]["number"] == (ANNA if own == 0 else None)


@pytest.mark.parametrize(("language", "words"), [("nl", "Uw gegevens"), ("de", "Ihre Daten"), ("en", "Your data")])
def test_the_facts_in_the_persons_language(house: House, language: str, words: str) -> None:
    house.call(ANNA, TRAINING)
    text = copy(house, "--number", ANNA, "--language", language)["facts.txt"].decode()
    assert text.startswith(words) and "training our staff" in text and "{" not in text


def test_the_trail_comes_before_the_first_byte(house: House) -> None:
    recording = house.call(ANNA)
    (house.folder / "identity.txt").write_text(Identity.generate().secret + "\n")
    assert copy(house, "--number", ANNA, code=3) == {}
    assert house.actions(recording)[-2:] == ["recording.subject-copy", "recording.subject-copy-failed"]
    assert not (house.folder / "copy.zip").exists()
    assert copy(house, "--number", ANNA, to="copy", code=3) == {} and not (house.folder / "copy").exists()
    assert copy(house, "--number", ANNA, to="nowhere/copy.zip", code=3) == {}


@pytest.mark.parametrize("to", ["copy.zip", "copy"])
def test_nothing_is_overwritten(house: House, to: str) -> None:
    recording = house.call(ANNA)
    (house.folder / to).write_text("mine")
    house.run(subject, "export", "--number", ANNA, "--identity", house.identity_file, "--output", str(house.folder / to))
    assert (house.folder / to).read_text() == "mine" and "recording.subject-copy" not in house.actions(recording)


def test_the_copy_answers_a_request_of_the_same_person(house: House) -> None:
    recording = house.call(ANNA)
    opened = [
        house.json(subject, "request", "open", "--kind", kind, "--received", "2026-03-05", "--number", number)["id"]
        for kind, number in (("access", "06 12345678"), ("access", BEN), ("erasure", ANNA))
    ]
    assert copy(house, "--number", ANNA, "--request", str(opened[0]))
    trail = house.registry.audit_entries(None, subject=recording)
    assert trail[0].detail["reason"] == f"request {opened[0]}"
    for wrong in (opened[1], opened[2], 99):
        assert copy(house, "--number", ANNA, "--request", str(wrong), to=f"{wrong}.zip", code=3) == {}
    house.json(subject, "request", "close", str(opened[0]), "--outcome", "granted")
    assert copy(house, "--number", ANNA, "--request", str(opened[0]), to="late.zip", code=3) == {}


def test_under_a_legal_hold_only_the_named_make_the_copy(house: House) -> None:
    recording = house.call(ANNA)
    me = actor().removeprefix("cli:")
    hold = house.registry.place_hold(recording_id=recording, case=None, at=NOW, by="cli:kim", reason="court", listeners=("kim",))
    result = house.run(subject, "export", "--number", ANNA, "--identity", house.identity_file, "--output", str(house.folder / "no.zip"))
    assert result.exit_code == 3 and "only kim may listen" in result.stderr and not (house.folder / "no.zip").exists()
    assert house.json(subject, "find", "--number", ANNA)[0]["listened"][0]["what"] == "refused"
    house.registry.release_hold(hold.id, NOW, "cli:kim", "wrong names")
    house.registry.place_hold(recording_id=recording, case=None, at=NOW, by="cli:kim", reason="court", listeners=("kim", me))
    house.registry.restrict(recording, NOW, "accuracy contested")  # the person's own copy is what the person consents to
    facts = json.loads(copy(house, "--number", ANNA)["facts.json"])
    assert facts["recordings"][0]["legal_hold"] is True and facts["recordings"][0]["restricted_at"] is not None


def test_what_is_being_deleted_is_not_copied(house: House) -> None:
    going, kept = house.call(ANNA), house.call(ANNA)
    house.registry.mark_purging(going, NOW, "due")
    assert [r["id"] for r in json.loads(copy(house, "--number", ANNA)["facts.json"])["recordings"]] == [kept]
    house.registry.mark_purging(kept, NOW, "due")
    assert json.loads(copy(house, "--number", ANNA, to="none.zip")["facts.json"])["recordings"] == []  # an answer too


def test_the_person_is_told_what_the_purger_says(house: House) -> None:
    recording = house.call(ANNA, COMPLAINT, TRAINING)
    facts = json.loads(copy(house, "--number", ANNA)["facts.json"])["recordings"][0]
    shown = house.json(recordings, "show", recording)["reason"]
    assert "; ".join(f"{p['title']}: {p['as_things_stand']}" for p in facts["purposes"]) == shown


def test_help_of_every_command() -> None:
    for words in (
        ["find"],
        ["export"],
        ["erase"],
        ["restrict"],
        ["object"],
        *(["request", w] for w in ("open", "list", "extend", "close")),
    ):
        assert CliRunner().invoke(subject, [*words, "--help"]).exit_code == 0


PASSED_ON = [Participant.agent("PJSIP/anna", 0, 4_500), Participant.agent("PJSIP/bert", 4_500, 50_000)]


@pytest.mark.parametrize("asked", ["PJSIP/bert", "bert", "pjsip/Bert"])
def test_the_agent_to_whom_a_call_was_passed_on_is_found(house: House, asked: str) -> None:
    mine, _other = house.call(BEN, people=PASSED_ON), house.call(BEN)
    assert [row["id"] for row in house.json(subject, "find", "--agent", asked)] == [mine]
    number = house.json(subject, "request", "open", "--kind", "access", "--received", "2026-03-05", "--agent", asked)["id"]
    assert copy(house, "--agent", "PJSIP/bert", "--request", str(number))  # it is of the same person, however it was written


def test_a_copy_for_an_agent_has_no_other_agents_voice_where_asked(house: House) -> None:
    """The audio is one second of the call, from 4 s on; Bert had it from the middle of that."""
    house.call(BEN, people=PASSED_ON)
    (first,) = audio(copy(house, "--agent", "PJSIP/anna", "--mask-other"))
    (second,) = audio(copy(house, "--agent", "PJSIP/bert", "--mask-other", to="bert.zip"))
    (whole,) = audio(copy(house, "--agent", "PJSIP/bert", to="whole.zip"))
    for heard, mine in ((first, slice(0, 4000)), (second, slice(4000, 8000))):
        assert np.array_equal(heard[mine, 1], whole[mine, 1]) and not heard[:, 0].any()
    assert not first[4000:, 1].any() and not second[:4000, 1].any() and whole[:, 0].any()


def test_who_joined_a_call_is_found_and_told_of_no_other_number(house: House) -> None:
    """A customer beyond the first, under the number that the network sent of them."""
    sealed = seal_text(BEN, Recipients.load(house.folder / "recipients.txt"))
    joined = Participant(Person(PartyRole.CUSTOMER, None, number_hash(BEN, house.key, "31"), sealed), 4_500, 50_000)
    mine = house.call(ANNA, people=[*PASSED_ON, joined])
    for number in (ANNA, BEN):
        assert [row["id"] for row in house.json(subject, "find", "--number", number)] == [mine]
    files = copy(house, "--number", BEN, "--mask-other")
    assert json.loads(files["facts.json"])["recordings"][0]["number"] == BEN
    assert ANNA.encode() not in b"".join(data for name, data in files.items() if not name.endswith(".flac"))
    (heard,) = audio(files)
    assert not heard[:4000].any() and heard[4000:, 0].any() and not heard[:, 1].any()
    assert json.loads(copy(house, "--number", ANNA, to="anna.zip")["facts.json"])["recordings"][0]["number"] == ANNA


def test_everybody_who_spoke_is_told_with_the_time(house: House) -> None:
    mine = house.call(BEN, people=PASSED_ON)
    told = house.json(recordings, "show", mine)
    assert told["agent"] == "PJSIP/anna" and told["agents"] == [
        {"endpoint": "PJSIP/anna", "from_ms": 0, "to_ms": 4_500}, {"endpoint": "PJSIP/bert", "from_ms": 4_500, "to_ms": 50_000},
    ]  # fmt: skip
    assert "agents PJSIP/anna 0:00-0:04, PJSIP/bert 0:04-0:50" in house.run(recordings, "show", mine).stdout
    assert "PJSIP/bert" in house.run(recordings, "list").stdout


@pytest.mark.parametrize(
    ("country_code", "called_from", "asked"),
    [("34", "612345678", "+34 612 34 56 78"), ("36", "06201234567", "+36 20 123 4567"), ("45", "34412345", "0045 34 41 23 45")],
)
def test_a_caller_of_a_country_without_a_leading_0_is_found(house: House, country_code: str, called_from: str, asked: str) -> None:
    config = house.folder / "config.toml"
    config.write_text(config.read_text().replace('country_code = "31"', f'country_code = "{country_code}"'))
    recording = house.call(called_from, country_code=country_code)
    assert [row["id"] for row in house.json(subject, "find", "--number", asked)] == [recording]
    unreadable = house.run(subject, "find", "--number", "99 12345678")
    assert unreadable.exit_code == 2 and "no whole telephone number of country" in unreadable.stderr
