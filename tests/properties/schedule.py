"""Random calls: a list of steps is turned into what people do, told to the made-up Asterisk and, separately, to the oracle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from scenarios.exchange import Exchange
from scenarios.world import CALLER

from asterisk_privacy.call import events as ev
from asterisk_privacy.policy.purpose import Basis, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from properties.oracle import Truth
from properties.told_world import ToldWorld

PROOF = Purpose("proof", "proof", Basis.CONTRACT, "-", Trigger.ALWAYS, Days(30))
COMPLAINT = Purpose("complaint", "complaint", Basis.CONTRACT, "-", Trigger.FLAG, Days(30))
ALWAYS = Profile("line", "Line", "nl", "notice", (PROOF,), "3")
FLAGGED = Profile("line", "Line", "nl", "notice", (COMPLAINT,), "3")

STEPS = (
    "join", "join", "join", "join local", "join held", "leave", "move in", "consult",
    "part", "park", "hold", "hold", "hold", "unhold", "unhold", "unhold",
    "caller holds", "caller unholds", "feature", "early unhold", "consult", "move in", "pause", "resume", "resume", "off", "keep", "keep",
    "refuse", "link", "busy", "ring", "pick up", "pick up",
)  # fmt: skip
CROWD = (
    "outsider",
    "outsider",
    "other",
    "other",
    "other older",
    "other not told",
    "other refused",
    "other refuses",
    "leave",
    "leave",
    "join",
)
"""Others than agents who come in: see the steps of these names."""
GAPS = (0.04, 0.05, 0.08, 0.15, 0.3, 0.6, 1.1, 2.0)


@dataclass(frozen=True)
class Plan:
    """`weather`: zero (no delays), even (all events 0-800 ms late, in order) or wild (each by itself, some twice)."""

    steps: tuple[tuple[str, float, int], ...]
    weather: str
    seed: int
    always: bool = True


def random_plan(seed: int) -> Plan:
    """Anything, in any order."""
    r = Random(seed)
    steps = tuple((r.choice(STEPS), r.choice(GAPS), r.randrange(8)) for _ in range(r.randrange(4, 24)))
    return Plan(steps, r.choice(("zero", "even", "wild", "wild")), seed, r.random() < 0.7)


def crowd_plan(seed: int) -> Plan:
    """Agents, strangers and other customers come and go."""
    r = Random(f"crowd {seed}")
    steps = [("join", r.choice((0.3, 1.1)), 0)]
    steps += [(r.choice((*STEPS, *CROWD * 3)), r.choice(GAPS), r.randrange(8)) for _ in range(r.randrange(4, 24))]
    return Plan(tuple(steps), r.choice(("zero", "even", "wild", "wild")), seed, r.random() < 0.7)


OFFICE = (
    ("hold", "unhold"), ("hold", "unhold"), ("caller holds", "caller unholds"), ("hold", "caller holds", "unhold", "caller unholds"),
    ("hold", "hold", "unhold"), ("caller holds", "hold", "caller unholds", "unhold"), ("hold", "unhold", "hold", "unhold"),
    ("park", "join"), ("park", "pick up"), ("part", "join"), ("part", "ring", "pick up"), ("part", "join local"), ("early unhold", "join"),
    ("hold", "early unhold", "join"), ("feature", "part", "join"), ("consult", "move in"), ("hold", "unhold", "consult", "move in"),
    ("join", "leave"), ("pause", "resume"), ("part", "join held", "unhold"), ("link",), ("busy",),
)  # fmt: skip


def office_plan(seed: int) -> Plan:
    """A call as an office has it: talk, and between it holds, parking and transfers, each of them to its end. News is up to 800 ms late."""
    r = Random(f"office {seed}")
    steps = [(r.choice(("join", "join local", "pick up")), r.choice((0.3, 1.1)), 0)]
    for moves in (r.choice(OFFICE) for _ in range(r.randrange(2, 9))):
        for number, step in enumerate(moves):
            steps.append((step, r.choice((1.1, 2.0, 4.0)) if number == 0 else r.choice(GAPS), r.randrange(8)))
    return Plan((*steps, ("ring", 2.0, 0)), r.choice(("even", "wild")), seed)


class Call:
    """One plan, played. `reached` counts what really happened in it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = Random(plan.seed)
        self.reached: Counter[str] = Counter()
        self.truth = Truth()
        calm = plan.weather == "zero"
        self.world = ToldWorld(
            ALWAYS if plan.always else FLAGGED,
            lag=self._lag,
            jitter=lambda: self.rng.random() * (0.005 if calm else self.rng.choice((0.005, 0.03, 0.2))),
            echo=lambda: self.rng.random() * 0.8 if plan.weather == "wild" and self.rng.random() < 0.15 else -1.0,
            overtake=lambda: not calm and self.rng.random() < 0.3,
        )
        self._even = self._on_its_way = 0.0
        self.exchange = Exchange(self.world)
        self._agents = 0
        self._consulted: dict[str, str] = {}
        self._local: set[str] = set()
        self._everyone: list[str] = []  # agents' channels that exist
        self._left_for = ""  # how the caller left the last conversation
        self.at = 0.5
        self._notice()
        for step, gap, who in plan.steps:
            self.at = round(self.at + gap, 3)
            getattr(self, "_" + step.replace(" ", "_"))(who)
            self.truth.note(self.at)
        self.at = round(self.at + 0.5, 3)
        self._do(self.exchange.hang_up)
        self.truth.gone = True
        self.truth.note(self.at)
        if not plan.always:
            self.world.tell(ev.KeyPressed(self.at + 5, ev.AgentKey.KEEP, ""), 0.0)
        self.world.run()
        self.reached += self.world.seen
        self.reached["kept frames"] += len(self.world.kept_frames())

    # ---- delays

    def _lag(self) -> float:
        if self.plan.weather == "zero":
            return 0.0
        if self.plan.weather == "wild":
            return self.rng.choice((0.0, 0.0, self.rng.random() * 0.8))
        now = self.world.now
        self._even = min(max(self._even, now + self.rng.choice((0.0, self.rng.random() * 0.7))), now + 0.78)
        return self._even - now  # the stream is in order: nothing overtakes what came before

    def _do(self, what: object) -> None:
        at = self.at
        self.world.do(at, lambda: what(at), -2)  # type: ignore[operator]

    def _tell(self, event: ev.Event) -> bool:
        """Whether it gets through."""
        lag = 0.0 if self.plan.weather == "zero" else self.rng.choice((0.0, self.rng.random() * 0.7))
        self.world.tell(event, lag)
        self._on_its_way = max(self._on_its_way, self.at + lag)
        return not any(a <= self.at + lag and self.at < b for a, b in self.world.down)

    # ---- the steps

    def _notice(self) -> None:
        self.world.tell(ev.NoticeBegun(self.at), 0.0)
        self.at = 1.0 if self.rng.random() < 0.8 else 2.5
        self.world.tell(ev.NoticeEnded(self.at, True))
        self.truth.announced = True
        self.truth.note(self.at)

    def _company(self, who: int) -> str | None:
        present = sorted(self.truth.company or ())
        return present[who % len(present)] if present else None

    def _anybody(self, who: int) -> str | None:
        return self._everyone[who % len(self._everyone)] if self._everyone else None

    def _fresh(self) -> str:
        self._agents += 1
        self._everyone.append(f"agent{self._agents}")
        return self._everyone[-1]

    def _join(self, who: int, local: bool = False, held: bool = False) -> None:
        if len(self.truth.company or ()) > 2:
            return
        agent = self._fresh()
        if local:
            self._local.add(agent)
        if held:
            self.truth.holds[agent] = {"phone"}
            # he holds already when he comes in: at this moment the conversation ends, as the oracle says, and not a millisecond later
            self._do(lambda at: self.exchange.hold(agent, at - 0.001))
        self._do(lambda at: self.exchange.join(agent, at if held else at + 0.001, local))
        self._arrived(agent)
        self.reached["local" if local else "join"] += 1

    def _arrived(self, agent: str) -> None:
        if self.truth.company is None and self._left_for:
            self.reached[f"after {self._left_for}"] += 1
        self._left_for = ""
        self.truth.company = (self.truth.company or set()) | {agent}

    def _pick_up(self, who: int) -> None:
        """A colleague's phone rings for the caller, who waits; this agent takes the call: the colleague's channel becomes his."""
        if self.truth.company is None:
            ringing = self._fresh()
            self._do(lambda at: self.exchange.pick_up(ringing, at))
            self._arrived(ringing)
            self.reached["pick up"] += 1

    # ---- others than agents

    def _outsider(self, who: int, name: str = "outsider") -> str | None:
        """Nobody knows who they are, and nobody told them anything."""
        if len(self.truth.company or ()) > 2:
            return None
        person = self._fresh()
        self.exchange.outsiders.add(person)
        self.truth.strangers.add(person)
        self._do(lambda at: self.exchange.join(person, at))
        self._arrived(person)
        self.reached[name] += 1
        return person

    def _other(self, who: int, older: bool = False, name: str = "other customer") -> None:
        """Another customer, who heard the same notice before they came in."""
        if (person := self._outsider(who, name)) is not None:
            self.truth.strangers.discard(person)
            self.truth.told[person] = older
            self.world.stands(self.at - 0.002, person, allows=frozenset({"proof", "complaint"}), began_at=-1.0 if older else self.at)

    def _other_older(self, who: int) -> None:
        self._other(who, older=True, name="customer whose call is older")

    def _other_not_told(self, who: int) -> None:
        if (person := self._outsider(who, "customer of another line")) is not None:
            self.world.stands(self.at - 0.002, person, allows=frozenset({"training"}))

    def _other_refused(self, who: int) -> None:
        if (person := self._outsider(who, "customer who refused")) is not None:
            self.world.stands(self.at - 0.002, person, silenced=True)

    def _other_refuses(self, who: int) -> None:
        """Who was told, and may be in what is kept by now."""
        customers = sorted(c for c in self.truth.told if c in self._everyone)
        if customers:
            person = customers[who % len(customers)]
            self.world.stands(self.at, person, silenced=True, allows=None)
            del self.truth.told[person]
            self.truth.strangers.add(person)
            self.truth.refusers.add(person)
            self.truth.withdrawn_at = self.at
            self.reached["refused later"] += 1

    def _join_local(self, who: int) -> None:
        self._join(who, local=True)

    def _join_held(self, who: int) -> None:
        self._join(who, held=True)

    def _leave(self, who: int) -> None:
        if agent := self._anybody(who):
            self._everyone.remove(agent)
            self._do(lambda at: self.exchange.leave(agent, at))
            self.truth.holds.pop(agent, None)
            self._consulted.pop(agent, None)
            if self.truth.company:
                self.truth.company.discard(agent)
            self.reached["leave"] += 1

    def _part(self, who: int, lot: bool = False) -> None:
        if self.truth.company is not None:
            self._do(lambda at: self.exchange.park(at) if lot else self.exchange.part(at))
            self.truth.company = None
            self.truth.moved(CALLER)
            self._left_for = "park" if lot else "transfer"
            self.reached[self._left_for] += 1

    def _park(self, who: int) -> None:
        self._part(who, lot=True)

    def _hold(self, who: int, feature: bool = False, someone: str | None = None) -> None:
        if holder := someone or self._anybody(who):
            present = (self.truth.company or set()) | {CALLER}
            others = {h for h, kinds in self.truth.holds.items() if kinds and h != holder} & present
            self.reached["hold within a hold"] += bool(others) and holder in present
            self.reached["both sides hold"] += bool(others) and holder in present and CALLER in others | {holder}
            self.reached["hold repeated"] += bool(self.truth.holds.get(holder))
            self._do(lambda at: self.exchange.hold(holder, at, feature))
            self.truth.holds.setdefault(holder, set()).add("feature" if feature else "phone")
            self.reached["feature hold" if feature else "hold"] += 1

    def _unhold(self, who: int, someone: str | None = None) -> None:
        holders = sorted(h for h, kinds in self.truth.holds.items() if kinds)
        if holder := someone or (holders[who % len(holders)] if holders else None):
            self._do(lambda at: self.exchange.unhold(holder, at))
            self.truth.holds.pop(holder, None)
            self.reached["unhold"] += 1

    def _caller_holds(self, who: int) -> None:
        self._hold(who, someone=CALLER)

    def _caller_unholds(self, who: int) -> None:
        self._unhold(who, someone=CALLER)

    def _feature(self, who: int) -> None:
        if agent := self._company(who):
            self._hold(who, feature=True, someone=agent)

    def _early_unhold(self, who: int) -> None:
        if agent := self._company(who):
            self._do(lambda at: self.exchange.unhold(agent, at))
            self._do(lambda at: self.exchange.part(at + 0.003))
            self.truth.holds.pop(agent, None)
            self.truth.note(self.at)
            self.at = round(self.at + 0.003, 3)
            self.truth.company = None
            self.truth.moved(CALLER)
            self._left_for = "early unhold"
            self.reached["early unhold"] += 1

    def _consult(self, who: int) -> None:
        agent = self._company(who)
        if agent and agent not in self._local and agent not in self._consulted:
            other = self._fresh()
            self._do(lambda at: self.exchange.consult(agent, other, at))
            if self.truth.company:
                self.truth.company.discard(agent)
            self.truth.moved(agent)
            self._consulted[other] = agent
            self._consulted[agent] = ""
            self.reached["consult"] += 1

    def _move_in(self, who: int) -> None:
        for other, agent in tuple(self._consulted.items()):
            if agent and other in self._everyone and agent in self._everyone and other not in (self.truth.company or ()):
                self._do(lambda at, other=other: self.exchange.move_in(other, at))  # type: ignore[misc]
                self.truth.company = {other, agent}
                self.truth.moved(CALLER)
                del self._consulted[other]
                self.reached["move in"] += 1
                return

    def _ring(self, who: int) -> None:
        self._do(lambda at: self.exchange.ring("bell", at))

    # ---- keys, link, loop

    def _key(self, key: ev.AgentKey) -> bool:
        return self._tell(ev.KeyPressed(self.at, key, ""))

    def _pause(self, who: int) -> None:
        if self._key(ev.AgentKey.PAUSE):
            self.truth.hushed = True
            self.reached["pause"] += 1

    def _resume(self, who: int) -> None:
        if self._key(ev.AgentKey.RESUME) and self.truth.hushed:
            self.truth.hushed = False
            self.reached["resume"] += 1

    def _off(self, who: int) -> None:
        if who < 3 and self._key(ev.AgentKey.OFF_RECORD):
            self.truth.hushed, self.truth.wiped_at = True, self.at
            self.reached["off the record"] += 1

    def _keep(self, who: int) -> None:
        self._key(ev.AgentKey.KEEP)

    def _refuse(self, who: int) -> None:
        if who == 0 and self._tell(ev.KeyChosen(self.at, "3")):
            self.truth.refused = True
            self.reached["refused"] += 1

    def _link(self, who: int) -> None:
        if self.plan.weather != "zero" and not self.world.down and self.at > self._on_its_way:
            noticed = self.at + (0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 3.0, 0.3)[who]
            self.world.lose_link(self.at, noticed, noticed + 0.3 + self.rng.random(), self.exchange.read)
            self.reached["link lost"] += 1

    def _busy(self, who: int) -> None:
        if self.plan.weather != "zero":
            self.world.busy.append((self.at, self.at + 0.05 + 0.3 * self.rng.random()))
            self.reached["busy"] += 1
