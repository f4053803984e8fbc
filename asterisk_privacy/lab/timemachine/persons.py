"""What customers ask of the simulated office (GDPR art. 15, 17, 18, 21), answered by the real rules (rights/, daemon/rights.py)."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import cast

from asterisk_privacy.daemon import rights
from asterisk_privacy.daemon.rights import Asked
from asterisk_privacy.lab.timemachine.agenda import Agenda
from asterisk_privacy.lab.timemachine.bulk import Kept, NoFiles
from asterisk_privacy.lab.timemachine.watch import Watch
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.requests import About, RequestKind
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.rights import deadline
from asterisk_privacy.store.vault import Vault

KINDS = {RequestKind.ACCESS: 40, RequestKind.ERASURE: 25, RequestKind.RESTRICTION: 15, RequestKind.OBJECTION: 20}
_STORE = cast("Vault", NoFiles())
EXTENDED, CLAIMED = 0.1, 0.05  # shares of requests: answered late, and refused because of a legal claim


class Persons:
    def __init__(self, registry: Registry, watch: Watch, agenda: Agenda, chance: Random) -> None:
        self._registry, self._watch, self._agenda, self._chance = registry, watch, agenda, chance

    def ask(self, call: Kept, at: datetime) -> None:
        """He who made this call; about all that is kept of him."""
        kind = self._chance.choices(list(KINDS), list(KINDS.values()))[0]
        received = at.date()
        number = self._registry.open_request(kind, About.NUMBER, call.customer, "called back", received, deadline.due(received))
        self._count(f"requests: {kind}")
        waits = kind in (RequestKind.ACCESS, RequestKind.RESTRICTION)
        if waits:
            self._watch.asks(call.customer, number, deadline.due(received))
        late = self._chance.random() < EXTENDED
        if late:
            self._agenda.later(at + self._agenda.days(1, 25), lambda _: self._extend(number, call.customer if waits else None))
        answered = at + (self._agenda.days(26, 80) if late else self._agenda.days(0, 25))
        self._agenda.later(answered, lambda moment: self._answer(number, kind, call.customer, moment))

    def _extend(self, number: int, waiting: str | None) -> None:
        row = self._registry.request(number)
        assert row is not None
        self._registry.extend_request(number, deadline.extended(row.due), "many recordings")
        if waiting is not None:
            self._watch.asks(waiting, number, deadline.extended(row.due))
        self._count("requests: extended")

    def _answer(self, number: int, kind: RequestKind, customer: str, at: datetime) -> None:
        request = self._registry.request(number)
        assert request is not None
        if deadline.urgency(request.due, at.date()) is deadline.Urgency.OVERDUE:
            self._count("requests: answered too late")
        claim = "a claim of the office" if self._chance.random() < CLAIMED else None
        asked = Asked(f"request {number}", "called back", claim, number)
        for row in self._registry.recordings_of(hashes=[customer]):
            if row.state is State.SEALED:
                self._do(kind, row, asked, at)
        self._registry.close_request(number, "answered")
        self._watch.answered(customer, number)
        self._count("requests: answered")

    def _do(self, kind: RequestKind, row: RecordingRow, asked: Asked, at: datetime) -> None:
        life = self._watch.living[row.id]
        if kind is RequestKind.ACCESS:
            self._registry.audit("officer", "recording.subject-copy", row.id, {"reason": asked.reason})
            self._count("recordings copied for the person")
        elif kind is RequestKind.RESTRICTION:
            if not life.restricted:
                self._restrict(row, asked, at)
        else:
            if kind is RequestKind.ERASURE:
                answer = rights.erase(self._registry, _STORE, row, asked, at)
            elif not row.purposes:
                return
            else:
                purpose = self._chance.choice([p.name for p in row.purposes])
                answer = rights.object_to(self._registry, _STORE, row, purpose, asked, at)
            life.purposes = [p for p in life.purposes if p.name not in answer.withdrawn]
            if answer.erased:
                self._watch.erased(row.id, at)
            outcome = "refused" if answer.refused else "erased" if answer.erased else "purposes ended"
            self._count(f"{kind}: recordings {outcome}")

    def _restrict(self, row: RecordingRow, asked: Asked, at: datetime) -> None:
        rights.restrict(self._registry, row, (), asked, at)
        self._watch.living[row.id].restricted = True
        self._count("restriction: recordings restricted")

        def lift(moment: datetime) -> None:
            life = self._watch.living.get(row.id)  # the person may have asked for its erasure meanwhile
            if life is not None and life.restricted:
                self._registry.lift_restriction(row.id, moment, "verified")
                life.restricted = False
                self._count("restriction: lifted again")

        self._agenda.later(at + self._agenda.days(10, 200), lift)

    def _count(self, what: str) -> None:
        self._agenda.happened[what] += 1
