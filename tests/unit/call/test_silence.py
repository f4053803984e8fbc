from __future__ import annotations

import pytest

from asterisk_privacy.call.silence import Known, Why, why
from asterisk_privacy.call.timeline import MarkKind


@pytest.mark.parametrize(("known", "expected"), [
    (Known(2, packets=50), Why.MUTED),
    (Known(2, packets=9.1), Why.MUTED),  # 110 ms each
    (Known(2, packets=50, dead_between_words=True), Why.PAUSES),
    (Known(2, packets=50, heard_by_fresh_tap=True), Why.BLIND_HOOK),
    (Known(2, packets=50, heard_by_fresh_tap=True, dead_between_words=True), Why.BLIND_HOOK),
    (Known(2, packets=50, nobody_heard=True), Why.MUTED),
    (Known(7, packets=50, nobody_heard=True), Why.BLIND_HOOK),
    (Known(7, packets=0, nobody_heard=True), Why.NO_PACKETS),
    (Known(2, packets=3), Why.COMFORT_NOISE),
    (Known(2, packets=0), Why.NO_PACKETS),
    (Known(2, packets=0, heard_by_fresh_tap=True), Why.NO_PACKETS),  # a pause that ended just then
    (Known(90, packets=0, dead_between_words=True), Why.PAUSES),
    (Known(15, packets=0), Why.GONE),
    (Known(90, packets=50), Why.MUTED),
    (Known(2, packets=50, decodes=False), Why.NO_TRANSLATOR),
    (Known(2, packets=None, decodes=False), Why.NO_TRANSLATOR),
    (Known(2, packets=0, enciphered=True, ever_heard=False), Why.UNDECIPHERED),
    (Known(2, packets=0, enciphered=True), Why.NO_PACKETS),
    (Known(2), Why.UNKNOWN),
    (Known(2, heard_by_fresh_tap=True), Why.BLIND_HOOK),
])  # fmt: skip
def test_why(known: Known, expected: Why) -> None:
    assert why(known) is expected


def test_each_reason_has_its_mark_in_the_timeline() -> None:
    assert {MarkKind(reason.value).value for reason in Why} == {reason.value for reason in Why}
