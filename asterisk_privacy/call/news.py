"""From what the switchboard says to what one call's recorder is told."""

from __future__ import annotations

from asterisk_privacy.call.conversation import Conversation
from asterisk_privacy.call.events import Surroundings
from asterisk_privacy.call.switchboard import Change


def surroundings(found: Conversation, change: Change, customer: str, at: float, learned: float) -> tuple[Surroundings, ...]:
    """For a customer in `change.touched`, who is in conversation as `found`. The event was true at `at` and arrived at `learned`."""
    now = Surroundings(at, found.parties, found.waiting, learned, found.customers, found.ceiling)
    if customer in change.doubted and found.parties:
        return Surroundings(at, frozenset(), found.waiting), now
    return (now,)
