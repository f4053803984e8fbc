"""(d): the two tables of situation.py, entry by entry."""

from __future__ import annotations

from itertools import product

from asterisk_privacy.call import events, situation


def table_faults() -> list[str]:
    s = situation
    wrong: list[str] = []
    combinations = list(product(s.Life, s.Consent, s.Demand, s.Hush, s.Link, s.Talk))
    if len(s.GATE) != len(combinations) or len(s.NEXT_LIFE) != len(s.Life) * len(events.EVENTS):
        wrong.append("a table is not total")
    for combination in combinations:
        words = [c.value for c in combination]
        may = words in (["live", "heard", demand, "none", "up", "talking"] for demand in ("latent", "stream"))
        if (s.GATE[s.Situation(*combination)].value == "open") != may:
            wrong.append(f"the gate at {words}")
    order = [life.value for life in s.Life]
    for (before, event), after in s.NEXT_LIFE.items():
        if order.index(after.value) < order.index(before.value):
            wrong.append(f"{event.__name__} leads back from {before.value} to {after.value}")
    return wrong
