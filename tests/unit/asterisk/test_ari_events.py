"""ARI's JSON: what a real Asterisk 22.10.1 sent (samples/) becomes typed events; anything else becomes events too, never an exception."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk import ari_snapshots as snap
from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.clock import stamp_seconds
from asterisk_privacy.call import pbx

SAMPLES = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "samples").glob("*.json"))}
AT = 1234.5
CUSTOMER, AGENT = "1700000000.0", "1700000000.1"
NOTICE = "5f0e8d3c9a7b6124"
NAMES = {CUSTOMER: "PJSIP/customer-00000000", AGENT: "PJSIP/agent-00000001"}


def parsed(text: str | bytes) -> tuple[ae.AriEvent, ...]:
    return ae.parse(text, lambda _stamp: AT)


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SAMPLES[name])
    return loaded


def field(name: str, *path: str) -> Any:
    value: Any = sample(name)
    for key in path:
        value = value[key]
    return value


def channel_of(name: str) -> str:
    return str(field(name, "channel", "id"))


def seen(name: str) -> pbx.ChannelSeen:
    channel = field(name, "channel")
    return pbx.ChannelSeen(AT, channel["id"], channel["name"], channel["state"] == "Up")


EXPECTED: dict[str, tuple[ae.AriEvent, ...]] = {
    "ApplicationReplaced": (ae.Replaced(),),
    "BridgeCreated": (pbx.BridgeSeen(AT, field("BridgeCreated", "bridge", "id"), True),),
    "BridgeDestroyed": (pbx.BridgeGone(AT, field("BridgeDestroyed", "bridge", "id")),),
    "ChannelCreated": (seen("ChannelCreated"),),
    "ChannelStateChange-Ringing": (seen("ChannelStateChange-Ringing"),),
    "ChannelStateChange-Up": (seen("ChannelStateChange-Up"),),
    "ChannelDestroyed": (pbx.ChannelGone(AT, channel_of("ChannelDestroyed")),),
    "ChannelHangupRequest": (pbx.ChannelGone(AT, channel_of("ChannelHangupRequest")),),
    "ChannelDialplan": (snap.Step(CUSTOMER, "from-outside", "Gosub", "privacy-start,s,1(support)", "customer"),),
    "ChannelEnteredBridge": (
        seen("ChannelEnteredBridge"),
        pbx.BridgeSeen(AT, field("ChannelEnteredBridge", "bridge", "id"), True),
        pbx.Entered(AT, field("ChannelEnteredBridge", "bridge", "id"), channel_of("ChannelEnteredBridge")),
    ),
    "ChannelLeftBridge": (pbx.Left(AT, field("ChannelLeftBridge", "bridge", "id"), channel_of("ChannelLeftBridge")),),
    "ChannelHold": (pbx.Held(AT, AGENT, by_feature=False),),
    "ChannelUnhold": (pbx.Unheld(AT, AGENT),),
    "ChannelUserevent-PrivacyKey": (ae.AgentPressed(AT, AGENT, NAMES[AGENT], "keep"),),
    "ChannelUserevent-PrivacyNotice-begin": (
        ae.NoticeStage(AT, CUSTOMER, field("ChannelUserevent-PrivacyNotice-begin", "userevent", "Call"), NOTICE, "begin", False),
    ),
    "ChannelUserevent-PrivacyNotice-end": (
        ae.NoticeStage(AT, CUSTOMER, field("ChannelUserevent-PrivacyNotice-end", "userevent", "Call"), NOTICE, "end", True),
    ),
    "PlaybackFinished": (ae.PlaybackDone(field("PlaybackFinished", "playback", "id")),),
    "StasisStart": (seen("StasisStart"), ae.StasisStarted(channel_of("StasisStart"))),
    "StasisEnd": (ae.StasisEnded(channel_of("StasisEnd")),),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_real_asterisk_sends(name: str) -> None:
    assert parsed(SAMPLES[name]) == EXPECTED.get(name, (ae.Ignored(),))


def test_the_samples_name_the_lab_only() -> None:
    assert seen("ChannelHold").name == NAMES[AGENT]
    assert all(name in EXPECTED or name.partition("-")[0] in {*ae._IGNORED, "ChannelVarset"} for name in SAMPLES)


def test_only_the_variable_that_names_a_recorder_is_news() -> None:
    message = sample("ChannelVarset") | {"variable": "PRIVACY_RECORDER", "value": "asterisk-privacy-2"}
    assert parsed(json.dumps(message)) == (ae.Forged(),), "the channel stands in nobody's context but the administrator's"
    message["channel"]["dialplan"]["context"] = "privacy-ask"
    assert parsed(json.dumps(message)) == (ae.Taken(message["channel"]["id"], "asterisk-privacy-2"),)
    for odd in ({"variable": 1}, {"value": 7}, {"channel": None}):
        assert parsed(json.dumps(message | odd)) == (ae.Ignored(),)


def test_every_handled_type_has_a_sample() -> None:
    assert {name.partition("-")[0] for name in SAMPLES} >= set(ae._HANDLERS)


def test_a_parking_bridge_is_no_conversation() -> None:
    message = sample("ChannelEnteredBridge")
    message["bridge"]["bridge_type"] = "holding"
    assert pbx.BridgeSeen(AT, message["bridge"]["id"], False) in parsed(json.dumps(message))


def test_a_bridge_of_another_ari_application_is_no_conversation() -> None:
    message = sample("ChannelEnteredBridge")
    message["bridge"]["bridge_class"] = "stasis"
    told = parsed(json.dumps(message))
    assert pbx.BridgeSeen(AT, message["bridge"]["id"], False) in told
    assert told[-1] == ae.OutOfSight(AT, message["channel"]["id"])
    (read,) = snap.parse_bridges(json.dumps([message["bridge"]]).encode())
    assert not read.mixing


def test_a_feature_hold_is_told_from_a_phone_hold() -> None:
    message = sample("ChannelHold") | {"musicclass": "N/A"}
    assert parsed(json.dumps(message)) == (pbx.Held(AT, AGENT, by_feature=True),)


def said(context: str, exten: str = "s", **fields: str) -> tuple[ae.AriEvent, ...]:
    """A user event of the customer's channel, which stands there."""
    message = sample("ChannelUserevent-PrivacyNotice-begin")
    message["userevent"] = fields
    message["channel"]["dialplan"] |= {"context": context, "exten": exten}
    return parsed(json.dumps(message))


