"""Quotas and campaigns in the registry."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from registry_samples import PROOF, T0

from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.policy.purpose import Purpose, Trigger
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.campaigns import Designation
from asterisk_privacy.registry.draws import Place
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import WrongState

FAULT = replace(PROOF, name="fault", trigger=Trigger.CAMPAIGN)
WINDOW = (T0, T0 + timedelta(days=2))


def sealed(registry: Registry, number: int, purpose: Purpose = PROOF) -> str:
    recording = f"{number:032x}"
    if registry.call(recording) is None:
        registry.begin_call(recording, "sales", T0, None, None, "in")
    registry.begin_recording(recording, recording, T0, [purpose], 1)
    registry.seal_recording(recording, T0, 1, "0" * 64, 1000, False)
    return recording


def test_a_quota_keeps_its_places_and_names_who_lets_go(registry: Registry) -> None:
    taken = []
    for number, drawn in enumerate([0, 0, 5, 1, 0]):  # the 3rd call draws 5: no place
        place = registry.draw_place("proof", "PJSIP/anna", "2026-03", 2, lambda _n, drawn=drawn: drawn)  # type: ignore[misc]
        taken.append(None if place is None else (place.number, registry.take_place(place, sealed(registry, number))))
    assert taken == [(0, None), (1, None), None, (1, f"{1:032x}"), (0, f"{0:032x}")]
    # another agent, another period: counted by themselves
    assert registry.draw_place("proof", "PJSIP/bert", "2026-03", 2, lambda _n: 9) == Place("proof", "PJSIP/bert", "2026-03", 0)
    assert registry.draw_place("proof", "PJSIP/anna", "2026-04", 2, lambda _n: 9) == Place("proof", "PJSIP/anna", "2026-04", 0)


def test_who_was_reviewed_keeps_his_place_and_no_second_is_taken(registry: Registry) -> None:
    place = registry.draw_place("proof", "PJSIP/anna", "2026-03", 1, lambda _n: 0)
    assert place is not None
    registry.take_place(place, sealed(registry, 1))
    registry.milestone(f"{1:032x}", Milestone.REVIEWED, T0, "hr")
    assert registry.draw_place("proof", "PJSIP/anna", "2026-03", 1, lambda _n: 0) is None
    # reviewed only after the next one was drawn: both stay
    assert registry.take_place(place, sealed(registry, 2)) is None


def test_who_is_gone_or_was_objected_to_has_nothing_to_let_go(registry: Registry) -> None:
    place = Place("proof", "PJSIP/anna", "2026-03", 0)
    registry.take_place(place, sealed(registry, 1))
    registry.withdraw_purpose(f"{1:032x}", "proof", T0, "objected to")
    assert registry.take_place(place, sealed(registry, 2)) is None
    registry.mark_purging(f"{2:032x}", T0, "why")
    assert registry.take_place(place, sealed(registry, 3)) is None


def test_every_call_of_the_period_has_the_same_chance(registry: Registry) -> None:
    """Through the real tables: 12 calls, 3 places, 400 periods. Each call is kept in a quarter of them."""
    r = Random(20261122)
    kept: Counter[int] = Counter()
    for period in range(400):
        places: dict[int, int] = {}
        with registry._engine.change_own():  # one transaction for the period: 4,800 take a minute on a busy machine
            for call in range(12):
                place = registry.draw_place("proof", "PJSIP/anna", str(period), 3, r.randrange)
                if place is not None:
                    places[place.number] = call
        assert len(places) == 3
        kept.update(places.values())
    chi_square = sum((kept[call] - 100) ** 2 / 100 for call in range(12))
    assert chi_square < 26.8, kept  # 11 degrees of freedom: the true rule is above in 1 of 200 runs, and this run has a fixed seed


def test_a_campaign_has_a_hard_count_and_a_window(registry: Registry) -> None:
    for number in range(5):
        registry.begin_call(f"{number:032x}", "sales", T0, None, None, "in")
    campaign = registry.open_campaign(Designation("fault", ["anna"], ["sales"], WINDOW, 2, "Telco", "echo"))

    def join(number: int, profile: str = "sales", agent: str = "PJSIP/anna", hours: float = 1, purpose: str = "fault") -> bool:
        return registry.join_campaign(purpose, f"{number:032x}", profile, agent, T0 + timedelta(hours=hours))

    assert not join(0, profile="support") and not join(0, agent="PJSIP/bert") and not join(0, purpose="proof")
    assert not join(0, hours=-1) and not join(0, hours=48)
    assert join(0) and join(1)
    assert not join(2), "the count is hard"
    assert [(c.id, c.taken, c.active(T0)) for c in registry.campaigns()] == [(campaign, 2, False)]
    other = registry.open_campaign(Designation("fault", [], ["sales"], WINDOW, 9, "Telco", "echo"))
    assert join(2, agent="PJSIP/bert")
    registry.close_campaign(other, T0)
    assert not join(3)
    with pytest.raises(WrongState, match=f"campaign {other}: does not exist or is closed already"):
        registry.close_campaign(other, T0)
    with pytest.raises(ValueError, match="designates"):
        registry.open_campaign(Designation("fault", [], [], WINDOW, 9, "Telco", "echo"))


def test_two_processes_cannot_take_more_than_the_count(registry: Registry, elsewhere: Path | Server) -> None:
    for number in range(6):
        registry.begin_call(f"{number:032x}", "sales", T0, None, None, "in")
    registry.open_campaign(Designation("fault", ["anna"], [], WINDOW, 3, "Telco", "echo"))
    with Registry.open(elsewhere) as other:
        taken = [(registry, other)[n % 2].join_campaign("fault", f"{n:032x}", "sales", "PJSIP/anna", T0) for n in range(6)]
    assert taken.count(True) == 3


def test_only_recordings_of_a_campaign_go_to_its_provider_and_each_time_is_noted(registry: Registry) -> None:
    registry.open_campaign(Designation("fault", ["anna"], [], WINDOW, 2, "Telco", "echo"))
    for number in (1, 2):
        registry.begin_call(f"{number:032x}", "sales", T0, None, None, "in")
    assert registry.join_campaign("fault", f"{1:032x}", "sales", "PJSIP/anna", T0)
    mine, ordinary = sealed(registry, 1, FAULT), sealed(registry, 2)
    registry.hand_over(mine, "Telco", T0)
    [noted] = [row for row in registry.audit_entries(None) if row.action == "recording.hand-over"]
    assert (noted.subject, noted.detail["to"]) == (mine, "Telco")
    with pytest.raises(WrongState, match="was not made for a campaign"):
        registry.hand_over(ordinary, "Telco", T0)
    with pytest.raises(WrongState, match="names Telco, not Rival"):
        registry.hand_over(mine, "Rival", T0)
    registry.withdraw_purpose(mine, "fault", T0, "objected to")
    with pytest.raises(WrongState, match="was not made for a campaign"):
        registry.hand_over(mine, "Telco", T0)
    assert registry.verify_audit().ok


def test_a_recording_of_marked_parts_has_their_timeline(registry: Registry) -> None:
    spans = (Span(SpanKind.WAIT, 0, 1000), Span(SpanKind.TALK, 1000, 9000))
    marks = (Mark(MarkKind.FROM, 3000), Mark(MarkKind.TO, 5000))
    registry.begin_call("c" * 32, "sales", T0, None, None, "in")
    for part, marked in ((1, False), (2, True)):
        registry.begin_recording(str(part) * 32, "c" * 32, T0, [PROOF], part, marked)
    registry.end_call("c" * 32, T0, "kept", (), spans, marks)
    whole, parts = registry.recordings()
    assert whole.spans == spans and not whole.marked
    assert parts.marked and [(s.kind.value, s.start_ms, s.end_ms) for s in parts.spans] == [
        ("wait", 0, 1000), ("unkept", 1000, 3000), ("talk", 3000, 4980), ("unkept", 4980, 9000),
    ]  # fmt: skip
