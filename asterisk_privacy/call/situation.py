"""The situation of a call as enums, and the two tables that say everything about it: which life follows which, and when the gate is open.

Both tables are total: every combination has an entry, so nothing can happen that nobody thought of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import product

from asterisk_privacy.call import events as ev
from asterisk_privacy.call.timeline import SpanKind


class Life(Enum):
    EXPECTED = "expected"  # asked for over AGI, announcement not begun
    NOTICE = "notice"  # announcement playing
    LIVE = "live"  # announcement over
    GRACE = "grace"  # hung up; the keep key still works
    OVER = "over"


class Consent(Enum):
    UNASKED = "unasked"
    HEARD = "heard"  # notice heard, not refused
    REFUSED = "refused"  # final for the call (R3)


class Demand(Enum):
    NONE = "none"  # no purpose can ever want this call
    LATENT = "latent"  # the agent may still ask for it: ring only
    STREAM = "stream"  # a purpose wants it: file


class Hush(Enum):
    NONE = "none"
    PAUSED = "paused"
    OFF_RECORD = "off-record"


class Link(Enum):
    UP = "up"
    DOWN = "down"


class Talk(Enum):
    TALKING = "talking"
    SETTLING = "settling"  # conversation began a moment ago; wait whether it lasts (facts 1.6, 13.3)
    SILENT = "silent"  # hold, park, queue, ringing, consultation, alone, a stranger in it, kept in another customer's call


class Gate(Enum):
    OPEN = "open"
    SHUT = "shut"


@dataclass(frozen=True, slots=True)
class Situation:
    life: Life = Life.EXPECTED
    consent: Consent = Consent.UNASKED
    demand: Demand = Demand.NONE
    hush: Hush = Hush.NONE
    link: Link = Link.UP
    talk: Talk = Talk.SILENT


def _gate_table() -> Mapping[Situation, Gate]:
    """Open in exactly two situations: announced and not refused, linked, nobody hushed it, in conversation, and somebody may want it."""
    table = {Situation(*combo): Gate.SHUT for combo in product(Life, Consent, Demand, Hush, Link, Talk)}
    for demand in (Demand.LATENT, Demand.STREAM):
        table[Situation(Life.LIVE, Consent.HEARD, demand, Hush.NONE, Link.UP, Talk.TALKING)] = Gate.OPEN
    return table


GATE: Mapping[Situation, Gate] = _gate_table()

_STAY: Mapping[Life, Life] = {life: life for life in Life}
_EVENTS_THAT_CHANGE_LIFE: Mapping[type[ev.Event], Mapping[Life, Life]] = {
    # a second announcement (transfer to another line) does not reopen anything by itself
    ev.NoticeBegun: {**_STAY, Life.EXPECTED: Life.NOTICE},
    ev.NoticeEnded: {**_STAY, Life.EXPECTED: Life.LIVE, Life.NOTICE: Life.LIVE},
    ev.HungUp: {**_STAY, Life.EXPECTED: Life.GRACE, Life.NOTICE: Life.GRACE, Life.LIVE: Life.GRACE},
}

NEXT_LIFE: Mapping[tuple[Life, type[ev.Event]], Life] = {
    (life, event): _EVENTS_THAT_CHANGE_LIFE.get(event, _STAY)[life] for life, event in product(Life, ev.EVENTS)
}
"""Life.OVER is reached by the recorder itself, when the grace time has passed."""

_NOT_YET: Mapping[SpanKind | None, SpanKind] = {
    # what it was goes on until conversation has settled; but where talk was interrupted, those milliseconds are not in the recording
    SpanKind.TALK: SpanKind.LOST, SpanKind.LOST: SpanKind.LOST, SpanKind.HOLD: SpanKind.HOLD, SpanKind.WAIT: SpanKind.WAIT,
    SpanKind.STRANGER: SpanKind.STRANGER, SpanKind.JOINED: SpanKind.JOINED,
}  # fmt: skip


def span_kind(s: Situation, before: SpanKind | None, waiting: SpanKind) -> SpanKind | None:
    """What the timeline tells of this situation. `before`: what it told until now; `waiting`: what kind, where there is no talk."""
    if s.life is Life.NOTICE:
        return SpanKind.NOTICE
    if s.life in (Life.GRACE, Life.OVER):
        return None
    if s.talk is Talk.SILENT or s.life is Life.EXPECTED:
        return waiting
    if s.hush is Hush.PAUSED:
        return SpanKind.PAUSE
    if s.hush is Hush.OFF_RECORD or s.consent is Consent.REFUSED:
        return SpanKind.OFF_RECORD
    if s.talk is Talk.SETTLING:
        return _NOT_YET.get(before, waiting)
    return SpanKind.TALK if GATE[s] is Gate.OPEN else SpanKind.LOST
