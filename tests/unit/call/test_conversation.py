"""Two recorders' view of one conversation: what each call's customer allows decides for all of them (the stories tell the rest)."""

from __future__ import annotations

import pytest

from asterisk_privacy.call.conversation import Conversation, Role, Standing, conversation, role_of
from asterisk_privacy.call.pbx import BridgeSeen, ChannelSeen, EndpointRead, endpoint_of
from asterisk_privacy.call.switchboard import Switchboard
from asterisk_privacy.call.timeline import SpanKind

NAMES = {"cora": "PJSIP/trunk-1", "bea": "PJSIP/trunk-2", "anna": "PJSIP/anna-3", "otto": "PJSIP/mobile-4"}
TOLD = Standing(1.0, frozenset({"proof"}))
LATER = Standing(2.0, frozenset({"proof", "complaint"}))


def room(*people: str) -> Switchboard:
    made = Switchboard()
    made.apply(EndpointRead(0.0, "PJSIP/anna", True))
    for one in people:
        made.apply(ChannelSeen(0.0, one, NAMES.get(one, one), True))
    made.apply(BridgeSeen(1.0, "room", True, frozenset(people)))
    return made


def test_one_conversation_has_one_recording() -> None:
    made, calls = room("cora", "bea", "anna"), {"cora": TOLD, "bea": LATER}
    first, other = (conversation(made, calls.get, who) for who in ("cora", "bea"))
    assert first == Conversation(frozenset({"bea", "anna"}), customers=frozenset({"bea"}), ceiling=frozenset({"proof", "complaint"}))
    assert other == Conversation(waiting=SpanKind.JOINED)


def test_it_is_for_what_every_customer_was_told_of() -> None:
    made = room("cora", "bea", "dora", "anna")
    calls = {"cora": Standing(0.0, frozenset("ab")), "bea": Standing(1.0, frozenset("bc")), "dora": Standing(2.0, frozenset("cd"))}
    assert conversation(made, calls.get, "cora").ceiling == frozenset("c")


@pytest.mark.parametrize(
    "bea", [None, Standing(2.0), Standing(2.0, frozenset({"proof"}), silenced=True), Standing(2.0, frozenset({"proof"}), tenant="b")]
)
def test_one_stranger_shuts_it_for_all(bea: Standing | None) -> None:
    found = conversation(room("cora", "bea", "anna"), {"cora": TOLD, "bea": bea}.get, "cora")
    assert (found.parties, found.waiting, found.strangers) == (frozenset(), SpanKind.STRANGER, frozenset({"bea"}))


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("PJSIP/anna-00000001", Role.AGENT), ("PJSIP/trunk-00000001", Role.OUTSIDER), ("DAHDI/i1/0612345678-1", Role.OUTSIDER),
        ("UnicastRTP/127.0.0.1:9-0x7f", Role.OUTSIDER), ("", Role.OUTSIDER), ("Local/anna@agents-00000001;1", Role.NOBODY),
        ("Snoop/1.2-00000001", Role.NOBODY), ("CBAnn/77-00000001;2", Role.NOBODY), ("Announcer/ARI-0001", Role.NOBODY),
    ],
)  # fmt: skip
def test_who_is_behind_a_channel(name: str, role: Role) -> None:
    made = room("cora", "anna")
    made.apply(ChannelSeen(2.0, "x", name, True))
    assert role_of(made, {"cora": TOLD}.get, "x", "cora") is role


def test_an_agents_refusal_is_one_for_everybody() -> None:
    made = room("cora", "anna")
    assert role_of(made, {"anna": Standing(1.0, silenced=True)}.get, "anna", "cora") is Role.REFUSED


def test_a_phone_that_takes_another_ones_call_is_its_own_owners() -> None:
    """A pick-up: the channel that rang at anna's is called by the name of the phone that took it."""
    made = room("cora", "anna")
    assert conversation(made, {"cora": TOLD}.get, "cora").parties == {"anna"}
    made.apply(ChannelSeen(3.0, "anna", "PJSIP/mobile-5", True))
    assert conversation(made, {"cora": TOLD}.get, "cora").waiting is SpanKind.STRANGER


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [("PJSIP/anna-0000002a", "PJSIP/anna"), ("PJSIP/a-b-0001", "PJSIP/a-b"), ("DAHDI/i1/06-12-7", "DAHDI/i1/06-12"), ("x", "x")],
)
def test_the_endpoint_of_a_channel(name: str, endpoint: str) -> None:
    assert endpoint_of(name) == endpoint
