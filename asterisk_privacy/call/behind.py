"""Who hears a notice that plays on half of a Local channel: somebody in conversation with the other half.

A line that is reached through a Local channel (a ring group, a call-back, click-to-dial with the customer first) runs its Gosub on a
channel behind which nobody is. The customer is whoever is behind the other half while the notice plays, from its begin to its end. From
then on the call is that of their own channel: Asterisk takes a Local channel without /n away as soon as both sides are connected.
"""

from __future__ import annotations

from collections.abc import Collection

SLACK_SECONDS = 1.0
"""Who comes later than this after the notice began did not hear it. The dialplan answers first: so the two are connected at about the time
at which it begins."""


def is_local(name: str) -> bool:
    return name.startswith("Local/")


class Listeners:
    """Of one notice. Fed with everybody who is behind the other half, whenever that changes."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._begun: float | None = None

    def begun(self, at: float) -> None:
        self._begun = at

    def present(self, people: Collection[str], at: float) -> None:
        self._since = {one: self._since.get(one, at) for one in people}

    @property
    def heard_it(self) -> frozenset[str]:
        """All of it, if it ends now."""
        if self._begun is None:
            return frozenset()
        latest = self._begun + SLACK_SECONDS
        return frozenset(one for one, since in self._since.items() if since <= latest)
