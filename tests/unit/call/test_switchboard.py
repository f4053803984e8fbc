from __future__ import annotations

from asterisk_privacy.call.conversation import Conversation, Standing, conversation
from asterisk_privacy.call.pbx import (
    BridgeGone,
    BridgeSeen,
    ChannelGone,
    ChannelSeen,
    EndpointRead,
    Entered,
    Held,
    HoldsHidden,
    HoldsTold,
    Left,
    PbxEvent,
    Unheld,
)  # fmt: skip
from asterisk_privacy.call.switchboard import Switchboard
from asterisk_privacy.call.timeline import SpanKind

TALK: tuple[PbxEvent, ...] = (
    EndpointRead(1, "PJSIP/a", True), EndpointRead(1, "PJSIP/o", True),
    ChannelSeen(1, "c", "PJSIP/c-1", True), ChannelSeen(1, "a", "PJSIP/a-1", True), BridgeSeen(1, "b", True), Entered(2, "b", "c"),
    Entered(2, "b", "a"),
)  # fmt: skip


def board(*events: PbxEvent) -> Switchboard:
    made = Switchboard()
    for event in (*TALK, *events):
        made.apply(event)
    return made


def of_c(made: Switchboard) -> Conversation:
    """As it is for the customer c."""
    return conversation(made, {"c": Standing(1.0, frozenset({"proof"}))}.get, "c")


def parties(made: Switchboard) -> frozenset[str]:
    return of_c(made).parties


def test_only_answered_people_are_in_conversation() -> None:
    assert parties(board()) == {"a"}
    assert parties(board(ChannelSeen(3, "a", "PJSIP/a-1", False))) == frozenset()
    assert parties(board(ChannelSeen(3, "a", "Announcer/x", True))) == frozenset()


def test_a_gone_channel_never_comes_back_as_a_ghost() -> None:
    late = board(ChannelGone(4, "a"))
    change = late.apply(Entered(3, "b", "a"))
    late.apply(ChannelSeen(3, "a", "PJSIP/a-1", True))
    assert "a" not in late
    assert parties(late) == frozenset()
    assert "c" in change.doubted


def test_a_phones_hold_outlives_a_move_and_a_features_does_not() -> None:
    assert not parties(board(Held(3, "a"), Left(4, "b", "a"), Entered(5, "b", "a")))
    assert parties(board(Held(3, "a", True), Left(4, "b", "a"), Entered(5, "b", "a"))) == {"a"}


def test_news_that_was_overtaken_doubts_but_changes_nothing() -> None:
    made = board(Held(5, "a"))
    assert "c" not in made.apply(Unheld(4, "a")).doubted
    assert not parties(made)
    made.apply(Unheld(6, "a"))
    assert "c" in made.apply(Held(5.5, "a")).doubted
    assert parties(made) == {"a"}


def test_who_parted_meanwhile_is_told_of_a_late_hold() -> None:
    made = board(Left(5, "b", "c"))
    assert "c" in made.apply(Held(4.5, "a")).doubted
    assert "c" not in made.apply(Held(5.5, "a")).doubted


def test_a_bridge_that_ends_does_not_say_when_who_was_in_it_left() -> None:
    """An attended transfer: the agent moved to the other bridge before the first one ended, and his own news of it is late."""
    made = board(
        ChannelSeen(3, "o", "PJSIP/o-1", True), BridgeSeen(3, "x", True), Entered(3, "x", "o"), Left(5, "b", "c"), BridgeGone(5, "b")
    )
    made.apply(Entered(5, "x", "c"))
    made.apply(Left(4, "b", "a"))
    made.apply(Entered(4, "x", "a"))
    assert parties(made) == {"o", "a"}
    made.apply(Held(6, "a"))
    assert not parties(made)


def test_a_bridge_that_is_gone_does_not_come_back() -> None:
    made = board(Left(4, "b", "c"), BridgeGone(4, "b"))
    made.apply(BridgeSeen(3, "b", True))
    made.apply(Entered(4, "b", "c"))
    made.apply(Entered(4, "b", "a"))
    assert parties(made) == frozenset()


def test_in_order_nothing_is_doubted() -> None:
    made = Switchboard()
    rest = (Held(3, "a"), Unheld(4, "a"), Left(4.001, "b", "c"), Entered(4.001, "x", "c"), ChannelGone(5, "a"), Left(5, "b", "a"))
    assert not any(made.apply(event).doubted for event in (*TALK, *rest))


def test_who_could_hold_unseen_is_in_no_conversation() -> None:
    for certain in (True, False):
        hidden = of_c(board(HoldsHidden(1, "a", certain)))
        assert hidden == Conversation(waiting=SpanKind.LOST, holds_hidden=certain)
        assert not parties(board(HoldsHidden(1, "c", certain))), "the customer's own trunk may hold as well"
    assert of_c(board(HoldsHidden(1, "a", False), HoldsTold(1, "a"))) == Conversation(frozenset({"a"}))


def test_that_holds_are_hidden_doubts_what_was_believed_since() -> None:
    made = board(Left(4, "b", "a"))
    assert "c" in made.apply(HoldsHidden(3, "a", True)).doubted
    alone = board(HoldsHidden(1, "x", True))
    assert parties(alone) == {"a"}, "who is in another bridge hides nothing here"
