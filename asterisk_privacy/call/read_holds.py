"""Who holds, when the state of the PBX is read and no event tells it: at the start, and after each lost link.

Asterisk answers two questions about a channel. CHANNEL(onhold): its peer holds it. It is 0 for everybody in a ConfBridge.
CHANNEL(rtp,hold): its own phone holds. Only PJSIP answers that. Both were seen on 22.10.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from asterisk_privacy.call.pbx import technology


@dataclass(frozen=True, slots=True)
class ReadHolds:
    """`holding`: channels whose phone holds. `suspects`: channels that may hold. A suspect counts as holding until it moves or takes back
    a hold."""

    holding: frozenset[str]
    suspects: frozenset[str]


def read_holds(
    rooms: Iterable[Collection[str]], names: Mapping[str, str], told_to_hold: Mapping[str, bool], phone_holds: Mapping[str, bool | None]
) -> ReadHolds:
    """`rooms`: of each bridge that mixes, its channels. `names`: of every channel that exists. `told_to_hold`, `phone_holds`: the two
    answers for each channel in a room, the second one for others too; None where Asterisk does not say."""
    holding = frozenset(channel for channel, yes in phone_holds.items() if yes)
    suspects: set[str] = set()
    for room in rooms:
        inside = set(room) & names.keys()
        for one in inside:
            others = inside - {one}
            if told_to_hold[one] and not others & holding:  # somebody else holds, and no phone admits it
                suspects |= others
            # a phone that does not say: in a room of three nobody is told of its hold, and PJSIP should have said
            if phone_holds[one] is None and (len(inside) > 2 or technology(names[one]) == "PJSIP"):
                suspects.add(one)
    return ReadHolds(holding, frozenset(suspects) - holding)
