"""A recorder that was retold a call by its channel's memory stands where the old one stood; without consent it keeps nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.recorder import Recorder
from asterisk_privacy.call.situation import Consent, Gate, Hush
from asterisk_privacy.daemon.remembered import Memory
from asterisk_privacy.daemon.taking_up import retold
from asterisk_privacy.policy.purpose import Basis, Period, Profile, Purpose, Quota, Trigger
from asterisk_privacy.policy.retention import Days


def purpose(name: str, trigger: Trigger, **more: object) -> Purpose:
    return Purpose(name, name, Basis.LEGITIMATE_INTEREST, "why", trigger, Days(30), **more)  # type: ignore[arg-type]


PROOF, COMPLAINT = purpose("proof", Trigger.ALWAYS), purpose("complaint", Trigger.FLAG)
QUALITY = purpose("quality", Trigger.FLAG, agree_key="1")
TRAINING = purpose("training", Trigger.SAMPLE, quota=Quota(3, Period.MONTH))


def taken_up(
    purposes: Sequence[Purpose], consent: str, refuse_key: str | None = "3", **memory: object
) -> tuple[Recorder, list[cmd.Command]]:
    profile = Profile("sales", "Sales", "en", "notice", tuple(purposes), refuse_key)
    remembered = Memory("c" * 32, ("sales",), **{"lots": {}, **memory})  # type: ignore[arg-type]
    recorder = Recorder(profile, remembered.drawn, 0.0)
    recorder.wishes.take_over(remembered.agreed, remembered.limit)
    done: list[cmd.Command] = []
    events = [ev.LinkLost(60.0), *retold(profile, remembered, consent, 60.0), ev.LinkRestored(60.0)]
    for event in (*events, ev.Surroundings(60.0, frozenset({"agent"})), ev.Tick(60.1)):
        done += recorder.receive(event)
    return recorder, done


def files(done: list[cmd.Command]) -> list[tuple[str, ...]]:
    return [c.purposes for c in done if isinstance(c, cmd.StartFile)]


def test_a_call_that_heard_the_notice_goes_on() -> None:
    recorder, done = taken_up([PROOF], "notice")
    assert recorder.gate is Gate.OPEN and files(done) == [("proof",)]


@pytest.mark.parametrize("consent", ["none", "", "refused", "anything"])
def test_without_consent_no_recording(consent: str) -> None:
    recorder, done = taken_up([PROOF, COMPLAINT], consent, flagged=frozenset({"complaint"}), lots={"proof": True})
    assert recorder.gate is Gate.SHUT and files(done) == []
    assert (recorder.situation.consent is Consent.REFUSED) is (consent == "refused")
    for event in (ev.KeyPressed(61.0, ev.AgentKey.KEEP, "a"), ev.Tick(62.0)):
        done += recorder.receive(event)
    assert files(done) == []


def test_a_refusal_on_another_line_wipes_also_where_the_first_has_no_key_for_it() -> None:
    recorder, done = taken_up([PROOF, COMPLAINT], "refused", None)
    assert recorder.gate is Gate.SHUT and recorder.situation.consent is Consent.REFUSED
    assert any(isinstance(c, cmd.Wipe) for c in done)
    for key in (ev.AgentKey.RESUME, ev.AgentKey.KEEP):
        done += recorder.receive(ev.KeyPressed(61.0, key, "a"))
    assert recorder.gate is Gate.SHUT and files(done) == []


def test_agreed_keys_count() -> None:
    assert taken_up([QUALITY], "notice")[0].gate is Gate.SHUT
    recorder, _ = taken_up([QUALITY], "agreed:1")
    assert recorder.gate is Gate.OPEN


def test_what_the_agent_wanted_kept_is_kept_on() -> None:
    assert files(taken_up([COMPLAINT], "notice", flagged=frozenset({"complaint"}))[1]) == [("complaint",)]
    assert files(taken_up([COMPLAINT], "notice")[1]) == []


def test_what_another_customer_in_it_did_not_allow_is_not_kept_on() -> None:
    kept = frozenset({"complaint"})
    recorder, done = taken_up([PROOF, COMPLAINT], "notice", flagged=kept, limit=frozenset({"proof"}))
    assert files(done) == [("proof",)]
    assert recorder.receive(ev.KeyPressed(61.0, ev.AgentKey.KEEP, "")) == ()
    assert files(taken_up([PROOF, COMPLAINT], "notice", limit=frozenset())[1]) == []


def test_a_key_that_is_retold_means_the_purposes_that_it_meant() -> None:
    """Another line, or another policy, has others by now."""
    order = purpose("order", Trigger.FLAG)
    assert files(taken_up([COMPLAINT, order], "notice", flagged=frozenset({"complaint"}))[1]) == [("complaint",)]
    recorder, done = taken_up([PROOF, TRAINING], "notice", objected=frozenset({"proof"}))
    assert files(done) == [] and recorder.wishes.told() == {"training"}


@pytest.mark.parametrize("hush", [Hush.PAUSED, Hush.OFF_RECORD])
def test_hushed_stays_hushed(hush: Hush) -> None:
    recorder, done = taken_up([PROOF], "notice", hush=hush)
    assert recorder.gate is Gate.SHUT and recorder.situation.hush is hush
    done += recorder.receive(ev.KeyPressed(61.0, ev.AgentKey.RESUME, "a"))
    assert recorder.gate is Gate.OPEN


@pytest.mark.parametrize(("lots", "wanted"), [({"training": True}, [("training",)]), ({"training": False}, [])])
def test_a_lot_is_not_drawn_twice(lots: dict[str, bool], wanted: list[tuple[str, ...]]) -> None:
    _recorder, done = taken_up([TRAINING], "notice", lots=lots)
    assert not any(isinstance(c, cmd.Draw) for c in done) and files(done) == wanted
    assert any(isinstance(c, cmd.Draw) for c in taken_up([TRAINING], "notice")[1])


def test_an_objection_holds() -> None:
    recorder, done = taken_up([TRAINING, COMPLAINT], "notice", lots={"training": True}, objected=frozenset({"training"}))
    assert recorder.gate is Gate.OPEN and ("training",) not in files(done)[1:]
    assert recorder.receive(ev.KeyPressed(61.0, ev.AgentKey.OBJECT, "")) == ()


def test_a_notice_that_plays_now_tells_itself() -> None:
    recorder, _ = taken_up([PROOF], "none")
    recorder.receive(ev.NoticeEnded(62.0, True))
    assert recorder.gate is Gate.OPEN
