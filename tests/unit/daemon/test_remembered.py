"""What a channel remembers of its call: read by the next daemon only, and telling nobody whether the call was drawn."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.recorder import Recorder
from asterisk_privacy.call.situation import Consent, Hush
from asterisk_privacy.daemon.remembered import (
    Memory,
    Reminders,
    after,
    among_others,
    as_told,
    at_begin,
    consent_words,
    joined,
    voices_after,
)
from asterisk_privacy.policy.purpose import Basis, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Days

TRAINING = Purpose("training", "training", Basis.LEGITIMATE_INTEREST, "why", Trigger.SAMPLE, Days(30), one_in=4)
PROFILE = Profile("sales", "Sales", "en", "notice", (TRAINING,), "3")
ASTERISKS_LINE = 2048  # AGI_BUF_LEN
ONE, OTHER = Reminders(bytes(32)), Reminders(bytes(31) + b"1")


def test_what_was_written_is_read_by_the_next_daemon() -> None:
    memory = Memory("c" * 32, ("sales", "complaints"), {"training": True}, hush=Hush.PAUSED, notice="5f0e")
    memory = replace(memory, voices=frozenset({"d" * 32, "e" * 32}), consent="agreed:1", heard_in=frozenset({"f" * 32}))
    memory = replace(
        memory,
        flagged=frozenset({"complaint"}),
        objected=frozenset({"training"}),
        newest="6a1f",
        newest_line="orders",
        told=frozenset({"5f0e8d3c", "6a1f0e8d"}),
    )
    for limit in (None, frozenset[str](), frozenset({"proof"})):
        memory = replace(memory, limit=limit)
        assert Reminders(bytes(32)).read("1.1", ONE.write("1.1", memory)) == memory


LIMIT, VOICES = b',"limit":null', b',"voices":[]'


@pytest.mark.parametrize(("gone", "limit"), [([LIMIT], None), ([LIMIT, VOICES], frozenset())])
def test_where_it_does_not_say_what_other_customers_allowed_they_allowed_nothing(gone: list[bytes], limit: frozenset[str] | None) -> None:
    """It is no limit only where it says that nobody else was in the call."""

    def read_without(memory: Memory) -> Memory | None:
        plain = ONE._fernet.decrypt(ONE.write("1.1", memory))
        for words in gone:
            plain = plain.replace(words, b"")
        return ONE.read("1.1", ONE._fernet.encrypt(plain).decode())

    alone, among = Memory("c" * 32, ("sales",), {}), Memory("c" * 32, ("sales",), {}, voices=frozenset({"d" * 32}))
    assert read_without(alone) == replace(alone, limit=limit)
    assert read_without(among) == replace(among, limit=frozenset())


@pytest.mark.parametrize("what", [b"flagged", b"objected"])
def test_a_memory_that_does_not_say_for_what_is_read_where_there_is_nothing_to_say(what: bytes) -> None:
    memory = Memory("c" * 32, ("sales",), {})
    plain = ONE._fernet.decrypt(ONE.write("1.1", memory))
    for said, read in ((b"false", memory), (b"true", None)):
        assert ONE.read("1.1", ONE._fernet.encrypt(plain.replace(b'"' + what + b'":[]', b'"' + what + b'":' + said)).decode()) == read


def test_what_a_recorder_of_the_release_before_wrote_is_read_too() -> None:
    memory = Memory("c" * 32, ("sales",), {})
    plain = ONE._fernet.decrypt(ONE.write("1.1", memory)).replace(b',"notice":""', b"")
    assert b"notice" not in plain and ONE.read("1.1", ONE._fernet.encrypt(plain).decode()) == memory


def test_on_another_channel_with_another_key_or_changed_it_is_nothing() -> None:
    value = ONE.write("1.1", Memory("c" * 32, ("sales",), {}))
    assert ONE.read("1.2", value) is None
    assert OTHER.read("1.1", value) is None
    assert ONE.read("1.1", value[:40] + ("A" if value[40] != "A" else "B") + value[41:]) is None
    for junk in ("", "x", "é", "A" * 400):
        assert ONE.read("1.1", junk) is None


def test_nobody_sees_whether_the_call_was_drawn() -> None:
    drawn, not_drawn = (ONE.write("1.1", at_begin("c" * 32, PROFILE, names)) for names in (frozenset({"training"}), frozenset[str]()))
    assert len(drawn) == len(not_drawn) < ASTERISKS_LINE
    for value in (drawn, not_drawn):
        assert b"training" not in base64.urlsafe_b64decode(value) and "sales" not in value
    for length in range(16):  # whatever the cipher's blocks round away
        values = {len(ONE.write("1" * length, at_begin("c" * 32, PROFILE, names))) for names in (frozenset({"training"}), frozenset[str]())}
        assert len(values) == 1
    # nor by when it is written: not when a file begins for a drawn purpose, and after a draw whatever the answer was
    memory = at_begin("c" * 32, PROFILE, frozenset({"training"}))
    recorder = Recorder(PROFILE, frozenset(), 0.0)
    assert after(memory, ev.Tick(1.0), [cmd.StartFile(("training",), 1)], recorder) == memory
    for taken in (frozenset({"quota"}), frozenset[str]()):
        assert after(memory, ev.Drawn(1.0, taken), [], recorder) != memory


def test_what_the_agent_did_is_remembered_and_what_was_wiped_is_not() -> None:
    memory, recorder = at_begin("c" * 32, PROFILE, frozenset()), Recorder(PROFILE, frozenset(), 0.0)
    kept = after(memory, ev.KeyPressed(1.0, ev.AgentKey.KEEP, "a"), [cmd.StartFile(("complaint",), 1)], recorder)
    assert kept.flagged == {"complaint"} and not memory.flagged
    pressed = ev.KeyPressed(2.0, ev.AgentKey.OFF_RECORD, "a")
    off = after(kept, pressed, recorder.receive(pressed), recorder)
    assert not off.flagged and off.hush is Hush.OFF_RECORD


def test_what_other_customers_allowed_holds_until_it_is_wiped_and_whether_the_call_is_kept_or_not() -> None:
    recorder, told = Recorder(PROFILE, frozenset(), 0.0), list[frozenset[str] | None]()
    memory = at_begin("c" * 32, PROFILE, frozenset())
    for at, ceiling in enumerate((None, {"proof", "training"}, {"proof", "complaint"}, None)):
        event = ev.Surroundings(float(at), frozenset({"anna"}), ceiling=frozenset(ceiling) if ceiling is not None else None)
        memory = among_others(memory, event, recorder.receive(event), recorder, ["b" * 32] if ceiling else [])
        told.append(memory.limit)
    assert told == [None, {"proof", "training"}, {"proof"}, {"proof"}] and memory.voices == {"b" * 32}
    wiped = among_others(memory, event, [cmd.Wipe("off the record")], recorder, [])
    assert wiped.limit is None and wiped.voices == frozenset()


def test_whose_voices_are_in_a_call_until_they_are_wiped() -> None:
    beside = {"bea": "b" * 32, "carl": "c" * 32}
    both = cmd.Open(1.0, frozenset({"anna", "bea"}), frozenset({"bea"}))
    assert voices_after(frozenset(), [both], beside) == {"b" * 32}
    assert voices_after(frozenset({"c" * 32}), [both], beside) == {"b" * 32, "c" * 32}
    assert voices_after(frozenset({"c" * 32}), [cmd.Wipe("off the record"), both], beside) == {"b" * 32}
    assert voices_after(frozenset({"c" * 32}), [cmd.Shut(1.0)], beside) == {"c" * 32}


def test_consent_in_the_words_of_the_dialplan() -> None:
    quality = replace(TRAINING, name="quality", agree_key="1")
    profile = replace(PROFILE, purposes=(TRAINING, quality))
    told = [consent_words(consent, profile, frozenset({"quality"})) for consent in (Consent.UNASKED, Consent.REFUSED, Consent.HEARD)]
    assert told == ["none", "refused", "agreed:1"] and consent_words(Consent.HEARD, profile, frozenset()) == "notice"


def test_of_each_line_that_was_heard_its_purposes_count_as_they_were() -> None:
    proof = replace(TRAINING, name="proof", trigger=Trigger.ALWAYS, one_in=None)
    orders = Profile("orders", "Orders", "en", "notice", (proof,), "3")
    memory = joined(at_begin("c" * 32, PROFILE, frozenset()), orders, frozenset())
    assert (as_told(PROFILE, memory), as_told(orders, memory)) == (PROFILE, orders)
    for other in (replace(proof, agree_key="1"), replace(proof, retention=Days(31)), replace(proof, name="other")):
        assert as_told(replace(orders, purposes=(other, proof)), memory) == orders
