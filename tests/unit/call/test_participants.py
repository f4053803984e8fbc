"""Who took part in a call, and when: told as it happened, whatever interrupts it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asterisk_privacy.call.participants import Attendance, Participant, PartyRole, Person, folded, known_stretches, same_endpoint
from asterisk_privacy.call.timeline import Span, SpanKind, overlap, passages

ANNA, BERT, CARL = (Person(PartyRole.AGENT, f"PJSIP/{name}") for name in ("anna", "bert", "carl"))
JOINED = Person(PartyRole.CUSTOMER, None, "hash", b"sealed")


def told(*moments: tuple[float, frozenset[Person] | set[Person]], before: tuple[Participant, ...] = ()) -> list[tuple[str, object, object]]:
    attendance = Attendance(100.0, before)
    for at, people in moments:
        attendance.talk(100.0 + at, frozenset(people))
    return [(one.person.endpoint or "customer", one.from_ms, one.to_ms) for one in attendance.told()]


def test_one_agent_with_holds_is_one_stretch() -> None:
    assert told((1, {ANNA}), (4, set()), (6, {ANNA}), (9, set())) == [("PJSIP/anna", 1000, 9000)]


def test_passed_on_and_back_is_three_stretches() -> None:
    story = told((1, {ANNA}), (4, {BERT}), (6, {ANNA}), (9, set()))
    assert story == [("PJSIP/anna", 1000, 4000), ("PJSIP/bert", 4000, 6000), ("PJSIP/anna", 6000, 9000)]


def test_who_does_not_come_back_after_a_hold_was_there_until_the_hold() -> None:
    assert told((1, {ANNA}), (4, set()), (30, {BERT}), (35, set())) == [("PJSIP/anna", 1000, 4000), ("PJSIP/bert", 30000, 35000)]


def test_who_joins_and_leaves_again() -> None:
    story = told((1, {ANNA}), (4, {ANNA, BERT, JOINED}), (6, {ANNA}))
    assert story == [("PJSIP/anna", 1000, None), ("PJSIP/bert", 4000, 6000), ("customer", 4000, 6000)]


def test_late_news_reorders_nothing() -> None:
    assert told((5, {ANNA}), (3, {BERT}), (7, set())) == [("PJSIP/anna", 5000, 5000), ("PJSIP/bert", 5000, 7000)]


def test_it_says_who_is_new() -> None:
    attendance = Attendance(0.0, (Participant.agent("PJSIP/anna", 0, 10),))
    assert not attendance.talk(1.0, frozenset({ANNA})) and attendance.talk(2.0, frozenset({ANNA, BERT}))
    assert not attendance.talk(3.0, frozenset()) and not attendance.talk(4.0, frozenset({BERT, JOINED}))
    assert attendance.agents == ("PJSIP/anna", "PJSIP/bert") and attendance.last_agent == "PJSIP/bert"


def test_a_daemon_that_died_told_whom_it_knew() -> None:
    left = known_stretches((Participant.agent("a", 0, 5), Participant.agent("b", 5), Participant.agent("c")), 900)
    assert left == (Participant.agent("a", 0, 5), Participant.agent("b", 5, 900), Participant.agent("c"))
    story = told((20, {ANNA}), before=(Participant.agent("PJSIP/anna", 0, 5),))
    assert story == [("PJSIP/anna", 0, 5), ("PJSIP/anna", 20000, None)]


def test_names_of_endpoints() -> None:
    assert same_endpoint("anna", "PJSIP/Anna") and same_endpoint(" pjsip/anna", "PJSIP/anna") and not same_endpoint("SIP/anna", "anna")
    assert folded("PJSIP/Ünal") == "pjsip/Ünal"  # as lower() of a database has it


def test_where_in_the_audio_a_stretch_is() -> None:
    spans = (
        Span(SpanKind.WAIT, 0, 1000),
        Span(SpanKind.TALK, 1000, 3000),
        Span(SpanKind.HOLD, 3000, 5000),
        Span(SpanKind.TALK, 5000, 9000),
    )
    audio = passages(spans)
    assert overlap(audio, [(0, 2500)]) == ((0, 1500),) and overlap(audio, [(2500, 6000)]) == ((1500, 2000), (2000, 3000))
    assert overlap(audio, [(3000, 5000)]) == () and overlap(audio, [(8000, None)]) == ((5000, 6000),)


moments = st.lists(st.tuples(st.integers(0, 50), st.sets(st.sampled_from([ANNA, BERT, CARL]))), min_size=1, max_size=20)


@given(moments)
def test_against_a_diary_of_each_second(steps: list[tuple[int, set[Person]]]) -> None:
    """In each second each who is in conversation is in one stretch of theirs; nobody's stretch has another's time but in a pause."""
    steps = sorted(steps, key=lambda step: step[0])
    attendance = Attendance(0.0)
    diary: dict[int, set[Person]] = {}
    for (at, people), (until, _) in zip(steps, [*steps[1:], (60, set())], strict=True):
        attendance.talk(float(at), frozenset(people))
        diary.update(dict.fromkeys(range(at, until), people))
    for second, people in diary.items():
        there = [
            one.person for one in attendance.told()
            if one.from_ms is not None and one.from_ms <= second * 1000 and (one.to_ms is None or second * 1000 < one.to_ms)
        ]  # fmt: skip
        assert len(there) == len(set(there)) and people <= set(there)
        assert not people or set(there) == people
