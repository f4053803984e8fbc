"""Cases and legal holds of the simulated office, by the registry's own methods."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from asterisk_privacy.lab.timemachine.agenda import Agenda
from asterisk_privacy.lab.timemachine.watch import Watch
from asterisk_privacy.policy.cases import CaseKind, Step
from asterisk_privacy.registry.registry import Registry

FORGOTTEN, REOPENED, TALKED, APPEALED = 0.1, 0.1, 0.7, 0.3  # shares of cases
HELD_CASE = 0.05  # of cases; of court cases ten times that


class Cases:
    def __init__(self, registry: Registry, watch: Watch, agenda: Agenda, chance: Random) -> None:
        self._registry, self._watch, self._agenda, self._chance = registry, watch, agenda, chance

    def open(self, recording: str, at: datetime) -> None:
        kind = self._chance.choices(list(CaseKind), [80, 12, 8])[0]
        reference = f"{kind}-{self._agenda.number()}"
        self._registry.open_case(kind, reference, at, "office")
        self._registry.link_case(reference, recording, at, "office")
        self._count(f"cases opened: {kind}")
        life = self._watch.living[recording]
        life.open_cases += 1
        life.cases += 1
        life.court_cases += kind is CaseKind.COURT
        if self._chance.random() < HELD_CASE * (10 if kind is CaseKind.COURT else 1):
            self.hold([recording], at, reference)
        if kind is CaseKind.COURT:
            self._court(reference, recording, at)
        elif self._chance.random() >= FORGOTTEN:  # the rest is forgotten, and the latest date ends it
            self._end(reference, recording, at, at + timedelta(days=self._chance.expovariate(1 / 60)))

    def hold(self, recordings: Sequence[str], at: datetime, case: str | None = None) -> None:
        """Of the case, or of the one recording."""
        why = (at, "lawyer", "a claim is to be expected", ("lawyer",))
        hold = self._registry.place_hold(*why, case=case, recording_id=recordings[0] if case is None else None)
        self._count("legal holds placed")
        for recording in recordings:
            self._watch.living[recording].holds += 1

        def release(moment: datetime) -> None:
            self._registry.release_hold(hold.id, moment, "lawyer", "settled")
            self._count("legal holds released")
            for recording in recordings:
                self._watch.living[recording].holds -= 1  # KeyError: it was deleted while it was held

        self._agenda.later(at + self._agenda.days(100, 900), release)

    def _end(self, reference: str, recording: str, opened: datetime, closed: datetime) -> None:
        if self._chance.random() < TALKED:
            self._step(reference, recording, opened + (closed - opened) / 2, Step.DISCUSSED)
        self._step(reference, recording, closed, Step.CLOSED)
        if self._chance.random() < REOPENED:
            again = closed + self._agenda.days(1, 40)
            self._step(reference, recording, again, Step.REOPENED)
            self._step(reference, recording, again + self._agenda.days(1, 60), Step.CLOSED)

    def _court(self, reference: str, recording: str, at: datetime) -> None:
        judged = at + self._agenda.days(60, 500)
        self._step(reference, recording, judged, Step.JUDGMENT)
        if self._chance.random() < APPEALED:
            appealed = judged + self._agenda.days(1, 90)
            self._step(reference, recording, appealed, Step.APPEAL)
            self._step(reference, recording, appealed + self._agenda.days(100, 400), Step.FINAL)
        else:
            self._step(reference, recording, judged + self._agenda.days(93, 200), Step.CLOSED)

    def _step(self, reference: str, recording: str, at: datetime, step: Step) -> None:
        def do(moment: datetime) -> None:
            self._registry.case_step(reference, step, moment, "office")
            self._count(f"cases: {step}")
            life = self._watch.living.get(recording)
            if life is None:
                return
            if step in (Step.CLOSED, Step.FINAL):
                life.open_cases -= 1
            elif step is Step.REOPENED:
                life.open_cases += 1
            elif step is Step.DISCUSSED:
                life.discussed = moment

        self._agenda.later(at, do)

    def _count(self, what: str) -> None:
        self._agenda.happened[what] += 1
