"""Sessions, grants and lock-outs on a clock that the test turns; and the Range header. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.review import ranges
from asterisk_privacy.review.lockout import FIRST_WAIT, FREE, LONGEST_WAIT, MOST_KNOWN, Lockout
from asterisk_privacy.review.sessions import MOST_OF_ONE, Sessions


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_session_ends_when_idle_and_in_any_case() -> None:
    clock = Clock()
    sessions = Sessions(60, 200, 30, clock)
    key, session = sessions.begin("anna", "p")
    clock.now += 59
    assert sessions.find(key) is session
    clock.now += 59
    assert sessions.find(key) is session
    clock.now += 60
    assert sessions.find(key) is None and sessions.was(key) == "anna" and sessions.was(key) is None
    key, _ = sessions.begin("anna", "p")
    for _ in range(4):
        clock.now += 49
        assert sessions.find(key) is not None
    clock.now += 4
    assert sessions.find(key) is None


def test_of_one_account_only_the_latest_sessions_live() -> None:
    sessions = Sessions(60, 200, 30, Clock())
    keys = [sessions.begin("anna", "p")[0] for _ in range(MOST_OF_ONE + 2)]
    other, _ = sessions.begin("bert", "p")
    assert [sessions.find(key) is not None for key in keys] == [False, False, *[True] * MOST_OF_ONE]
    assert sessions.find(other) is not None and len(set(keys)) == len(keys)


def test_a_grant_is_for_one_recording_one_session_one_token_and_a_while() -> None:
    clock = Clock()
    sessions = Sessions(600, 2000, 30, clock)
    (_, one), (_, two) = sessions.begin("anna", "p"), sessions.begin("anna", "p")
    grant = sessions.grant(one, "r1", "training")
    assert sessions.granted(one, "r1", grant.token) == grant == sessions.granted(one, "r1")
    assert sessions.granted(one, "r2", grant.token) is None
    assert sessions.granted(two, "r1", grant.token) is None
    assert sessions.granted(one, "r1", grant.token + "x") is None and sessions.granted(one, "r1", "") is None
    clock.now += 29.9
    assert sessions.granted(one, "r1", grant.token) is not None
    clock.now += 0.1
    assert sessions.granted(one, "r1", grant.token) is None


def test_each_further_wrong_password_costs_twice_the_time() -> None:
    clock = Clock()
    lock = Lockout(clock)
    key = ("account", "anna")
    for _ in range(FREE - 1):
        assert lock.guess(key) == [] and lock.seconds_left(key) == 0
    waits = []
    for _ in range(8):
        assert lock.guess(key) == [key]
        waits.append(lock.seconds_left(key))
        clock.now += lock.seconds_left(key)
        assert lock.seconds_left(key) == 0
    assert waits == [FIRST_WAIT * f for f in (1, 2, 4, 8, 16)] + [LONGEST_WAIT] * 3
    assert lock.seconds_left(("account", "bert"), ("address", "::1")) == 0
    lock.right(key, ("address", "::1"))
    assert lock.guess(key) == []


def test_one_right_password_does_not_clear_the_address() -> None:
    lock = Lockout(Clock())
    mine, address = ("account", "mine"), ("address", "::1")
    for number in range(FREE - 1):
        assert lock.guess(("account", str(number)), address) == []
        assert lock.guess(mine, address) in ([], [address])
        lock.right(mine, address)
    assert lock.seconds_left(address) == 0
    assert lock.guess(("account", "last"), address) == [address] and lock.seconds_left(address) == FIRST_WAIT


def test_names_that_nobody_has_do_not_fill_the_memory() -> None:
    clock = Clock()
    lock = Lockout(clock)
    for _ in range(FREE):
        lock.guess(("address", "flood"))
    for number in range(MOST_KNOWN + 50):
        lock.guess(("account", str(number)), ("address", "flood"))
    assert len(lock._counts) <= MOST_KNOWN + 1 and lock.seconds_left(("address", "flood")) == LONGEST_WAIT


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        (None, 10, None),
        ("bytes=0-", 10, (0, 10)),
        ("bytes=0-0", 10, (0, 1)),
        ("bytes=3-5", 10, (3, 6)),
        ("bytes=3-99", 10, (3, 10)),
        ("bytes=-4", 10, (6, 10)),
        ("bytes=-99", 10, (0, 10)),
        ("Bytes=9-9", 10, (9, 10)),
        ("bytes=5-3", 10, None),
        ("bytes=-", 10, None),
        ("bytes=0-1,5-6", 10, None),
        ("items=0-1", 10, None),
        ("bytes= 0-1", 10, None),
        ("bytes=0x1-2", 10, None),
        ("bytes=1٣-14", 10, None),
        ("bytes=" + "9" * 5000 + "-", 10, None),
    ],
)
def test_ranges(header: str | None, size: int, expected: tuple[int, int] | None) -> None:
    assert ranges.wanted(header, size) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_ranges_behind_the_end(header: str, size: int) -> None:
    with pytest.raises(ranges.Unsatisfiable):
        ranges.wanted(header, size)


@settings(deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"bytes=[0-9]{0,4}-[0-9]{0,4}", fullmatch=True), st.integers(0, 2000))
def test_no_header_asks_for_what_is_not_there(header: str, size: int) -> None:
    try:
        found = ranges.wanted(header, size)
    except ranges.Unsatisfiable:
        return
    assert found is None or 0 <= found[0] < found[1] <= size