def test_choice_unavailable_and_foreign_user_events() -> None:
    chosen = said("privacy-key-choice", eventname="PrivacyChoice", Call="c", Notice="n", Key="3")
    assert chosen == (ae.NoticeKey(AT, CUSTOMER, "c", "n", "3"),)
    refused = said("privacy-key-choice", "refuse", eventname="PrivacyChoice", Call="c", Notice="n", Key="3")
    assert refused == (ae.NoticeKey(AT, CUSTOMER, "c", "n", "3", refuses=True),), "by where it was told, whatever the key"
    assert said("privacy-ask", eventname="PrivacyUnavailable", Why="TIMEOUT") == (ae.Unavailable(AT, "TIMEOUT"),)
    assert said("from-outside", eventname="SomebodyElse") == (ae.Ignored(),)


KEYS = ("keep", "pause", "resume", "off", "from", "to", "object", "keep-last", "object-last")


@pytest.mark.parametrize("cmd", KEYS)
def test_which_key_it_was_is_told_by_the_context(cmd: str) -> None:
    (event,) = said(f"privacy-key-{cmd}", eventname="PrivacyKey", Cmd="off", Linked="1.9", Endpoint="somebody")
    assert event == ae.AgentPressed(AT, CUSTOMER, NAMES[CUSTOMER], cmd)


def test_how_far_an_announcement_is_is_told_by_the_context() -> None:
    for context, stage in (("privacy-notice", "begin"), ("privacy-key-choice", "end")):
        (event,) = said(context, eventname="PrivacyNotice", Stage="anything", Heard="yes")
        assert isinstance(event, ae.NoticeStage) and event.stage == stage


OURS = ("PrivacyKey", "PrivacyNotice", "PrivacyChoice", "PrivacyUnavailable", "PrivacyAlive-0f", "PrivacyClock-0f")


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("context", ["from-outside", "from-agents", "privacy-keys-idle", "privacy-start", "privacy-tap", ""])
def test_a_callers_name_is_no_event(name: str, context: str) -> None:
    """An administrator's UserEvent(Incoming,Name: ${CALLERID(name)}) with x,eventname:PrivacyKey,Cmd:off,Linked:1.9."""
    assert said(context, eventname=name, Name="x", Cmd="off", Linked="1.9", Call="c", Stage="end", Heard="yes") == (ae.Forged(),)


def test_each_event_counts_from_its_own_contexts_only() -> None:
    contexts = {*names.CONTEXTS, "privacy-key-choice"}
    for name, own in {
        "PrivacyKey": {f"privacy-key-{cmd}" for cmd in KEYS},
        "PrivacyNotice": {"privacy-notice", "privacy-key-choice"},
        "PrivacyChoice": {"privacy-key-choice"},
        "PrivacyUnavailable": {"privacy-ask", "privacy-ask-one", "privacy-outbound"},
    }.items():
        assert {context for context in contexts if said(context, eventname=name) != (ae.Forged(),)} == own


