"""Who took part in a call, as rows: everybody is found, nobody outlives the call's own number. On both engines."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from raw_database import Raw
from registry_samples import COMPLAINT, LATER, PROOF, T0

from asterisk_privacy.call.participants import Participant, PartyRole, Person
from asterisk_privacy.call.timeline import Span, SpanKind
from asterisk_privacy.policy.row_life import RowLife
from asterisk_privacy.registry.campaigns import Designation
from asterisk_privacy.registry.draws import Place
from asterisk_privacy.registry.registry import Registry

SPANS = (Span(SpanKind.TALK, 0, 9000),)
JOINED = Participant(Person(PartyRole.CUSTOMER, None, "hash of ben", b"sealed ben"), 5000, 9000)
ANNA, BERT = Participant.agent("PJSIP/anna", 0, 4000), Participant.agent("PJSIP/bert", 4000, 9000)


def kept(registry: Registry, name: str, *people: Participant) -> None:
    registry.begin_call(name, "sales", T0, f"hash of {name}", b"sealed", "in")
    registry.begin_recording(f"r-{name}", name, T0, [COMPLAINT], 1)
    registry.seal_recording(f"r-{name}", T0, 1, "ab" * 32, 9000, False)
    registry.end_call(name, T0, "kept", people, SPANS, ())


def test_every_agent_of_a_call_is_found_and_told_with_the_time(registry: Registry) -> None:
    kept(registry, "c1", ANNA, BERT)
    kept(registry, "c2", Participant.agent("PJSIP/carl", 0, 9000))
    for asked in ("PJSIP/anna", "PJSIP/bert", "bert", "pjsip/BERT"):
        assert [row.id for row in registry.recordings_of(agent=asked)] == ["r-c1"], asked
    assert registry.recordings_of(agent="PJSIP/ann") == []
    row, call = registry.recording("r-c1"), registry.call("c1")
    assert row is not None and call is not None and row.participants == call.participants == (ANNA, BERT)
    assert row.agents == call.agents == ("PJSIP/anna", "PJSIP/bert")


def test_a_story_that_goes_on_is_told_again_and_again(registry: Registry) -> None:
    registry.begin_call("c1", "sales", T0, None, None, "in")
    for told in ([], [Participant.agent("a", 10)], [Participant.agent("a", 10, 20), Participant.agent("b", 20)]):
        registry.tell_call("c1", told, SPANS, ())
        [call_id] = registry.open_calls()
        call = registry.call(call_id)
        assert call is not None
        assert list(call.participants) == told
    registry.end_call("c1", T0, "not-kept", [Participant.agent("a", 10, 20), Participant.agent("b", 20, 30)], SPANS, ())
    registry.tell_call("c1", [Participant.agent("late", 10, 20)], (), ())  # over: nothing is told of it any more
    call_ = registry.call("c1")
    assert call_ is not None and call_.participants == (Participant.agent("a", 10, 20), Participant.agent("b", 20, 30))


def test_a_customer_who_came_later_is_found_and_forgotten_with_the_first(registry: Registry, raw: Raw) -> None:
    kept(registry, "c1", ANNA, JOINED)
    assert [row.id for row in registry.recordings_of(hashes=["hash of ben"])] == ["r-c1"]
    assert [row.id for row in registry.recordings_of(hashes=["hash of c1"])] == ["r-c1"]
    registry.mark_purging("r-c1", LATER, "due")
    registry.mark_purged("r-c1", LATER, "due", "{}")
    call = registry.call("c1")
    assert call is not None and [one.person.number_hash for one in call.participants] == [None, None]
    assert call.participants[1].person.number_sealed is None and call.customer_hash is None and call.agents == ("PJSIP/anna",)


def test_of_a_call_of_which_nothing_is_kept_no_number_stays(registry: Registry) -> None:
    registry.begin_call("c1", "sales", T0, None, None, "in")  # withheld: only the second customer has a number
    registry.end_call("c1", T0, "not-kept", [ANNA, JOINED], SPANS, ())
    call = registry.call("c1")
    assert call is not None and {one.person.number_hash for one in call.participants} == {None}
    assert registry.audit_entries(subject="c1")[0].action == "call.forget-customer"


def test_rows_of_a_deleted_call_know_nobody_any_more(registry: Registry) -> None:
    kept(registry, "c1", ANNA, BERT)
    registry.begin_call("c2", "sales", T0, None, None, "in")
    registry.end_call("c2", T0, "not-kept", [ANNA], SPANS, ())
    registry.mark_purging("r-c1", T0, "due")
    registry.mark_purged("r-c1", T0, "due", "{}")
    number = registry.open_request("access", "agent", "PJSIP/BERT", "seen", T0.date(), LATER.date())
    life, night = RowLife(10, 400), T0 + timedelta(days=20)
    assert registry.expire(night, life).reduced == 0, "the second agent asks"
    registry.close_request(number, "answered")
    assert registry.expire(night, life).reduced == 1
    call = registry.call("c1")
    assert call is not None and call.participants == () and registry.call("c2") is None


@pytest.mark.parametrize("query", ["lower(endpoint) = 'pjsip/anna'", "number_hash IN ('a', 'b')"])
def test_a_person_is_found_by_an_index(tmp_path: Path, query: str) -> None:
    with Registry.open(tmp_path / "registry.sqlite") as registry, registry._engine.read() as db:
        plan = db.execute_sql(f"EXPLAIN QUERY PLAN SELECT call_id FROM participants WHERE {query}").fetchall()
    assert "USING INDEX participants_" in str(plan)


def test_a_campaign_asks_for_each_agent_and_counts_the_call_once(registry: Registry) -> None:
    registry.begin_call("c1", "sales", T0, None, None, "in")
    registry.open_campaign(Designation("fault", ["bert", "carl"], [], (T0, LATER), 5, "Telco", "echo"))
    taken = [registry.join_campaign("fault", "c1", "sales", f"PJSIP/{name}", T0) for name in ("anna", "bert", "carl")]
    assert taken == [False, True, True] and registry.campaigns()[0].taken == 1


def test_a_recording_stays_for_the_quota_of_the_other_agent(registry: Registry) -> None:
    """Anna's place goes to a later call; in Bert's quota the recording stays, and so does its purpose."""
    for name in ("c1", "c2", "c3"):
        registry.begin_call(name, "sales", T0, None, None, "in")
        registry.begin_recording(name, name, T0, [PROOF], 1)
        registry.seal_recording(name, T0, 1, "ab" * 32, 9000, False)
    anna, bert = (Place("proof", f"PJSIP/{name}", "2026-03", 0) for name in ("anna", "bert"))
    assert registry.take_place(anna, "c1") is None and registry.take_place(bert, "c1") is None
    assert registry.take_place(anna, "c2") is None, "it is in Bert's quota"
    assert registry.take_place(bert, "c3") == "c1", "and now in nobody's"
