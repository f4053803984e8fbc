"""What may be kept of one conversation: who is in it, and what each of them was told.

A channel is the first of these that fits it:

    refused    it has a call of its own here that was refused, or is off the record or paused
    agent      its endpoint is an agent's: the endpoint's own settings say so, or [agents] names it
    customer   it has a call of its own here, and has heard the notice of that call to its end
    nobody     half of a Local channel, a snoop, an announcer: no person is behind it
    outsider   everything else: no call, a call whose notice was not heard (yet), a call of another recorder, or not known yet

One refused or outsider shuts the gate for all of them: whoever hears them may have them on a loudspeaker. Several customers are one
conversation and one recording. The oldest call has it, for the purposes that every one of them was told of; the others wait. Agents alone
are colleagues, and customers alone wait for somebody: nothing of that is kept for anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from asterisk_privacy.call.pbx import has_phone
from asterisk_privacy.call.switchboard import Switchboard
from asterisk_privacy.call.timeline import SpanKind

SELFTEST_CUSTOMER = "Local/customer@privacy-selftest-"
SELFTEST_AGENT = "Local/agent@privacy-selftest-"
SELFTEST_ROOM = "Local/room@privacy-selftest-"
"""The two sides of `asterisk-privacy selftest`: in that call, and in no other, a tone behind a Local channel is a party."""


class Role(Enum):
    REFUSED = "refused"
    AGENT = "agent"
    CUSTOMER = "customer"
    NOBODY = "nobody"
    OUTSIDER = "outsider"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the customer of one call allows. `allows`: names of the purposes of whose notice they heard, agreed by key where that is
    needed, and not objected to; None: no notice was heard. `silenced`: refused, off the record or paused. `serves`: the purposes for which
    this call is being kept already. `called`: they were called from here, and told as they answered. `tenant`: whose line it is."""

    began_at: float
    allows: frozenset[str] | None = None
    silenced: bool = False
    serves: frozenset[str] = frozenset()
    called: bool = False
    tenant: str | None = None


Calls = Callable[[str], Standing | None]
"""By the customer's channel; None for a channel that has no call of its own here."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """`parties`: channels of the others in conversation with a customer; empty, and then `waiting` says of which kind it is. `customers`:
    which of the parties are customers too, and `ceiling` the purposes that all of those allow; None without any. `strangers`: who shuts
    the gate for everybody, refused or told nothing. `holds_hidden`: it would be conversation, but somebody in it could hold without that
    being told."""

    parties: frozenset[str] = frozenset()
    waiting: SpanKind = SpanKind.WAIT
    customers: frozenset[str] = frozenset()
    ceiling: frozenset[str] | None = None
    strangers: frozenset[str] = frozenset()
    holds_hidden: bool = False


def conversation(board: Switchboard, calls: Calls, customer: str) -> Conversation:
    """As it is for the call of `customer`."""
    members = {c: role_of(board, calls, c, customer) for c in board.hearing(customer)}
    others = {c: role for c, role in members.items() if c != customer and role is not Role.NOBODY}
    own = calls(customer)
    if not others or own is None:
        return Conversation()
    if any(board.holds(c) for c in board.connected(customer)):
        return Conversation(waiting=SpanKind.HOLD)
    if strangers := frozenset(c for c, role in others.items() if role in (Role.REFUSED, Role.OUTSIDER)):
        return Conversation(waiting=SpanKind.STRANGER, strangers=strangers)
    customers = {c: standing for c in others if others[c] is Role.CUSTOMER and (standing := calls(c)) is not None}
    if members[customer] is Role.AGENT or not (Role.AGENT in others.values() or any(s.called for s in (own, *customers.values()))):
        return Conversation()
    hides = [hidden for c in board.connected(customer) if (hidden := board.hides_holds(c)) is not False]
    if hides:
        return Conversation(waiting=SpanKind.LOST, holds_hidden=True in hides)
    if customers:
        return _joined(own, frozenset(others), customers, customer)
    return Conversation(frozenset(others))


def _joined(own: Standing, others: frozenset[str], customers: dict[str, Standing], customer: str) -> Conversation:
    """Among several customers. What one of them was not told of cannot be kept with their voice in it."""
    told = [standing.allows or frozenset() for standing in customers.values()]
    ceiling = told[0].intersection(*told[1:])
    if any(standing.tenant != own.tenant for standing in customers.values()):
        return Conversation(waiting=SpanKind.STRANGER, strangers=frozenset(customers))
    if any((standing.began_at, c) < (own.began_at, customer) for c, standing in customers.items()):
        return Conversation(waiting=SpanKind.JOINED)
    if not own.serves <= ceiling:
        return Conversation(waiting=SpanKind.STRANGER, strangers=frozenset(customers))
    return Conversation(others, customers=frozenset(customers), ceiling=ceiling)


def role_of(board: Switchboard, calls: Calls, channel: str, customer: str) -> Role:
    """`customer`: whose call asks, since the two sides of the self-test are parties for each other only."""
    name, standing = board.name_of(channel) or "", calls(channel)
    testing = (board.name_of(customer) or "").startswith(SELFTEST_CUSTOMER)
    if standing is not None and standing.silenced:
        return Role.REFUSED
    if testing and channel != customer:
        tone = name.startswith(SELFTEST_AGENT) and board.in_bridge(channel)
        return Role.AGENT if tone else Role.OUTSIDER if has_phone(name) else Role.NOBODY
    if board.is_agents(channel):
        return Role.AGENT
    if standing is not None and standing.allows is not None:
        return Role.CUSTOMER
    return Role.OUTSIDER if has_phone(name) else Role.NOBODY
