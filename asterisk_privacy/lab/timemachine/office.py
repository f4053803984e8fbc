"""An office that never was: its calls, what its people do with recordings, what its customers ask."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from asterisk_privacy.lab.timemachine.bulk import Kept
from asterisk_privacy.lab.timemachine.watch import Watch
from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.cases import CaseKind, Step
from asterisk_privacy.policy.consent import allowed
from asterisk_privacy.policy.purpose import Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.policy.sampling import sampled_purposes
from asterisk_privacy.registry.registry import Registry

Deed = Callable[[datetime], None]
AGENTS = 40
REFUSES, AGREES, FLAGGED = 0.03, 0.4, 0.01  # shares of calls
REVIEWED, LESSON = 0.9, 0.03  # of sampled recordings
CASE, LATE, HELD = 0.6, 0.1, 0.08  # of flagged recordings
RESTRICTED, OBJECTED = 0.005, 0.01  # of all


class Office:
    """`due(now)` does what falls before `now`: reviews, steps of cases, holds, requests, by the registry's own methods."""

    def __init__(self, book: Book, registry: Registry, watch: Watch, chance: Random) -> None:
        self._registry, self._watch, self._chance = registry, watch, chance
        self._profiles = list(book.profiles.values())
        always = [any(p.trigger is Trigger.ALWAYS for p in profile.purposes) for profile in self._profiles]
        self._weights = [1 if every else 27 for every in always]  # a line that keeps every call is not the busiest
        self._agenda: list[tuple[datetime, int, Deed]] = []
        self._number = itertools.count(1)
        self.refused = 0

    def calls(self, day: datetime, count: int) -> Iterator[Kept]:
        """Those of one day that something keeps. Consent, sampling and triggers are the policy's."""
        for profile in self._chance.choices(self._profiles, self._weights, k=count):
            purposes = self._purposes(profile)
            if purposes:
                at = day + timedelta(milliseconds=self._chance.randrange(8 * 3600_000, 18 * 3600_000))
                agent = f"PJSIP/agent{self._chance.randrange(AGENTS)}"
                yield Kept(f"{next(self._number):032x}", profile.name, agent, at, purposes)

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
        chance, at = self._chance, call.at
        triggers = {purpose.trigger for purpose in call.purposes}
        if Trigger.SAMPLE in triggers or not triggers - {Trigger.ALWAYS}:
            if chance.random() < REVIEWED:
                self._plan(call, at + self._days(1, 14), self._review)
            if chance.random() < LESSON:
                self._plan(call, at + self._days(1, 10), self._lesson)
        if Trigger.FLAG in triggers:
            if chance.random() < CASE:
                self._plan(call, at + (self._days(25, 80) if chance.random() < LATE else self._days(0, 25)), self._open_case)
            if chance.random() < HELD:
                self._plan(call, at + self._days(1, 25), self._hold)
        if chance.random() < RESTRICTED:
            self._plan(call, at + self._days(1, 20), self._restrict)
        if chance.random() < OBJECTED:
            self._plan(call, at + self._days(0, 60), self._object)

    def due(self, now: datetime) -> None:
        while self._agenda and self._agenda[0][0] <= now:
            at, _, deed = heapq.heappop(self._agenda)
            deed(at)

    def _days(self, least: float, most: float) -> timedelta:
        return timedelta(milliseconds=int(self._chance.uniform(least, most) * 86_400_000))

    def _plan(self, call: Kept, at: datetime, deed: Callable[[str, datetime], None]) -> None:
        def do(moment: datetime) -> None:
            if call.id in self._watch.living:
                deed(call.id, moment)

        self._later(at, do)

    def _later(self, at: datetime, deed: Deed) -> None:
        heapq.heappush(self._agenda, (at, next(self._number), deed))

    def _review(self, recording: str, at: datetime) -> None:
        self._registry.milestone(recording, Milestone.REVIEWED, at, "reviewer")
        self._watch.living[recording].reviewed = at

    def _lesson(self, recording: str, at: datetime) -> None:
        until = at + self._days(30, 500)
        self._registry.lesson(recording, until, at, "trainer", "a good example")
        self._watch.living[recording].lesson = until

    def _open_case(self, recording: str, at: datetime) -> None:
        kind = self._chance.choices(list(CaseKind), [80, 12, 8])[0]
        reference = f"{kind}-{next(self._number)}"
        self._registry.open_case(kind, reference, at, "office")
        self._registry.link_case(reference, recording, at, "office")
        self._watch.living[recording].open_cases += 1
        self._watch.living[recording].cases += 1
        if kind is CaseKind.COURT:
            self._court(reference, recording, at)
        elif self._chance.random() < 0.9:  # the rest is forgotten, and the latest date ends it
            self._step(reference, recording, at + timedelta(days=self._chance.expovariate(1 / 60)), Step.CLOSED)

    def _court(self, reference: str, recording: str, at: datetime) -> None:
        judged = at + self._days(60, 500)
        self._step(reference, recording, judged, Step.JUDGMENT)
        if self._chance.random() < 0.3:
            appealed = judged + self._days(1, 90)
            self._step(reference, recording, appealed, Step.APPEAL)
            self._step(reference, recording, appealed + self._days(100, 400), Step.FINAL)
        else:
            self._step(reference, recording, judged + self._days(93, 200), Step.CLOSED)

    def _step(self, reference: str, recording: str, at: datetime, step: Step) -> None:
        def do(moment: datetime) -> None:
            self._registry.case_step(reference, step, moment, "office")
            if step in (Step.CLOSED, Step.FINAL) and recording in self._watch.living:
                self._watch.living[recording].open_cases -= 1

        self._later(at, do)

    def _hold(self, recording: str, at: datetime) -> None:
        hold = self._registry.place_hold(at, "lawyer", "a claim is to be expected", ("lawyer",), recording_id=recording)
        self._watch.living[recording].holds += 1

        def release(moment: datetime) -> None:
            self._registry.release_hold(hold.id, moment, "lawyer", "settled")
            if recording in self._watch.living:
                self._watch.living[recording].holds -= 1

        self._later(at + self._days(100, 900), release)

    def _restrict(self, recording: str, at: datetime) -> None:
        self._registry.restrict(recording, at, "accuracy contested")
        self._watch.living[recording].restricted = True

        def lift(moment: datetime) -> None:
            if recording in self._watch.living:
                self._registry.lift_restriction(recording, moment, "verified")
                self._watch.living[recording].restricted = False

        self._later(at + self._days(10, 200), lift)

    def _object(self, recording: str, at: datetime) -> None:
        life = self._watch.living[recording]
        if life.purposes:
            self._registry.withdraw_purpose(recording, life.purposes[0].name, at, "objected")
            del life.purposes[0]
