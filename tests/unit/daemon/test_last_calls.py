"""The keys on the idle phone are about the call that this agent left last, whoever goes on with it, and about no other customer's."""

from __future__ import annotations

import pytest

from asterisk_privacy.call.pbx import BridgeSeen, ChannelGone, ChannelSeen, EndpointRead, Entered, Left, PbxEvent
from asterisk_privacy.call.switchboard import Switchboard
from asterisk_privacy.daemon.last_calls import LastCalls
from asterisk_privacy.daemon.other_recorders import OtherRecorders


class Office:
    """Anna and Ben are agents, everybody else is not."""

    def __init__(self) -> None:
        self.board = Switchboard()
        self.others = OtherRecorders("ours")
        self.calls = LastCalls(self.others)
        self.tell(*(EndpointRead(0.0, f"PJSIP/{name}", True) for name in ("anna", "ben")))

    def tell(self, *events: PbxEvent) -> None:
        for event in events:
            self.calls.follow(self.board, self.board.apply(event).touched, event.at)

    def talk(self, at: float, bridge: str, *channels: str) -> None:
        """A channel such as anna-1 is the first one of PJSIP/anna."""
        for channel in channels:
            self.tell(ChannelSeen(at, channel, f"PJSIP/{channel}", True))
        self.tell(BridgeSeen(at, bridge, True), *(Entered(at, bridge, channel) for channel in channels))

    def last(self, endpoint: str = "PJSIP/anna") -> tuple[set[str], float] | None:
        found = self.calls.of(endpoint)
        return None if found is None else (set(found.customers), found.left_at)


@pytest.fixture
def office() -> Office:
    return Office()


def test_the_agent_hangs_up_first_and_the_customer_goes_on(office: Office) -> None:
    office.talk(1.0, "b", "cora-1", "anna-1")
    assert office.last() is None
    office.tell(Left(5.0, "b", "anna-1"), ChannelGone(5.1, "anna-1"))
    office.talk(7.0, "c", "cora-1", "ben-1")
    assert office.last() == ({"cora-1"}, 5.0)
    office.tell(ChannelGone(9.0, "cora-1"))
    assert office.last() == ({"cora-1"}, 5.0) and office.last("PJSIP/ben") == ({"cora-1"}, 9.0)


def test_the_customer_hangs_up_first(office: Office) -> None:
    office.talk(1.0, "b", "cora-1", "anna-1")
    office.tell(ChannelGone(5.0, "cora-1"))
    assert office.last() == ({"cora-1"}, 5.0)


def test_a_call_that_nobody_records_is_the_last_one_all_the_same(office: Office) -> None:
    office.talk(1.0, "b", "cora-1", "anna-1")
    office.tell(ChannelGone(5.0, "anna-1"))
    office.talk(6.0, "c", "otto-1", "anna-2")
    office.tell(ChannelGone(8.0, "anna-2"))
    assert office.last() == ({"otto-1"}, 8.0)


def test_a_talk_with_a_colleague_is_no_call(office: Office) -> None:
    office.talk(1.0, "b", "cora-1", "anna-1")
    office.tell(ChannelGone(5.0, "anna-1"))
    office.talk(6.0, "c", "ben-1", "anna-2")
    office.tell(ChannelGone(8.0, "anna-2"))
    assert office.last() == ({"cora-1"}, 5.0) and office.last("PJSIP/ben") is None


def test_whose_it_was_is_remembered(office: Office) -> None:
    office.others.told("cora-1", "theirs")
    office.talk(1.0, "b", "cora-1", "anna-1")
    office.tell(ChannelGone(5.0, "cora-1"))
    office.others.gone("cora-1")
    found = office.calls.of("PJSIP/anna")
    assert found is not None and found.theirs


def test_after_a_lost_link_nobody_can_say(office: Office) -> None:
    office.talk(1.0, "b", "cora-1", "anna-1")
    office.tell(ChannelGone(5.0, "anna-1"))
    office.talk(6.0, "c", "otto-1", "ben-1")
    office.calls.read_again(office.board, office.board.channels, 9.0)
    assert office.last() is None
    office.tell(ChannelGone(10.0, "ben-1"))
    assert office.last("PJSIP/ben") == ({"otto-1"}, 10.0)


def test_who_left_long_ago_is_forgotten(office: Office) -> None:
    office.talk(1.0, "b", "cora-1", "anna-1")
    office.tell(ChannelGone(5.0, "anna-1"))
    office.talk(4000.0, "c", "otto-1", "ben-1")
    office.tell(ChannelGone(4001.0, "ben-1"))
    assert office.last() is None and office.last("PJSIP/ben") is not None
