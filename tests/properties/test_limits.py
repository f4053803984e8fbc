"""A thousand random schedules of holds, parking, transfers and pick-ups, with news up to 800 ms late, in any order, some of it twice.

Not one private frame is kept, and at each edge of a conversation at most 150 ms is lost of what could be known. The report says what
really happened in them: a limit that was never reached proves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from properties.checks import EDGE, HOLE, faults
from properties.edges import Piece, pieces
from properties.schedule import Call, office_plan

SCHEDULES = 1000
REACHED = {
    "hold": "holds", "hold within a hold": "of them within another", "both sides hold": "by both sides",
    "hold repeated": "told twice by the phone", "pause": "pauses", "feature hold": "transfers by code begun", "park": "parked",
    "after park": "retrieved", "after transfer": "blind transfers", "after early unhold": "blind transfers by REFER",
    "move in": "attended transfers", "pick up": "pick-ups", "local": "through Local channels", "late": "news more than 100 ms late",
    "reordered": "news after newer news", "twice": "news told twice", "doubted": "doubts about the past",
    "late shut": "gates shut in the past", "link lost": "links lost", "link back": "links back", "busy": "stalls of the loop",
}  # fmt: skip
LEAST = 50


@pytest.mark.timeout(400)
def test_a_thousand_schedules(record_property: Callable[[str, object], None]) -> None:
    reached: Counter[str] = Counter()
    found: list[Piece] = []
    spoken = private = kept = 0
    for seed in range(SCHEDULES):
        call = Call(office_plan(seed))
        assert faults(call) == [], f"seed {seed}: {call.plan}"
        reached += call.reached
        frames = call.world.kept_frames()
        spoken += len(call.world.frames)
        kept += len(frames)
        private += sum(1 for f in frames if not call.truth.fits(f.channel, f.begin, f.end))
        found += pieces(call)
    before, after, hole = (max(getattr(p, what) for p in found) for what in ("before", "after", "hole"))
    lines = [f"limits reached in {SCHEDULES:,} random schedules (no Asterisk; news up to 800 ms late)"]
    lines += [f"  {reached[what]:>9,}  {words}" for what, words in REACHED.items()]
    lines += [f"  {spoken:>9,}  frames heard", f"  {kept:>9,}  frames kept", f"  {private:>9,}  private frames kept (limit 0)"]
    lines += [f"  {2 * len(found):>9,}  edges of conversation measured, of {sum(p.end - p.begin for p in found):,.0f} s of voice"]
    for lost, limit, words in (
        (before, EDGE, "lost at the worst begin"),
        (after, EDGE, "lost at the worst end"),
        (hole, HOLE, "the longest hole"),
    ):
        lines.append(f"  {1000 * lost:>9.0f}  ms {words} (limit {1000 * limit:.0f})")
    record_property("report", "\n".join(lines))
    assert private == 0 and max(before, after) <= EDGE and hole <= HOLE
    assert not {what: reached[what] for what in REACHED if reached[what] < LEAST}
