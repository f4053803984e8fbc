"""When something was true, told by clocks that differ and are set: never later than it was, never earlier than the quarantine can undo."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asterisk_privacy.asterisk.clock import SLACK, StampClock, both, stamp_seconds

NOW, WALL, LONGEST = 5000.0, 1_700_000_000.0, 1.0
SLOWEST = 0.005  # a question's way there and back


def fresh() -> StampClock:
    return StampClock(LONGEST)


def test_a_late_event_is_dated_back() -> None:
    assert fresh().when(NOW, WALL, WALL - 0.25) == pytest.approx(NOW - 0.25)


def test_a_stamp_a_little_from_the_future_counts_as_now() -> None:
    assert fresh().when(NOW, WALL, WALL + 0.004) == NOW


def test_a_stamp_far_from_the_future_counts_as_early_as_can_be() -> None:
    """Asterisk's clock ahead of ours, or ours set back by an hour: how late the event is, nobody knows."""
    assert fresh().when(NOW, WALL - 3600, WALL) == NOW - LONGEST


def test_an_old_stamp_costs_the_whole_quarantine_and_no_more() -> None:
    """Late beyond the quarantine, or our clock stepped forward by an hour."""
    assert fresh().when(NOW, WALL, WALL - 1.5) == NOW - LONGEST
    assert fresh().when(NOW, WALL + 3600, WALL) == NOW - LONGEST


@pytest.mark.parametrize("late", [1.5, 2.5, 30.0])
def test_what_is_heard_late_by_whoever_stood_still_is_dated_as_it_was(late: float) -> None:
    """Nothing of what came since the last proof has left quarantine: no date in it is too early to be undone."""
    known = NOW - late - 0.2
    assert fresh().when(NOW, WALL, WALL - late, known) == pytest.approx(NOW - late)
    assert fresh().when(NOW, WALL, WALL - late - 3600, known) == known - LONGEST
    assert fresh().when(NOW, WALL, None, known) == known - LONGEST
    assert fresh().when(NOW, WALL, WALL - 1.5, NOW + 5) == NOW - LONGEST


def test_no_stamp_is_as_old_as_can_be() -> None:
    assert fresh().when(NOW, WALL, None) == NOW - LONGEST


@pytest.mark.parametrize("ahead", [-3600.0, -0.3, -0.05, 0.05, 0.3, 3600.0, 3e7])
def test_another_clock_is_measured(ahead: float) -> None:
    """Once it is, a late hold is dated as well as with one clock, and a hold that is not late costs no conversation."""
    clock = fresh()
    clock.measure(NOW, WALL + ahead + 0.002, NOW + 0.004)
    assert clock.when(NOW + 1, WALL + 1, WALL + ahead + 0.6) == pytest.approx(NOW + 0.6, abs=0.003)
    assert clock.when(NOW + 1, WALL + 1, WALL + ahead + 0.6) <= NOW + 0.6
    assert clock.when(NOW + 1, WALL + 1, WALL + ahead + 1) == pytest.approx(NOW + 1, abs=0.003)
    assert clock.ahead(NOW, WALL) == pytest.approx(ahead, abs=0.003)
    assert clock.set == 0


@pytest.mark.parametrize("step", [-3600.0, -0.2, 0.2, 3600.0])
def test_what_was_stamped_before_the_clock_was_set_and_comes_after(step: float) -> None:
    """One host, one clock: a hold was told just before it was set, and is heard half a second later."""
    clock = fresh()
    clock.measure(NOW - 1, WALL - 1, NOW - 1)
    clock.look(NOW, WALL)
    assert clock.when(NOW + 0.5, WALL + 0.5 + step, WALL) <= NOW
    assert clock.set == 1
    clock.measure(NOW + 4, WALL + 4 + step, NOW + 4)
    late = clock.when(NOW + 5, WALL + 5 + step, WALL + 4.9 + step)
    assert late == pytest.approx(NOW + 4.9)  # and soon all is as before


