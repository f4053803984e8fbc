"""Who hears a notice on half of a Local channel."""

from __future__ import annotations

from asterisk_privacy.call.behind import SLACK_SECONDS, Listeners
from asterisk_privacy.call.pbx import BridgeSeen, ChannelGone, ChannelSeen, Entered, Left
from asterisk_privacy.call.switchboard import Switchboard


def group() -> Switchboard:
    """A caller with one half in a bridge, an agent with the other half in another one."""
    made = Switchboard()
    for channel, name in (
        ("one", "Local/s@group-1;1"), ("two", "Local/s@group-1;2"), ("cora", "PJSIP/trunk-1"), ("anna", "PJSIP/anna-2"),
    ):  # fmt: skip
        made.apply(ChannelSeen(1.0, channel, name, True))
    made.apply(BridgeSeen(2.0, "b1", True, frozenset({"cora", "one"})))
    made.apply(BridgeSeen(2.0, "b2", True, frozenset({"anna", "two"})))
    return made


def test_behind_each_half_is_the_other_side() -> None:
    made = group()
    assert made.behind("two") == {"cora"} and made.behind("one") == {"anna"}
    assert made.behind("cora") == made.behind("nobody") == frozenset()


def test_through_a_chain_of_local_channels() -> None:
    made = group()
    for channel, name in (("three", "Local/x@y-2;1"), ("four", "Local/x@y-2;2"), ("otto", "PJSIP/mobile-3")):
        made.apply(ChannelSeen(3.0, channel, name, True))
    made.apply(Left(3.0, "b1", "cora"))
    made.apply(Entered(3.0, "b1", "three"))
    made.apply(BridgeSeen(3.0, "b3", True, frozenset({"four", "otto"})))
    assert made.behind("two") == {"three", "four", "otto"}
    made.apply(ChannelGone(4.0, "one"))
    assert made.behind("two") == frozenset()


def test_who_was_there_from_the_begin_on_heard_it() -> None:
    listeners = Listeners()
    listeners.begun(10.0)
    listeners.present({"early"}, 10.0 + SLACK_SECONDS)
    listeners.present({"early", "late"}, 10.1 + SLACK_SECONDS)
    assert listeners.heard_it == {"early"}


def test_who_went_and_came_back_did_not_hear_it() -> None:
    listeners = Listeners()
    listeners.present({"cora"}, 9.0)
    listeners.begun(10.0)
    assert listeners.heard_it == {"cora"}
    listeners.present(set(), 11.0)
    listeners.present({"cora"}, 12.0)
    assert listeners.heard_it == frozenset()


def test_nobody_heard_what_did_not_begin() -> None:
    listeners = Listeners()
    listeners.present({"cora"}, 1.0)
    assert listeners.heard_it == frozenset()
