"""Random calls against an oracle that was written without looking at the switchboard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from properties.checks import faults
from properties.schedule import CROWD, GAPS, STEPS, Call, Plan, crowd_plan, random_plan

plans = st.builds(
    Plan,
    st.lists(st.tuples(st.sampled_from((*STEPS, *CROWD)), st.sampled_from(GAPS), st.integers(0, 7)), min_size=3, max_size=24).map(tuple),
    st.sampled_from(("zero", "even", "wild")),
    st.integers(0, 1 << 16),
    st.booleans(),
)


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(plans)
@example(Plan((("busy", 0.3, 0), ("join local", 0.04, 0), ("join held", 2.0, 0)), "even", 19621, always=False))
@example(Plan((("join", 0.04, 0), ("link", 0.04, 0), ("join", 2.0, 0)), "even", 0))
@example(Plan((("caller holds", 0.04, 0), ("link", 0.04, 0), ("join", 2.0, 0)), "even", 1961, always=False))
def test_any_call(plan: Plan) -> None:
    call = Call(plan)
    for what in call.reached:
        event(what)
    assert faults(call) == []


def test_what_the_runs_reach(record_property: Callable[[str, object], None]) -> None:
    """The same kind of calls from fixed seeds: whatever the property is to be trusted for must have happened in them."""
    reached: Counter[str] = Counter()
    for seed in range(250):
        call = Call(random_plan(seed))
        assert faults(call) == [], f"seed {seed}: {call.plan}"
        reached += call.reached
    record_property("report", "reached in 250 calls at random: " + ", ".join(f"{n} {what}" for what, n in sorted(reached.items())))
    for what in (
        "hold", "unhold", "feature hold", "early unhold", "join", "local", "leave", "transfer", "park", "consult", "move in", "pause",
        "resume", "off the record", "refused", "pick up", "reordered", "twice", "link lost", "busy", "burst", "late shut", "doubted",
        "Open", "Shut", "StartFile", "Seal", "Wipe", "Finish", "kept frames",
    ):  # fmt: skip
        assert reached[what] >= 10, what


def test_calls_with_strangers_and_other_customers(record_property: Callable[[str, object], None]) -> None:
    reached: Counter[str] = Counter()
    for seed in range(250):
        call = Call(crowd_plan(seed))
        assert faults(call) == [], f"seed {seed}: {call.plan}"
        reached += call.reached
        reached["frames of other customers"] += sum(1 for f in call.world.kept_frames() if f.channel in call.world.others)
    record_property("report", "reached in 250 calls with strangers: " + ", ".join(f"{n} {what}" for what, n in sorted(reached.items())))
    for what in (
        "outsider", "other customer", "customer whose call is older", "customer of another line", "customer who refused", "refused later",
        "frames of other customers", "link lost", "doubted", "Wipe",
    ):  # fmt: skip
        assert reached[what] >= 10, what
