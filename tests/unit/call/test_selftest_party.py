"""A tone behind a Local channel is a party in the test call, and in no other."""

from __future__ import annotations

import pytest

from asterisk_privacy.call.conversation import Standing, conversation
from asterisk_privacy.call.pbx import BridgeSeen, ChannelSeen, EndpointRead, Held
from asterisk_privacy.call.switchboard import Switchboard

TEST_CUSTOMER, TEST_AGENT = "Local/customer@privacy-selftest-00000001", "Local/agent@privacy-selftest-00000002"


def board(customer: str, *others: str) -> Switchboard:
    """All in one mixing bridge, and the far halves of Local channels in none."""
    made = Switchboard()
    made.apply(EndpointRead(1.0, "PJSIP/anna", True))
    inside = {"c": customer, **{f"o{n}": name for n, name in enumerate(others)}}
    for channel, name in inside.items():
        made.apply(ChannelSeen(1.0, channel, name, True))
        if name.endswith(";1"):
            made.apply(ChannelSeen(1.0, f"{channel}-far", name[:-1] + "2", True))
    made.apply(BridgeSeen(2.0, "b", True, frozenset(inside)))
    return made


def parties(made: Switchboard) -> frozenset[str]:
    return conversation(made, {"c": Standing(1.0, frozenset({"selftest"}))}.get, "c").parties


def test_in_the_test_call_they_talk() -> None:
    assert parties(board(f"{TEST_CUSTOMER};1", f"{TEST_AGENT};1")) == {"o0"}


def test_a_hold_behind_the_test_agent_is_a_hold() -> None:
    made = board(f"{TEST_CUSTOMER};1", f"{TEST_AGENT};1")
    made.apply(Held(3.0, "o0-far"))
    assert parties(made) == frozenset()


@pytest.mark.parametrize("customer", ["PJSIP/trunk-00000001", "Local/100@from-trunk-00000001;1"])
def test_in_a_real_call_the_test_agent_is_nobody(customer: str) -> None:
    assert parties(board(customer, f"{TEST_AGENT};1")) == frozenset()


@pytest.mark.parametrize("other", ["PJSIP/anna-00000001", "Local/anna@agents-00000001;1"])
def test_in_the_test_call_nobody_else_is_a_party(other: str) -> None:
    assert parties(board(f"{TEST_CUSTOMER};1", other)) == frozenset()
