"""An office that never was: its calls, what its people do with recordings, what its customers ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from asterisk_privacy.lab.timemachine.agenda import Agenda
from asterisk_privacy.lab.timemachine.bulk import Kept
from asterisk_privacy.lab.timemachine.cases import Cases
from asterisk_privacy.lab.timemachine.persons import Persons
from asterisk_privacy.lab.timemachine.watch import Watch
from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.consent import allowed
from asterisk_privacy.policy.purpose import Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.policy.sampling import sampled_purposes
from asterisk_privacy.registry.registry import Registry

AGENTS, CUSTOMERS = 40, 50_000
REFUSES, AGREES, FLAGGED = 0.03, 0.4, 0.01  # shares of calls
REVIEWED, LESSON = 0.9, 0.03  # of sampled recordings
CASE, LATE, HELD = 0.6, 0.1, 0.08  # of flagged recordings
ASKS = 0.03  # of all kept calls: the customer asks something, about all that is kept of him


class Office:
    """`due(now)` does what falls before `now`: reviews, steps of cases, holds, requests, by the registry's own methods."""

    def __init__(self, book: Book, registry: Registry, watch: Watch, chance: Random) -> None:
        self._registry, self._watch, self._chance = registry, watch, chance
        self._profiles = list(book.profiles.values())
        always = [any(p.trigger is Trigger.ALWAYS for p in profile.purposes) for profile in self._profiles]
        self._weights = [1 if every else 27 for every in always]  # a line that keeps every call is not the busiest
        self._agenda = Agenda(chance)
        self._cases = Cases(registry, watch, self._agenda, chance)
        self._persons = Persons(registry, watch, self._agenda, chance)
        self.refused = 0

    @property
    def happened(self) -> Counter[str]:
        return self._agenda.happened

    def due(self, now: datetime) -> None:
        self._agenda.due(now)

    def calls(self, day: datetime, count: int) -> Iterator[Kept]:
        """Those of one day that something keeps. Consent, sampling and triggers are the policy's."""
        for profile in self._chance.choices(self._profiles, self._weights, k=count):
            purposes = self._purposes(profile)
            if purposes:
                at = day + timedelta(milliseconds=self._chance.randrange(8 * 3600_000, 18 * 3600_000))
                agent = f"PJSIP/agent{self._chance.randrange(AGENTS)}"
                customer = f"customer{self._chance.randrange(CUSTOMERS)}"
                yield Kept(f"{self._agenda.number():032x}", profile.name, agent, customer, at, purposes)

    def _purposes(self, profile: Profile) -> tuple[Purpose, ...]:
        chance = self._chance
        if profile.refuse_key and chance.random() < REFUSES:
            self.refused += 1
            return ()
        agreed = frozenset(p.name for p in profile.purposes if p.agree_key and chance.random() < AGREES)
        sampled = sampled_purposes(profile, chance.randrange)
        flagged = chance.random() < FLAGGED
        return tuple(
            p
            for p in allowed(profile, agreed)
            if p.trigger is Trigger.ALWAYS or p.name in sampled or (flagged and p.trigger in (Trigger.FLAG, Trigger.MARKED))
        )

    def foresee(self, call: Kept) -> None:
        """Fate of a kept call: what will happen to it, if it is still there then."""
        chance, at, days = self._chance, call.at, self._agenda.days
        triggers = {purpose.trigger for purpose in call.purposes}
        if Trigger.SAMPLE in triggers or not triggers - {Trigger.ALWAYS}:
            if chance.random() < REVIEWED:
                self._plan(call, at + days(1, 14), self._review)
            if chance.random() < LESSON:
                self._plan(call, at + days(1, 10), self._lesson)
        if Trigger.FLAG in triggers:
            if chance.random() < CASE:
                self._plan(call, at + (days(25, 80) if chance.random() < LATE else days(0, 25)), self._cases.open)
            if chance.random() < HELD:
                self._plan(call, at + days(1, 25), lambda recording, moment: self._cases.hold([recording], moment))
        if chance.random() < ASKS:
            self._plan(call, at + days(0, 60), lambda _, moment: self._persons.ask(call, moment))

    def _plan(self, call: Kept, at: datetime, deed: Callable[[str, datetime], None]) -> None:
        def do(moment: datetime) -> None:
            if call.id in self._watch.living:
                deed(call.id, moment)

        self._agenda.later(at, do)

    def _review(self, recording: str, at: datetime) -> None:
        self._registry.milestone(recording, Milestone.REVIEWED, at, "reviewer")
        self._watch.living[recording].reviewed = at
        self.happened["reviews"] += 1

    def _lesson(self, recording: str, at: datetime) -> None:
        until = at + self._agenda.days(30, 500)
        self._registry.lesson(recording, until, at, "trainer", "a good example")
        self._watch.living[recording].learn(until)
        self.happened["lessons"] += 1
