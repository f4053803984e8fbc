"""Calls of several nodes are written side by side; whatever counts over all of them still goes alone. Each race is run into its worst
moment: the first change has done all but its commit when the second begins."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic, sleep
from typing import Any, TypeVar

import psycopg
import pytest
from registry_samples import COMPLAINT, LATER, PROOF, T0

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.campaigns import Designation
from asterisk_privacy.registry.draws import Place
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import Protected, State, WrongState

BUCKET = "https://s3.example/shared/"
T = TypeVar("T")
U = TypeVar("U")
Says = Callable[..., None]


@pytest.fixture
def one(server: Server) -> Iterator[Registry]:
    with Registry.open(server, actor="one", busy_seconds=20) as registry:
        registry.begin_call("begun-1", "sales", T0, None, None, "in")  # its chain has begun
        yield registry


@pytest.fixture
def two(server: Server) -> Iterator[Registry]:
    with Registry.open(replace(server, node="pbx-2", bucket=BUCKET), actor="two", busy_seconds=20) as registry:
        registry.begin_call("begun-2", "sales", T0, None, None, "in")
        yield registry


def sealed(registry: Registry, name: str, purposes: tuple[Purpose, ...] = (COMPLAINT,), call: str | None = None) -> str:
    if call is None:
        registry.begin_call(name, "sales", T0, None, None, "in")
    registry.begin_recording(name, call or name, T0, purposes, 1)
    registry.seal_recording(name, T0, 1, "ab", 1000, False)
    return name


def shared(registry: Registry, name: str, call: str | None = None) -> str:
    """In the bucket, where both nodes can delete it."""
    sealed(registry, name, call=call)
    assert registry.nodes.brought(name, "ab", BUCKET)
    return name


def waits(server: Server, actor: str) -> bool:
    """For a lock, on the server."""
    with psycopg.connect(server.url, autocommit=True) as db:
        query = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE %s AND wait_event_type = 'Lock'"
        return db.execute(query, (f"%/{actor}",)).fetchone() is not None


def at_the_worst_moment(server: Server, first: Registry, change: Callable[[], T], second: Callable[[], U]) -> tuple[T, U | OperatorError]:
    """`change` of `first` is made but not committed when `second`, by actor "two", is; it goes on once that one waits or is over."""
    engine, made, go = first._engine, threading.Event(), threading.Event()
    before = {name: getattr(engine, name) for name in ("change", "change_own")}

    def paused(begin: Callable[[], Any]) -> Callable[[], Any]:
        @contextmanager
        def change() -> Iterator[Any]:
            with begin() as db:
                yield db
                made.set()
                assert go.wait(20)

        return change

    for name, begin in before.items():
        setattr(engine, name, paused(begin))
    with ThreadPoolExecutor(2) as pool:
        doing = pool.submit(change)
        assert made.wait(20)
        other: Future[U] = pool.submit(second)
        deadline = monotonic() + 20
        while not other.done() and not waits(server, "two"):
            assert monotonic() < deadline
            sleep(0.005)
        go.set()
        done = doing.result(20)
        for name, begin in before.items():
            setattr(engine, name, begin)
        try:
            return done, other.result(20)
        except OperatorError as error:
            return done, error


def test_calls_of_two_nodes_do_not_wait_for_each_other_and_all_else_does(server: Server, one: Registry, says: Says) -> None:
    with Registry.open(replace(server, node="pbx-2"), busy_seconds=0.1) as other:
        other.audit("two", "x", "y", {})
        with one._engine.change_own():
            one.begin_call("c1", "sales", T0, None, None, "in")
            sealed(other, "c2")
            other.note_consent("c2", T0, "notice-heard", None)
            other.draw_place("proof", "PJSIP/anna", "2026-03", 1, lambda n: 0)
            other.end_call("c2", T0, "kept", (), (), ())
            other.mark_purging("c2", LATER, "due")
            other.mark_purged("c2", LATER, "due", "{}")
            says(lambda: other.audit("two", "x", "y", {}), "kept it locked for more than 0.1 s")
        other.audit("two", "x", "y", {})
        with one._engine.change():
            says(lambda: other.note_consent("c2", T0, "notice-heard", None), "kept it locked for more than 0.1 s")
        assert other.verify_audit().ok


def test_what_must_be_alone_cannot_begin_within_what_is_not(one: Registry) -> None:
    sealed(one, "r")
    with pytest.raises(RuntimeError, match="must be alone"), one._engine.change_own():
        one.place_hold(LATER, "anna", "claim", ["anna"], recording_id="r")
    assert one.holds() == []


def test_two_sessions_of_one_node_take_turns_in_its_chain(server: Server, one: Registry) -> None:
    """The daemon and a command, say."""
    with Registry.open(server, actor="two") as other:
        _, got = at_the_worst_moment(
            server,
            one,
            lambda: one.begin_call("a", "sales", T0, None, None, "in"),
            lambda: other.begin_call("b", "sales", T0, None, None, "in"),
        )
        assert got is None and {call.id for call in one.calls()} == {"a", "b", "begun-1"}
        assert other.verify_audit().ok


@pytest.mark.parametrize("taken", [True, False])
def test_the_same_new_promise_at_one_moment_is_one_set(server: Server, one: Registry, two: Registry, taken: bool) -> None:
    """Also when the first does not come to be."""
    new = [replace(PROOF, name="new")]
    for registry in (one, two):
        registry.begin_call(f"c-{registry.actor}", "sales", T0, None, None, "in")

    def first() -> None:
        try:
            with one._engine.change_own():
                one.begin_recording("r-one", "c-one", T0, new, 1)
                if not taken:
                    raise LookupError
        except LookupError:
            pass

    if taken:
        _, got = at_the_worst_moment(server, one, first, lambda: two.begin_recording("r-two", "c-two", T0, new, 1))
    else:
        first()
        got = two.begin_recording("r-two", "c-two", T0, new, 1)
    assert got is None
    with psycopg.connect(server.url) as db:
        rows = db.execute("SELECT id, promise_set FROM recordings WHERE state = 'writing' ORDER BY id").fetchall()
        sets = db.execute("SELECT id FROM promise_sets WHERE promises LIKE '%%\"new\"%%'").fetchall()
    assert [name for name, _ in rows] == (["r-one", "r-two"] if taken else ["r-two"])
    assert len(sets) == 1 and {number for _, number in rows} == {sets[0][0]}


def test_a_campaigns_count_is_hard(server: Server, one: Registry, two: Registry) -> None:
    one.open_campaign(Designation("fault", ["anna"], [], (T0, LATER), 1, "Telco", "echo"))

    def joins(registry: Registry, call: str) -> Callable[[], bool]:
        return lambda: registry.join_campaign("fault", call, "sales", "PJSIP/anna", T0)

    assert at_the_worst_moment(server, one, joins(one, "begun-1"), joins(two, "begun-2")) == (True, False)


def test_a_place_of_a_quota_has_one_holder_and_the_other_lets_go(server: Server, one: Registry, two: Registry) -> None:
    place, first, second = Place("proof", "PJSIP/anna", "2026-03", 0), sealed(one, "r1", (PROOF,)), sealed(two, "r2", (PROOF,))
    got = at_the_worst_moment(server, one, lambda: one.take_place(place, first), lambda: two.take_place(place, second))
    assert got == (None, "r1")


def test_each_call_counts_in_a_quota(server: Server, one: Registry, two: Registry) -> None:
    def draws(registry: Registry) -> Callable[[], Place | None]:
        return lambda: registry.draw_place("proof", "PJSIP/anna", "2026-03", 1, lambda n: n - 1)  # the first call has the place

    first, second = at_the_worst_moment(server, one, draws(one), draws(two))
    assert isinstance(first, Place) and second is None


PROTECTS: dict[str, Callable[[Registry], object]] = {
    "a hold": lambda registry: registry.place_hold(LATER, "anna", "claim", ["anna"], recording_id="r"),
    "a hold on its case": lambda registry: registry.place_hold(LATER, "anna", "claim", ["anna"], case="K-1"),
    "a link to a held case": lambda registry: registry.link_case("K-2", "r", LATER, "anna"),
    "a restriction": lambda registry: registry.restrict("r", LATER, "disputed"),
}


@pytest.mark.parametrize("protect", PROTECTS.values(), ids=PROTECTS)
@pytest.mark.parametrize("first_of", ["hold", "deletion"])
@pytest.mark.parametrize("made_by", ["pbx-1", "pbx-2"])
def test_nothing_is_deleted_that_another_node_protects_at_that_moment(
    server: Server, one: Registry, two: Registry, protect: Callable[[Registry], object], first_of: str, made_by: str
) -> None:
    """Whichever comes second is refused; but for a hold on a case, which is for the recordings that are left of it."""
    shared(one if made_by == "pbx-1" else two, "r")
    for case in ("K-1", "K-2"):
        one.open_case("complaint", case, T0, "anna", "angry")
    one.link_case("K-1", "r", T0, "anna")
    one.place_hold(T0, "anna", "claim", ["anna"], case="K-2")
    with Registry.open(replace(server, bucket=BUCKET), actor="one", busy_seconds=20) as first:
        if first_of == "hold":
            _, refused = at_the_worst_moment(server, first, lambda: protect(first), lambda: two.mark_purging("r", LATER, "due"))
            assert isinstance(refused, Protected) and one.state("r") is State.SEALED
        else:
            _, refused = at_the_worst_moment(server, first, lambda: first.mark_purging("r", LATER, "due"), lambda: protect(two))
            assert isinstance(refused, WrongState) or protect is PROTECTS["a hold on its case"]
            assert one.state("r") is State.PURGING
    assert one.verify_audit().ok


def test_of_two_nodes_that_delete_a_recording_at_one_moment_one_does(server: Server, one: Registry, two: Registry) -> None:
    shared(two, "r")
    with Registry.open(replace(server, bucket=BUCKET), actor="one", busy_seconds=20) as first:
        for change in (lambda by: by.mark_purging("r", LATER, "due"), lambda by: by.mark_purged("r", LATER, "due", "{}")):
            _, refused = at_the_worst_moment(server, first, lambda: change(first), lambda: change(two))  # noqa: B023
            assert isinstance(refused, WrongState)
        deeds = [entry.action for entry in first.audit_entries(subject="r")]
        assert deeds.count("recording.purging") == deeds.count("recording.purged") == 1
        assert first.verify_audit().ok


@pytest.mark.parametrize("order", ["end, then both at once", "one, then end and other at once", "one, then other and end at once"])
def test_the_last_two_recordings_of_a_call_go_at_one_moment_and_nobody_knows_who_called(
    server: Server, one: Registry, two: Registry, order: str
) -> None:
    """Each of two purgers alone would take the other's for one that is still there; and so would the end of the call."""
    one.begin_call("c", "sales", T0, "hash", b"number", "in")
    with Registry.open(replace(server, bucket=BUCKET), actor="one", busy_seconds=20) as first:

        def ends(by: Registry) -> Callable[[], None]:
            return lambda: by.end_call("c", LATER, "kept", (), (), ())

        def goes(by: Registry, part: str) -> Callable[[], None]:
            return lambda: by.mark_purged(part, LATER, "due", "{}")

        for part in ("r-1", "r-2"):
            shared(first, part, call="c")
            first.mark_purging(part, LATER, "due")
        before, at_once, too = {
            "end, then both at once": (ends(first), goes(first, "r-1"), goes(two, "r-2")),
            "one, then end and other at once": (goes(two, "r-1"), ends(first), goes(two, "r-2")),
            "one, then other and end at once": (goes(two, "r-1"), goes(first, "r-2"), ends(two)),
        }[order]
        before()
        assert at_the_worst_moment(server, first, at_once, too) == (None, None)
        call = first.call("c")
        assert call is not None and call.customer_hash is None and call.customer_sealed is None
        assert first.verify_audit().ok