@pytest.mark.parametrize("name", OURS)
def test_what_is_posted_over_ari_has_no_channel_and_what_the_dialplan_says_has(name: str) -> None:
    message = sample("ChannelUserevent-PrivacyNotice-begin") | {"userevent": {"eventname": name}, "channel": None}
    posted = name.startswith(("PrivacyAlive", "PrivacyClock"))
    (event,) = parsed(json.dumps(message))
    assert isinstance(event, ae.AliveAsked | ae.ClockTold) if posted else event == ae.Forged()


def test_an_announcement_that_was_not_heard() -> None:
    message = sample("ChannelUserevent-PrivacyNotice-end")
    for heard in ("no", "", "YES", "maybe"):
        message["userevent"]["Heard"] = heard
        (event,) = parsed(json.dumps(message))
        assert isinstance(event, ae.NoticeStage)
        assert not event.heard


@pytest.mark.parametrize("played", ["SUCCESS", "FAILED", "", None])
def test_whether_the_sounds_could_be_played(played: str | None) -> None:
    """None: an include that does not tell."""
    message = sample("ChannelUserevent-PrivacyNotice-end")
    if played is not None:
        message["userevent"]["Played"] = played
    (event,) = parsed(json.dumps(message))
    assert isinstance(event, ae.NoticeStage)
    assert event.played == played


def test_unknown_type() -> None:
    assert parsed('{"type": "ChannelTeleported"}') == (ae.Unknown("ChannelTeleported"),)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_truncated_anywhere_is_malformed(name: str) -> None:
    text = json.dumps(sample(name))
    for end in range(0, len(text), 7):
        assert isinstance(parsed(text[:end])[0], ae.Malformed)


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - {"ApplicationReplaced"}))
def test_without_what_it_is_about_it_is_malformed(name: str) -> None:
    message = {k: v for k, v in sample(name).items() if k not in ("channel", "bridge", "playback")}
    if message["type"] != "ChannelUserevent":
        assert isinstance(parsed(json.dumps(message))[0], ae.Malformed)


@pytest.mark.parametrize("wrong", [None, 5, [], {}, "x", {"id": 5, "name": "n", "state": "Up"}])
def test_wrong_types_are_malformed(wrong: object) -> None:
    assert isinstance(parsed(json.dumps(sample("ChannelHold") | {"channel": wrong}))[0], ae.Malformed)


def test_extra_fields_change_nothing() -> None:
    message = sample("ChannelHold") | {"surprise": {"deep": [1, 2, {"x": None}]}}
    message["channel"]["new_in_23"] = True
    assert parsed(json.dumps(message)) == EXPECTED["ChannelHold"]


@pytest.mark.parametrize("text", ["", "null", "[]", "5", '"x"', "{}", '{"type": 5}', b"\xff\xfe", '{"type": "\udc80"}', "[" * 200_000,
                                  '{"type": "x", "deep": ' + "[" * 200_000 + "]" * 200_000 + "}"])  # fmt: skip
def test_junk(text: str | bytes) -> None:
    assert isinstance(parsed(text)[0], ae.Malformed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KNOWN = st.sampled_from([json.loads(text) for text in SAMPLES.values()])
PATHS = st.lists(st.sampled_from(["type", "timestamp", "channel", "bridge", "playback", "userevent", "musicclass", "id", "name", "state",
                                  "dialplan", "channels", "bridge_type"]), min_size=1, max_size=2)  # fmt: skip


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_anything_in_events_out(text: str | bytes) -> None:
    out = ae.parse(text, lambda stamp: stamp_seconds(stamp) or AT)
    assert isinstance(out, tuple)
    assert out


@given(KNOWN, PATHS, JSON)
def test_a_real_event_with_anything_in_one_place(message: dict[str, Any], path: list[str], value: object) -> None:
    changed: dict[str, Any] = json.loads(json.dumps(message))
    inner: Any = changed
    for key in path[:-1]:
        inner = inner.get(key) if isinstance(inner, dict) else None
    if isinstance(inner, dict):
        inner[path[-1]] = value
    out = ae.parse(json.dumps(changed), lambda stamp: stamp_seconds(stamp) or AT)
    assert isinstance(out, tuple)
    assert out


@given(st.text())
def test_any_timestamp_is_a_time_or_none(text: str) -> None:
    value = stamp_seconds(text)
    assert value is None or isinstance(value, float)
