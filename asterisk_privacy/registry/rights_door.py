"""The part of the registry's door that is about what a person may ask; see registry.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from asterisk_privacy.registry import requests, restrictions, subjects
from asterisk_privacy.registry.engine import Engine
from asterisk_privacy.registry.requests import About, RequestKind, RequestRow
from asterisk_privacy.registry.rows import RecordingRow, RestrictionRow
from asterisk_privacy.registry.subjects import ListenRow


class PersonsRights:
    _engine: Engine

    def recordings_of(
        self,
        *,
        hashes: Collection[str] = (),
        agent: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[RecordingRow]:
        """By hashes of a customer's number, or by agent; those still there, the oldest first, `until` excluded."""
        return subjects.recordings(self._engine, hashes=hashes, agent=agent, since=since, until=until)

    def listens(self, recording_id: str) -> list[ListenRow]:
        """Who listened, when and for which purpose, the oldest first."""
        return subjects.listens(self._engine, recording_id)

    def open_request(
        self,
        kind: RequestKind | str,
        about: About | str,
        subject: str,
        identity_check: str,
        received: date,
        due: date,
        hashes: Collection[str] = (),
    ) -> int:
        """`subject` is a number's hash or an agent's endpoint; `hashes`: all under which the number may stand. Returns the number of the
        request. What it concerns is not deleted before it is closed, or its last day is over: see requests.py."""
        return requests.open_(self._engine, RequestKind(kind), About(about), subject, identity_check, received, due, hashes)

    def extend_request(self, number: int, due: date, reason: str) -> None:
        """Once (WrongState the second time)."""
        requests.extend(self._engine, number, due, reason)

    def close_request(self, number: int, outcome: str) -> None:
        """Also forgets who asked."""
        requests.close(self._engine, number, outcome)

    def request(self, number: int) -> RequestRow | None:
        found = requests.select(self._engine, number=number)
        return found[0] if found else None

    def requests(self, only_open: bool = False) -> list[RequestRow]:
        """The first due first."""
        return requests.select(self._engine, only_open=only_open)

    def restrict(self, recording_id: str, at: datetime, reason: str, except_for: Sequence[str] = ()) -> None:
        """From now on it is only stored: see restrictions.py."""
        restrictions.restrict(self._engine, recording_id, at, reason, except_for)

    def lift_restriction(self, recording_id: str, at: datetime, reason: str) -> None:
        restrictions.lift(self._engine, recording_id, at, reason)

    def restrictions(self) -> dict[str, RestrictionRow]:
        """Those in force, by recording id."""
        return restrictions.active(self._engine)