def test_the_last_two_recordings_of_a_case_end_at_one_moment_and_its_words_go(server: Server, one: Registry, two: Registry) -> None:
    """Each of two nodes alone would take the other's for one that is still there."""
    one.open_case("complaint", "K-1", T0, "anna", "angry")
    for registry in (one, two):
        one.link_case("K-1", sealed(registry, f"r-{registry.actor}"), T0, "anna")
    one.case_step("K-1", "closed", T0, "anna", "settled")
    for registry in (one, two):
        registry.end_call(f"r-{registry.actor}", T0, "kept", (), (), ())
        registry.mark_purging(f"r-{registry.actor}", LATER, "due")
    at_the_worst_moment(
        server, one, lambda: one.mark_purged("r-one", LATER, "due", "{}"), lambda: two.mark_purged("r-two", LATER, "due", "{}")
    )
    with psycopg.connect(server.url) as db:
        assert {note for (note,) in db.execute("SELECT note FROM case_events").fetchall()} == {""}


_CROWD = """
import sys, random
from datetime import timedelta
from registry_samples import COMPLAINT, LATER, PROOF, T0, TRAINING
from asterisk_privacy.call.participants import Participant
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import WrongState
r = random.Random(sys.argv[2])
with Registry.open(Server(sys.argv[1], sys.argv[2]), actor=sys.argv[2], busy_seconds=60) as registry:
    print("ready", flush=True); sys.stdin.readline()
    for n in range(25):
        name = f"{sys.argv[2]}-{n}"
        registry.begin_call(name, "sales", T0, "h", None, "in")
        registry.begin_recording(name, name, T0, r.sample([COMPLAINT, PROOF, TRAINING], r.randint(1, 3)), 1)
        registry.seal_recording(name, T0, 1, "ab", 1000, False)
        registry.end_call(name, T0, "kept", [Participant.agent("PJSIP/anna")], (), ())
        other = f"pbx-{r.randrange(4)}-{r.randrange(n + 1)}"
        try:
            registry.place_hold(LATER, "anna", "claim", ["anna"], recording_id=other)
        except WrongState: pass
        try:
            registry.mark_purging(name, LATER, "due")
            registry.mark_purged(name, LATER, "due", "{}")
        except WrongState: pass
        registry.draw_place("proof", "PJSIP/anna", "2026-03", 3, lambda n: 0)
"""


def test_a_crowd_of_nodes_waits_in_no_circle_and_breaks_no_rule(server: Server) -> None:
    nodes = [f"pbx-{n}" for n in range(4)]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{_CROWD}", server.url]
    children = [subprocess.Popen([*command, node], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for node in nodes]
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    for child in children:
        child.communicate(b"go\n", 60)
    assert [child.returncode for child in children] == [0] * 4, "none was refused"
    with Registry.open(server) as registry:
        assert registry.verify_audit().ok and len(registry.recordings()) == 100
        held = {hold.recording_id for hold in registry.holds()}
        assert held and all((row.state is State.SEALED) is (row.id in held) for row in registry.recordings())
    with psycopg.connect(server.url) as db:
        assert db.execute("SELECT seen FROM quota_counts").fetchall() == [(100,)]
        assert db.execute("SELECT count(*) - count(DISTINCT promises) FROM promise_sets").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM recordings WHERE promise_set IS NULL").fetchone() == (0,)
