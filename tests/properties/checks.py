"""What must be true of every call, whatever happened in it. Each check returns what is wrong."""

from __future__ import annotations

from itertools import pairwise

from scenarios.world import CALLER

from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.timeline import SpanKind
from properties.edges import pieces
from properties.schedule import Call

EDGE = 0.15
HOLE = 0.061  # what a source may lack within a piece: three frames


def faults(call: Call) -> list[str]:
    if call.world.finished is None:
        return ["the call never ended"]
    return [*call.world.gate_faults[:1], *leaks(call), *losses(call), *commands(call), *timeline(call), *end(call)]


def leaks(call: Call) -> list[str]:
    """(a), (c): not one kept frame that was no conversation."""
    wrong = [f for f in call.world.kept_frames() if not call.truth.fits(f.channel, f.begin, f.end)]
    return [f"leak: {wrong[0]} and {len(wrong) - 1} more"] if wrong else []


def losses(call: Call) -> list[str]:
    """(b): nothing is lost but the edges, of what could be known to be conversation."""
    if not call.plan.always or call.truth.refused:
        return []
    wrong = [p for p in pieces(call) if max(p.before, p.after) > EDGE or p.hole > HOLE]
    return [f"lost: {wrong[0]} and {len(wrong) - 1} more"] if wrong else []


def commands(call: Call) -> list[str]:
    """(f): gate and files move in pairs, the end comes once and last."""
    wrong: list[str] = []
    is_open, shut_at, has_file, ended = False, float("inf"), False, False
    for _, c in call.world.log:
        if ended:
            wrong.append(f"{c} after Finish")
        match c:
            case cmd.Open():
                if is_open:
                    wrong.append("Open twice")
                is_open = True
            case cmd.Shut():
                if not is_open and not c.at < shut_at:
                    wrong.append("Shut twice, and not earlier")
                is_open, shut_at = False, c.at
            case cmd.StartFile():
                if has_file:
                    wrong.append("StartFile with a file")
                has_file = True
            case cmd.Seal():
                if not has_file:
                    wrong.append("Seal without a file")
                has_file = False
            case cmd.Wipe():
                if is_open:
                    wrong.append("Wipe with the gate open")
                has_file = False
            case cmd.Finish():
                ended = True
    if not ended or has_file or is_open:
        wrong.append("left open")
    return wrong[:1]


def timeline(call: Call) -> list[str]:
    """(g): spans are in order, talk is exactly what lies between Open and Shut, and the audio is exactly as long."""
    assert call.world.finished is not None
    spans = call.world.finished.spans
    if any(a.end_ms > b.start_ms for a, b in pairwise(spans)) or any(s.end_ms <= s.start_ms for s in spans):
        return [f"spans overlap: {spans}"]
    talk: list[list[int]] = []
    for _, c in call.world.log:
        if isinstance(c, cmd.Open):
            talk.append([round(c.at * 1000), 1 << 40])
        elif isinstance(c, cmd.Shut):
            for stretch in talk:
                stretch[1] = min(stretch[1], round(c.at * 1000))
        elif isinstance(c, cmd.Wipe):
            talk.clear()
    wanted = [(a, b) for a, b in talk if b > a]
    told = [(s.start_ms, s.end_ms) for s in spans if s.kind is SpanKind.TALK]
    if told != wanted:
        return [f"talk was {wanted}, the timeline says {told}"]
    for file in call.world.files:
        if file.state == "sealed":
            slots, length = len(call.world.slots(file)), sum((b - a) // 20 for a, b in wanted)
            if slots != length:
                return [f"{slots} slots of audio, {length} of talk"]
            return _aligned(call, wanted, call.world.slots(file))
    return []


def _aligned(call: Call, talk: list[tuple[int, int]], slots: list[list[int]]) -> list[str]:
    """Each frame lies where the timeline says, as near as its delay allows."""
    times = [a + 20 * n for a, b in talk for n in range((b - a) // 20)]
    for at, slot in zip(times, slots, strict=True):
        for number in slot:
            off = call.world.frames[number].begin * 1000 - at
            if not -260 <= off <= 85:
                return [f"frame of {call.world.frames[number].begin} placed at {at / 1000}"]
    return []


def end(call: Call) -> list[str]:
    """(e): nothing more is done and nothing stays."""
    w = call.world
    late: tuple[ev.Event, ...] = (
        ev.Tick(w.now + 1), ev.KeyPressed(w.now, ev.AgentKey.KEEP, "x"), ev.HungUp(w.now), ev.Surroundings(w.now, frozenset({CALLER})),
        ev.LinkLost(w.now), ev.LinkRestored(w.now), ev.KeyChosen(w.now, "3"), ev.FileFailed(w.now), ev.NoticeEnded(w.now, True),
    )  # fmt: skip
    wrong = [f"{e} was answered after the end" for e in late if w.recorder.receive(e)]
    if w.memory.used or w.ring.seconds or w.quarantine.busy:
        wrong.append("audio stayed in memory")
    return wrong[:1]