@given(st.floats(-1e15, 1e15), st.none() | st.floats(-1e15, 1e15), st.none() | st.floats(-1e15, 1e15), st.floats(0.0, 600.0))
def test_always_within_the_quarantine(wall: float, stamped: float | None, measured: float | None, unproven: float) -> None:
    clock = fresh()
    clock.measure(NOW - 0.1, measured, NOW - 0.05)
    assert NOW - LONGEST <= clock.when(NOW, wall, stamped) <= NOW
    assert NOW - unproven - LONGEST <= clock.when(NOW, wall, stamped, NOW - unproven) <= NOW


@dataclass(frozen=True)
class World:
    """Seconds. `steps`: (when a clock is set, by how much); on one host both are set at once, else that of Asterisk, or ours."""

    one_host: bool
    ahead: float
    steps: tuple[tuple[float, float, bool], ...]
    events: tuple[tuple[float, float], ...]  # when, how late it is heard

    def ours(self, at: float) -> float:
        return WALL + at + sum(by for when, by, asterisk in self.steps if when <= at and (self.one_host or not asterisk))

    def asterisk(self, at: float) -> float:
        if self.one_host:
            return self.ours(at)
        return WALL + self.ahead + at + sum(by for when, by, theirs in self.steps if when <= at and theirs)

    def unseen(self, happened: float, heard: float, measured: float) -> bool:
        """Whether Asterisk's clock on another host was set since it was measured last: that is known only by the next question."""
        return not self.one_host and any(theirs and measured < when <= heard for when, _, theirs in self.steps)


times = st.floats(0.5, 59.0)
amounts = st.sampled_from([-3600.0, -30.0, -0.3, -0.1, 0.1, 0.3, 30.0, 3600.0])
worlds = st.builds(
    World,
    st.booleans(),
    st.sampled_from([0.0, -3600.0, -0.3, 0.3, 3600.0]),
    st.lists(st.tuples(times, amounts, st.booleans()), max_size=3).map(tuple),
    st.lists(st.tuples(times, st.sampled_from([0.001, 0.05, 0.4, 0.9])), min_size=5, max_size=40).map(tuple),
)


# a question on its way when both are set; a clock of ours set while Asterisk's is another: each was believed by an earlier draft
@example(World(True, 0.0, ((1.0, 0.1, False),), ((2.0, 0.4),)))
@example(World(False, 0.0, ((1.5, -0.3, False),), ((2.0, 0.9),)))
@settings(max_examples=300, deadline=None)
@given(worlds)
def test_never_later_than_it_was(world: World) -> None:
    """A minute of two clocks, looked at four times a second and measured each five seconds, or twice a second while there is doubt."""
    clock, asked, measured = fresh(), 0.0, -1.0
    moments = sorted(
        [(happened + late, happened) for happened, late in world.events] + [(n / 4, None) for n in range(241)], key=lambda m: m[0]
    )
    for now, happened in moments:
        if happened is None:
            clock.look(now, world.ours(now))
            if now >= asked + (5.0 if clock.measured else 0.5):
                asked = now
                clock.measure(now - SLOWEST, round(world.asterisk(now - SLOWEST / 2), 3), now)
                measured = now - SLOWEST if clock.measured else measured
            continue
        told = clock.when(now, world.ours(now), round(world.asterisk(happened), 3))
        if measured > 0 and not world.unseen(happened, now, measured):
            assert told <= happened + SLACK + 0.001, (world, now, happened)
        quiet = all(abs(when - now) > 8 for when, _, _ in world.steps)
        if quiet and measured > 0 and now > 8:
            assert told >= happened - SLOWEST - SLACK, (world, now, happened)  # and no conversation is lost to doubt


def test_both_are_of_one_moment() -> None:
    now, wall = both()
    later, later_wall = both()
    assert abs((later_wall - wall) - (later - now)) < SLACK


def test_stamps_of_asterisk() -> None:
    assert stamp_seconds("2026-11-22T06:17:23.123+0000") == pytest.approx(1795328243.123)
    assert stamp_seconds("2026-11-22T08:17:23.123+0200") == pytest.approx(1795328243.123)


@pytest.mark.parametrize("text", ["", "now", "2026-13-01T00:00:00", "0001-01-01T00:00:00", "\x00", "9" * 400])
def test_what_is_no_stamp(text: str) -> None:
    assert stamp_seconds(text) is None or text.startswith("0001")
