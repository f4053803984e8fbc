"""Reads and plays a story: plain sentences with times, then what must have come of it. The sentences are the table `STEPS`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call import events as ev
from asterisk_privacy.policy.purpose import Basis, Period, Profile, Purpose, Quota, Trigger
from asterisk_privacy.policy.retention import Days
from scenarios.exchange import Exchange
from scenarios.world import CALLER, World

KEYS = {
    "keep": "keep", "pause": "pause", "resume": "resume", "off the record": "off",
    "from here": "from", "to here": "to", "objection": "object",
}  # fmt: skip
TRIGGERS = {
    "when the agent asks": Trigger.FLAG, "always": Trigger.ALWAYS, "by lot": Trigger.SAMPLE, "by quota": Trigger.SAMPLE,
    "in a campaign": Trigger.CAMPAIGN, "where marked": Trigger.MARKED,
}  # fmt: skip
LATEST = 0.15  # seconds of conversation that may be lost at a begin
EARLIEST = 0.09  # and at an end

Play = Callable[[World, Exchange, float, float | None, list[str]], object]


def _who(name: str) -> str:
    return CALLER if name == "the caller" else name


def _pressed(w: World, _x: Exchange, at: float, lag: float | None, a: list[str]) -> None:
    w.tell(ev.KeyPressed(at, ev.AgentKey(KEYS[a[1]]), a[0]), lag)


def _heard(w: World, _x: Exchange, at: float, _lag: float | None, a: list[str], **more: object) -> None:
    w.stands(at, a[0], allows=frozenset(a[1].split(", ")), **more)


def _objected(w: World, _x: Exchange, at: float, _lag: float | None, a: list[str]) -> None:
    w.stands(at, a[0], without=a[1])


STEPS: dict[str, Play] = {
    r"the call comes to the line for (\w+)": lambda w, x, at, lag, a: w.change_line(at, a[0]),
    r"the notice begins": lambda w, x, at, lag, a: w.tell(ev.NoticeBegun(at), lag),
    r"the notice has been heard": lambda w, x, at, lag, a: w.tell(ev.NoticeEnded(at, True), lag),
    r"the notice could not be played": lambda w, x, at, lag, a: w.tell(ev.NoticeEnded(at, False), lag),
    r"the caller presses (\S+)": lambda w, x, at, lag, a: w.tell(ev.KeyChosen(at, a[0]), lag),
    r"(\w+) presses (keep|pause|resume|off the record|from here|to here|objection)": _pressed,
    r"(\w+) rings": lambda w, x, at, lag, a: x.ring(a[0], at),
    r"(\w+) is in conversation": lambda w, x, at, lag, a: x.join(a[0], at),
    r"(\w+) is in conversation through a Local channel": lambda w, x, at, lag, a: x.join(a[0], at, local=True),
    r"(\w+), an outsider, is in conversation": lambda w, x, at, lag, a: (x.outsiders.add(a[0]), x.join(a[0], at)),
    r"(\w+) is known for an agent": lambda w, x, at, lag, a: x.marked(a[0], at),
    r"(\w+), another customer, comes into the conversation": lambda w, x, at, lag, a: (x.outsiders.add(a[0]), x.join(a[0], at)),
    r"(\w+), another customer, has heard the notice for ([\w, ]+)": _heard,
    r"(\w+), called from here, has heard the notice for ([\w, ]+)": lambda w, x, at, lag, a: _heard(w, x, at, lag, a, called=True),
    r"(\w+), of another company, has heard the notice for ([\w, ]+)": lambda w, x, at, lag, a: _heard(w, x, at, lag, a, tenant="b"),
    r"(\w+), another customer, has not heard her notice yet": lambda w, x, at, lag, a: w.stands(at, a[0], allows=None),
    r"the caller is known for an agent": lambda w, x, at, lag, a: x.marked(CALLER, at),
    r"(\w+), another customer, objects to (\w+)": _objected,
    r"(\w+), another customer, refuses": lambda w, x, at, lag, a: w.stands(at, a[0], silenced=True, allows=None),
    r"(\w+) is in the conversation for longer than the caller": lambda w, x, at, lag, a: w.stands(at, a[0], began_at=-1.0),
    r"(\w+) leaves": lambda w, x, at, lag, a: x.leave(a[0], at),
    r"(\w+) consults (\w+)": lambda w, x, at, lag, a: x.consult(a[0], a[1], at),
    r"the caller is moved to (\w+)": lambda w, x, at, lag, a: x.move_in(a[0], at),
    r"the caller waits": lambda w, x, at, lag, a: x.part(at),
    r"the caller is parked": lambda w, x, at, lag, a: x.park(at),
    r"the caller is parked beside (\w+)": lambda w, x, at, lag, a: x.park(at, a[0]),
    r"(the caller|\w+) holds": lambda w, x, at, lag, a: x.hold(_who(a[0]), at),
    r"(\w+) holds by feature code": lambda w, x, at, lag, a: x.hold(a[0], at, feature=True),
    r"(the caller|\w+) ends the hold": lambda w, x, at, lag, a: x.unhold(_who(a[0]), at),
    r"the link is lost, noticed at (\S+), back at (\S+)": lambda w, x, at, lag, a: w.lose_link(at, float(a[0]), float(a[1]), x.read),
    r"the file fails": lambda w, x, at, lag, a: w.fail_file(),
    r"the daemon looks in": lambda w, x, at, lag, a: w.do(at, lambda: w.receive(ev.Tick(at))),
    r"the daemon is busy until (\S+)": lambda w, x, at, lag, a: w.busy.append((at, float(a[0]))),
    r"the caller hangs up": lambda w, x, at, lag, a: x.hang_up(at),
}


LINE = rf"On the line for (\w+) it may be kept for (\w+) ({'|'.join(TRIGGERS)})(?:, if the caller presses (\S+))?\."


@dataclass(slots=True)
class Story:
    title: str = ""
    purposes: list[Purpose] = field(default_factory=list)
    refuse_key: str | None = "3"
    drawn: frozenset[str] = frozenset()
    objection: str = ""
    lines: dict[str, list[Purpose]] = field(default_factory=dict)
    steps: list[tuple[float, float | None, Play, list[str]]] = field(default_factory=list)
    expected: list[tuple[str, str]] = field(default_factory=list)


def parse(text: str) -> Story:
    """Raises ValueError with the sentence that it does not understand. Lines after `#` are for people."""
    story = Story()
    for line in filter(None, (raw.split("#")[0].strip() for raw in text.splitlines())):
        if step := re.fullmatch(r"At (\S+) (.+?)(?: \(told (\S+) late\))?\.", line):
            for sentence, play in STEPS.items():
                if words := re.fullmatch(sentence, step[2]):
                    story.steps.append((float(step[1]), float(step[3]) if step[3] else None, play, list(words.groups())))
                    break
            else:
                raise ValueError(f"no such step: {line}")
        elif rule := re.fullmatch(rf"May be kept for (\w+) ({'|'.join(TRIGGERS)})(?:, if the caller presses (\S+))?\.", line):
            trigger = TRIGGERS[rule[2]]
            one_in = 20 if rule[2] == "by lot" else None
            quota = Quota(4, Period.MONTH) if rule[2] == "by quota" else None
            story.purposes.append(Purpose(rule[1], rule[1], Basis.CONTRACT, "-", trigger, Days(30), one_in, rule[3], quota))
        elif rule := re.fullmatch(LINE, line):
            one_in = 20 if rule[3] == "by lot" else None
            purpose = Purpose(rule[2], rule[2], Basis.CONTRACT, "-", TRIGGERS[rule[3]], Days(30), one_in, rule[4])
            story.lines.setdefault(rule[1], []).append(purpose)
        elif rule := re.fullmatch(r"The objection key means (\w+)\.", line):
            story.objection = rule[1]
        elif rule := re.fullmatch(r"The lot fell on this call for (\w+)\.", line):
            story.drawn |= {rule[1]}
        elif rule := re.fullmatch(r"(Story|Kept(?: of \w+)?|Marked|Outcome|Tones to \w+|Files|Timeline|Consents): (.+?)\.?", line):
            if rule[1] == "Story":
                story.title = rule[2]
            else:
                story.expected.append((rule[1], rule[2]))
        else:
            raise ValueError(f"not understood: {line}")
    return story


def play(story: Story) -> World:
    world = World(Profile("line", "Line", "nl", "notice", tuple(story.purposes), story.refuse_key), story.drawn, objection=story.objection)
    world.lines = {name: Profile(name, name, "nl", "notice", tuple(purposes), "3") for name, purposes in story.lines.items()}
    exchange = Exchange(world)

    def act(at: float, lag: float | None, step: Play, words: list[str]) -> None:
        exchange.lag = lag
        step(world, exchange, at, lag, words)
        exchange.lag = None

    for at, lag, step, words in story.steps:
        world.do(at, lambda at=at, lag=lag, step=step, words=words: act(at, lag, step, words), -2)  # type: ignore[misc]
    world.run()
    return world


def faults(story: Story, world: World) -> list[str]:
    """What came out otherwise than the story says; empty if nothing did."""
    found = list(world.gate_faults)
    if world.finished is None:
        return [*found, "the call never ended"]
    if world.memory.used or world.quarantine.busy:
        found.append("audio stayed in memory")
    for what, said in story.expected:
        words = what.split()
        if words[0] == "Kept":
            found += _kept(world, words[-1] if len(words) > 1 else CALLER, said)
        elif what == "Marked":
            found += _kept(world, CALLER, said, marked=True)
        elif what == "Consents":
            notes = [c for _, c in world.log if isinstance(c, cmd.NoteConsent)]
            consents = ", ".join(c.kind.value + (f" ({c.detail})" if c.detail else "") for c in notes)
            if consents != said:
                found.append(f"consents: {consents}, not {said}")
        elif what == "Outcome" and world.finished.outcome.value != said:
            found.append(f"outcome {world.finished.outcome.value}, not {said}")
        elif words[0] == "Tones":
            tones = ", ".join(c.tone.value for _, c in world.log if isinstance(c, cmd.Play) and c.channel == words[-1])
            if tones != said:
                found.append(f"{words[-1]} heard {tones}, not {said}")
        elif what == "Files":
            files = "; ".join(f"{f.part} {f.state} for {', '.join(f.purposes)}" for f in world.files)
            if files != said:
                found.append(f"files: {files}, not {said}")
        elif what == "Timeline":
            found += _timeline(world.finished, said)
    return found


def _kept(world: World, party: str, said: str, marked: bool = False) -> list[str]:
    wanted = [] if said == "nothing" else [tuple(float(t) for t in part.split(" to ")) for part in said.split(", ")]
    got = world.kept_intervals(party, marked)
    fits = len(wanted) == len(got) and all(
        0 <= g[0] - w[0] + 1e-6 <= LATEST and 0 <= w[1] - g[1] + 1e-6 <= EARLIEST for w, g in zip(wanted, got, strict=True)
    )
    return [] if fits else [f"kept of {party}: {[(round(a, 3), round(b, 3)) for a, b in got]}, not {said}"]


def _timeline(finish: cmd.Finish, said: str) -> list[str]:
    wanted = [(kind, float(at)) for kind, at in (part.rsplit(" ", 1) for part in said.split(", "))]
    got = [(s.kind.value, s.start_ms / 1000) for s in finish.spans]
    fits = len(wanted) == len(got) and all(w[0] == g[0] and abs(w[1] - g[1]) <= 0.1 for w, g in zip(wanted, got, strict=True))
    return [] if fits else [f"timeline {got}, not {said}"]


def stories() -> list[Path]:
    return sorted((Path(__file__).parent / "stories").glob("*.txt"))
