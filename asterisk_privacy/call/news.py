"""From what the switchboard says to what one call's recorder is told."""

from __future__ import annotations

from asterisk_privacy.call.events import Surroundings
from asterisk_privacy.call.switchboard import Change, Switchboard


def surroundings(board: Switchboard, change: Change, customer: str, at: float, learned: float) -> tuple[Surroundings, ...]:
    """For a customer in `change.touched`. The event was true at `at` and arrived at `learned`."""
    company = board.company(customer)
    now = Surroundings(at, company.parties, company.waiting, learned)
    if customer in change.doubted and company.parties:
        return Surroundings(at, frozenset(), company.waiting), now
    return (now,)
