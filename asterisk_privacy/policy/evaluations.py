"""When an agent is evaluated: his own dates, or a rhythm for all. Days are those of UTC."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum


class Rhythm(StrEnum):
    """Evaluations on the first day of each ..."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half-yearly"
    YEARLY = "yearly"


_MONTHS: Mapping[Rhythm, int] = {Rhythm.MONTHLY: 1, Rhythm.QUARTERLY: 3, Rhythm.HALF_YEARLY: 6, Rhythm.YEARLY: 12}


@dataclass(frozen=True, slots=True)
class Calendar:
    """`agents`: endpoint such as "PJSIP/anna" -> dates. Who has no date after a call is evaluated in the rhythm of all."""

    default: Rhythm = Rhythm.QUARTERLY
    agents: Mapping[str, Sequence[date]] = field(default_factory=dict)

    def after(self, call: datetime, agents: Collection[str]) -> datetime:
        """Begin (UTC) of the first day of evaluation that comes after the day of the call. `agents`: all who spoke in it.

        The earliest of their evaluations counts. "Until the agent's next evaluation" is what the caller was promised, and each of them is
        the agent; what was promised is not prolonged because the call was passed on (GDPR art. 5(1)(e)). An evaluation that wants the
        call later needs a lesson, which is a person's decision.
        """
        day = call.astimezone(UTC).date()
        first = min((self._next(day, agent) for agent in agents), default=next_turn(day, self.default))
        return datetime(first.year, first.month, first.day, tzinfo=UTC)

    def _next(self, day: date, agent: str) -> date:
        own = [chosen for chosen in self.agents.get(agent, ()) if chosen > day]
        return min(own) if own else next_turn(day, self.default)


def next_turn(day: date, rhythm: Rhythm = Rhythm.QUARTERLY) -> date:
    """The first day of the next month, quarter, half or year."""
    months = _MONTHS[rhythm]
    ahead = day.year * 12 + (day.month - 1) // months * months + months
    return date(ahead // 12, ahead % 12 + 1, 1)
