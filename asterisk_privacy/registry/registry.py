"""The door of the room. Synchronous; one thread at a time, whichever; other processes may have the same file open.

Every method is one transaction and, if it changes anything, writes its audit row in it. Errors: OperatorError (one line; WrongState
when the step does not fit), ValueError for a datetime without timezone or a recording without a purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType

from asterisk_privacy.call.commands import ConsentKind, Outcome
from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import Mark, Span
from asterisk_privacy.policy.cases import CaseKind, Step
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.policy.row_life import RowLife
from asterisk_privacy.registry import (
    audit,
    calls,
    campaigns,
    cases,
    draws,
    due,
    expiry,
    holds,
    purges,
    queue,
    reading,
    recordings,
    verify,
)
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.case_rows import CaseRow, HoldRow
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.contents import Contents
from asterisk_privacy.registry.engine import Engine
from asterisk_privacy.registry.migrate import migrate
from asterisk_privacy.registry.nodes import Nodes
from asterisk_privacy.registry.opening import open_engine
from asterisk_privacy.registry.passing import InDoubt
from asterisk_privacy.registry.reading import Ours
from asterisk_privacy.registry.rights_door import PersonsRights
from asterisk_privacy.registry.rows import AuditReport, AuditRow, CallRow, PurgeRow, RecordingRow, State
from asterisk_privacy.registry.signing import Verifier
from asterisk_privacy.registry.soundness import Soundness
from asterisk_privacy.registry.tenants import Tenants


class Registry(PersonsRights):
    def __init__(self, engine: Engine) -> None:
        """Use `Registry.open`."""
        self._engine = engine

    @classmethod
    def open(
        cls,
        place: Path | Server,
        *,
        actor: str = "daemon",
        clock: Callable[[], datetime] = utc_now,
        busy_seconds: float = 5.0,
        answer_seconds: float | None = None,
        create: bool = True,
    ) -> Registry:
        """Makes what is not there (unless `create` is False: then OperatorError) or migrates it.

        `actor` is who the audit rows name; `busy_seconds` how long to wait for another process; `answer_seconds` how long for a server,
        where something waits for this registry.
        """
        engine = open_engine(place, actor, clock, busy_seconds, answer_seconds, create)
        try:
            migrate(engine, create=create)
        except BaseException:
            engine.close()
            raise
        return cls(engine)

    @property
    def actor(self) -> str:
        """Whom the audit rows name."""
        return self._engine.actor

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """The audit rows of what is done within name this one. For a registry that one thread uses on behalf of many."""
        before, self._engine.actor = self._engine.actor, actor
        try:
            yield
        finally:
            self._engine.actor = before

    @property
    def nodes(self) -> Nodes:
        """Who shares this registry, and where the recordings of each are."""
        return Nodes(self._engine)

    @property
    def contents(self) -> Contents:
        """What each sealed recording is known by."""
        return Contents(self._engine)

    @property
    def tenants(self) -> Tenants:
        """Whose rows are seen from here, and who sees whose."""
        return Tenants(self._engine)

    @property
    def soundness(self) -> Soundness:
        """Whether it is still what it was."""
        return Soundness(self._engine)

    @property
    def where(self) -> str:
        """What people call it: a path, or an address without a password."""
        return self._engine.where

    def claim_node(self) -> None:
        """By a daemon, for its life. OperatorError: another daemon has that name."""
        self._engine.claim_node()

    def was_taken(self, doubt: InDoubt) -> bool:
        """Whether the change of which the server's answer was lost is written, so that it must not be made again. Passing."""
        return self._engine.was_taken(doubt.transaction)

    def only_one(self) -> AbstractContextManager[None]:
        """Keeps a second purger away. OperatorError: there is one."""
        return self._engine.only_one()

    def close(self) -> None:
        self._engine.close()

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    # calls

    def begin_call(
        self,
        call_id: str,
        profile: str,
        at: datetime,
        customer_hash: str | None,
        customer_sealed: bytes | None,
        direction: str,
        tenant: str | None = None,
    ) -> None:
        """`direction` is "in" or "out"; `tenant`: whose line it is, and so whose call, and its recordings."""
        calls.begin(self._engine, call_id, profile, at, customer_hash, customer_sealed, direction, tenant)

    def note_consent(self, call_id: str, at: datetime, kind: ConsentKind | str, key: str | None, detail: str = "") -> None:
        calls.note_consent(self._engine, call_id, at, ConsentKind(kind), key, detail)

    def tell_call(self, call_id: str, people: Sequence[Participant], spans: Sequence[Span], marks: Sequence[Mark]) -> None:
        """The story of a call that still goes on, for a daemon that must take it up again; a last span without length goes on. `people`:
        all who took part until now, in the order in which they came. No audit row: nothing has happened yet that the end of the call does
        not tell."""
        calls.tell(self._engine, call_id, people, spans, marks)

    def end_call(
        self,
        call_id: str,
        at: datetime,
        outcome: Outcome | str,
        people: Sequence[Participant],
        spans: Sequence[Span],
        marks: Sequence[Mark],
    ) -> None:
        """Once, and after the grace time: unless a recording of the call lives, the customer's hash and sealed number go here."""
        calls.end(self._engine, call_id, at, Outcome(outcome), people, spans, marks)

    def call(self, call_id: str) -> CallRow | None:
        found = calls.select(self._engine, call_id=call_id, limit=None, customer_hash=None)
        return found[0] if found else None

    def calls(self, limit: int = 100, customer_hash: str | None = None) -> list[CallRow]:
        """The newest first."""
        return calls.select(self._engine, call_id=None, limit=limit, customer_hash=customer_hash)

    def open_calls(self) -> list[str]:
        """Ids of calls begun on this node and never ended: after a crash, these are to be settled. Their recordings are those in state
        writing."""
        return calls.open_(self._engine)

    # recordings

    def begin_recording(
        self, recording_id: str, call_id: str, at: datetime, purposes: Sequence[Purpose], part: int, marked: bool = False
    ) -> None:
        """Copies title, basis, reasoning and retention of each purpose: what was promised at this moment holds for this recording.
        `marked`: it holds only what the agent marked."""
        recordings.begin(self._engine, recording_id, call_id, at, purposes, part, marked)

    def seal_recording(
        self,
        recording_id: str,
        at: datetime,
        size: int,
        sha256: str,
        duration_ms: int,
        truncated: bool,
        sealed_to: str | None = None,
        pieces: bytes | None = None,
    ) -> None:
        """`sealed_to`: fingerprints of the keys that open it, with a space between; None: not known. `pieces`: see content.py."""
        recordings.seal(self._engine, recording_id, at, size, sha256, duration_ms, truncated, sealed_to, pieces)

    def deidentify(
        self,
        recording_id: str,
        at: datetime,
        how: str,
        was: str,
        size: int,
        sha256: str,
        sealed_to: str | None,
        pieces: bytes | None = None,
    ) -> None:
        """A version without a person in it takes the place of the file: `was` is the hash of that, `sha256` of the new one."""
        recordings.deidentify(self._engine, recording_id, at, how, was, size, sha256, sealed_to, pieces)

    def add_purpose(self, recording_id: str, purpose: Purpose, at: datetime) -> None:
        recordings.add_purpose(self._engine, recording_id, purpose, at)

    def withdraw_purpose(self, recording_id: str, name: str, at: datetime, reason: str) -> None:
        recordings.withdraw_purpose(self._engine, recording_id, name, at, reason)

    def erase_recording(self, recording_id: str, at: datetime, reason: str) -> None:
        """Only while it is being written; a sealed one goes by mark_purging and mark_purged."""
        recordings.erase(self._engine, recording_id, at, reason)

    def milestone(self, recording_id: str, kind: Milestone, at: datetime, by: str, note: str = "") -> None:
        """A review. All other kinds are events of a case: see case_step."""
        recordings.milestone(self._engine, recording_id, Milestone(kind), at, by, note)

    def mark_purging(self, recording_id: str, at: datetime, reason: str, unless_asked_for: bool = False) -> None:
        """Protected: a hold or a restriction forbids it; `unless_asked_for`: or an open request of a person."""
        recordings.mark_purging(self._engine, recording_id, at, reason, unless_asked_for)

    def mark_purged(self, recording_id: str, at: datetime, reason: str, evidence: str) -> None:
        """`evidence` is JSON. Empties the notes; drops who called when no other recording of the call lives."""
        recordings.mark_purged(self._engine, recording_id, at, reason, evidence)

    def recordings(self, state: State | str | None = None, call_id: str | None = None, ours: Ours = Ours.ALL) -> list[RecordingRow]:
        """The oldest first."""
        return reading.select(self._engine, state=None if state is None else State(state), call_id=call_id, ours=ours)

    def in_state(self, state: State, ours: Ours) -> dict[str, str]:
        """Ids with their calls, the oldest first; also of rows that cannot be read."""
        return reading.in_state(self._engine, state, ours)

    def recording(self, recording_id: str) -> RecordingRow | None:
        found = reading.select(self._engine, recording_id=recording_id)
        return found[0] if found else None

    def recordings_among(self, ids: Sequence[str]) -> list[RecordingRow]:
        """At most a few thousand at once; the oldest first."""
        return reading.select(self._engine, among=ids)

    def purging(self) -> dict[str, str]:
        """Why each recording that is being purged is, by id; those whose files this node can delete."""
        return reading.purging(self._engine)

    def unreviewed(self, purposes: Collection[str]) -> list[RecordingRow]:
        """Sealed, for one of these purposes, and nobody has reviewed it: the oldest first, see registry/queue.py."""
        return queue.unreviewed(self._engine, purposes)

    def without_case(self, purposes: Collection[str]) -> list[RecordingRow]:
        """Sealed, for one of these purposes, and linked to no case."""
        return queue.without_case(self._engine, purposes)

    def promise_sets(self) -> list[due.PromiseSet]:
        """Every combination of promises that a recording was ever under."""
        return due.promise_sets(self._engine)

    def maybe_due(self, borders: Mapping[int, due.Borders], with_agents: bool, away: Collection[str] = ()) -> Iterator[due.Candidate]:
        """All that is sealed and can be due, and perhaps more; `away`: what only these nodes could delete. See registry/due.py."""
        return due.maybe_due(self._engine, borders, with_agents, away)

    def sealed_count(self) -> int:
        return due.sealed_count(self._engine)

    def state(self, recording_id: str) -> State | None:
        return reading.state(self._engine, recording_id)

    # quotas and campaigns

    def draw_place(self, purpose: str, agent: str, period: str, calls: int, draw: Callable[[int], int]) -> draws.Place | None:
        """Counts a call of the agent's period; the place that it takes, if any."""
        return draws.draw_place(self._engine, purpose, agent, period, calls, draw)

    def take_place(self, place: draws.Place, recording_id: str) -> str | None:
        """The recording that held this place until now and is to let go of the purpose, if any."""
        return draws.take_place(self._engine, place, recording_id)

    def open_campaign(self, wanted: campaigns.Designation) -> int:
        """Its number."""
        return campaigns.open_campaign(self._engine, wanted)

    def campaigns(self) -> list[campaigns.CampaignRow]:
        """The newest first."""
        return campaigns.campaigns(self._engine)

    def close_campaign(self, number: int, at: datetime) -> None:
        campaigns.close_campaign(self._engine, number, at)

    def join_campaign(self, purpose: str, call_id: str, profile: str, agent: str, now: datetime) -> bool:
        """Whether an active campaign takes this call; it counts then."""
        return campaigns.join(self._engine, purpose, call_id, profile, agent, now)

    def hand_over(self, recording_id: str, to: str, at: datetime) -> None:
        campaigns.hand_over(self._engine, recording_id, to, at)

    # purges

    def last_purge(self) -> PurgeRow | None:
        """The last run that was not a dry run."""
        return purges.last(self._engine)

    def note_purge(self, at: datetime, planned: int, deleted: int, failed: int, dry_run: bool) -> None:
        purges.note(self._engine, at, planned, deleted, failed, dry_run)

    def note_found_due(self, ends: Sequence[tuple[str, datetime]]) -> None:
        """What a run found due and let lie, with the end of each."""
        purges.note_found_due(self._engine, ends)

    def expire(self, now: datetime, life: RowLife) -> expiry.Expired:
        """Deletes rows that are about no recording any more, or never were: see expiry.py."""
        return expiry.expire(self._engine, now, life)

    def would_expire(self, now: datetime, life: RowLife) -> expiry.Expired:
        return expiry.would_expire(self._engine, now, life)

    # cases, legal holds, lessons

    def open_case(self, kind: CaseKind | str, reference: str, at: datetime, by: str, note: str = "") -> CaseRow:
        """`reference` is unique among all cases, open or closed."""
        return cases.open_(self._engine, CaseKind(kind), reference, at, by, note)

    def link_case(self, reference: str, recording_id: str, at: datetime, by: str) -> CaseRow:
        return cases.link(self._engine, reference, recording_id, at, by)

    def unlink_case(self, reference: str, recording_id: str, at: datetime, by: str, reason: str) -> CaseRow:
        return cases.unlink(self._engine, reference, recording_id, at, by, reason)

    def case_step(self, reference: str, step: Step | str, at: datetime, by: str, note: str = "") -> CaseRow:
        """An event, its closing or reopening; policy.cases says what may follow what."""
        return cases.step(self._engine, reference, Step(step), at, by, note)

    def cases(self, reference: str | None = None, recording_id: str | None = None) -> list[CaseRow]:
        """All, or that one, or those of a recording; the oldest first."""
        with self._engine.read() as db:
            return cases.select(db, reference, None if recording_id is None else (recording_id,))

    def place_hold(
        self,
        at: datetime,
        by: str,
        reason: str,
        listeners: Sequence[str],
        *,
        recording_id: str | None = None,
        case: str | None = None,
    ) -> HoldRow:
        """On one recording, or on all that are or will be linked to a case: they are not deleted, and only `listeners` may listen."""
        return holds.place(self._engine, recording_id, case, at, by, reason, listeners)

    def release_hold(self, hold_id: int, at: datetime, by: str, reason: str) -> HoldRow:
        return holds.release(self._engine, hold_id, at, by, reason)

    def holds(self, only_active: bool = True) -> list[HoldRow]:
        """The oldest first."""
        return holds.select(self._engine, only_active)

    def lesson(self, recording_id: str, until: datetime, at: datetime, by: str, reason: str) -> None:
        """A person's decision to keep it longer for learning; the latest counts."""
        holds.lesson(self._engine, recording_id, until, at, by, reason)

    # audit

    def audit(self, actor: str, action: str, subject: str, detail: Mapping[str, str]) -> None:
        with self._engine.change() as db:
            audit.append(self._engine, db, action, subject, detail, actor=actor)

    def audit_entries(self, limit: int | None = 100, subject: str | None = None) -> list[AuditRow]:
        """The newest first."""
        return audit.entries(self._engine, limit, subject)

    def verify_audit(self, copies: Sequence[verify.Copy] = (), verifier: Verifier | None = None) -> AuditReport:
        """`copies` of checkpoints from files, `verifier` of their signatures: see verify.py."""
        return verify.verify(self._engine, copies, verifier)
