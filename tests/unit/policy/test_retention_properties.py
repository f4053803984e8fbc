"""Properties of every verdict. What the runs reached is asserted at the end of each, so that a lazy generator shows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.policy.retention import Criterion, Days, Facts, Milestone, UntilCaseClosed, UntilGivenDate, UntilReviewed

CALL = datetime(2026, 1, 10, 14, 30, tzinfo=UTC)

# Few values, so that events often fall on the very moment that a rule looks at.
days = st.integers(0, 12)
moments = st.integers(-2 * 24, 16 * 24).map(lambda hours: CALL + timedelta(hours=hours)) | st.integers(-2, 16).map(
    lambda d: CALL + timedelta(days=d)
)
criteria: st.SearchStrategy[Criterion] = st.one_of(
    st.builds(Days, st.integers(1, 12)),
    st.builds(UntilReviewed, st.integers(1, 12), days),
    st.builds(UntilGivenDate, st.integers(1, 12), days, st.integers(1, 12)),
    st.builds(UntilCaseClosed, st.integers(1, 12), days, st.integers(1, 12)),
)
all_facts = st.builds(Facts, st.just(CALL), st.dictionaries(st.sampled_from(Milestone), moments))


def test_every_verdict() -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=500, deadline=None, derandomize=True)
    @given(criteria, all_facts, moments, moments)
    def check(criterion: Criterion, facts: Facts, now: datetime, other: datetime) -> None:
        earlier, later = sorted((now, other))
        first, second = criterion.verdict(facts, earlier), criterion.verdict(facts, later)
        latest = CALL + timedelta(days=criterion.latest_days)

        assert second.ended or not first.ended, "what ended stays ended"
        assert first.ends_at == second.ends_at, "only events move the end, not the time at which one asks"
        assert first.ended == (first.ends_at <= earlier)
        assert CALL <= first.ends_at <= latest, "nothing outlives its latest date"
        assert criterion.verdict(facts, latest).ended
        assert first.reason and second.reason
        if not first.ended:
            assert f"{first.ends_at:%Y-%m-%d}" in first.reason, "what is kept names its end"
        assert ("no case was opened within" in first.reason) <= first.ended, "said only once it is true"

        reached[type(criterion).__name__] += 1
        reached["turned"] += second.ended and not first.ended
        reached["ended early"] += first.ends_at < latest
        reached["at the latest date"] += first.ends_at == latest
        reached["asked at the very end"] += first.ends_at == earlier

    check()
    assert min(reached[kind] for kind in ("Days", "UntilReviewed", "UntilCaseClosed", "UntilGivenDate")) > 50, reached
    assert min(reached[kind] for kind in ("turned", "ended early", "at the latest date")) > 30, reached
    assert reached["asked at the very end"] > 5, reached


def test_an_event_ends_it_then_and_not_before() -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.integers(1, 12), days, days)
    def check(latest: int, plus: int, event: int) -> None:
        ends = min(event + plus, latest)
        happened = CALL + timedelta(days=event)
        reviewed = UntilReviewed(latest, plus).verdict(Facts(CALL, {Milestone.REVIEWED: happened}), CALL)
        closed = UntilCaseClosed(latest, plus).verdict(Facts(CALL, {Milestone.CASE_CLOSED: happened}), CALL)
        assert reviewed.ends_at == closed.ends_at == CALL + timedelta(days=ends)
        reached["event"] += event + plus < latest
        reached["latest"] += event + plus > latest

    check()
    assert min(reached.values()) > 20, reached
