"""What Asterisk remembers of a call for a daemon that dies: an opaque variable, so that the next daemon can take the call up again.

Only a daemon with the same number key can read or write it, and it fits only the channel that it was written for. Whoever may read channel
variables (agents' dialplan, AMI) learns nothing of it, whether the call was drawn least of all: it always has the same length, and it is
written anew only at moments that tell nothing of the draw. Consent is not in it: that is told by PRIVACY_CONSENT, which the dialplan sets
even while no daemon lives.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from msgspec import UNSET, UnsetType

from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.recorder import Recorder
from asterisk_privacy.call.situation import Consent, Hush
from asterisk_privacy.policy.purpose import Profile, Purpose

DIGEST = 8  # characters
LONGEST_STATE = 1900
"""Of what goes over FastAGI, of which Asterisk reads a line up to 2,047 characters; the rest is written over ARI."""
PADDED_BYTES = 512
"""Of one token's plain text; a policy with very long names takes a multiple."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`profiles`: names, in the order in which they were announced. `lots`: for each sample purpose that was decided, whether it took
    the call. `flagged`: what the agent wants it kept for. `objected`: the purposes to which the agent marked the customer's objection.
    `agreed`: those agreed to by key. `limit`: those that every other customer allowed who was in it; None: there was none. `voices`:
    calls of other customers whose voice may be in this one's, whether it is kept or not; `heard_in`: those of others in which this
    customer's may be. `consent`: as PRIVACY_CONSENT has it, where that is on another channel than the customer's own (the notice was
    played on half of a Local channel, or in another call of the customer's). `notice`: the announcement of the first of `profiles`.
    `newest`: that of `newest_line`, another line, which was asked for last. Whether it was heard is unknown; a refusal counts. `told`:
    digests of the purposes of which the caller was told: the policy may be another by now. `company`: the channels in
    conversation with the customer, each with the moment (ms, wall clock) since when."""

    call_id: str
    profiles: tuple[str, ...]
    lots: Mapping[str, bool]
    flagged: frozenset[str] = frozenset()
    objected: frozenset[str] = frozenset()
    agreed: frozenset[str] = frozenset()
    hush: Hush = Hush.NONE
    notice: str = ""
    answers: int = 0  # to draws; so that each is written down, whatever it says
    voices: frozenset[str] = frozenset()
    consent: str = ""
    heard_in: frozenset[str] = frozenset()
    newest: str = ""
    newest_line: str = ""
    limit: frozenset[str] | None = None
    told: frozenset[str] = frozenset()
    company: Mapping[str, int] = field(default_factory=dict)

    def joined(self, channels: Iterable[str]) -> float | None:
        """When the last of these that are in the conversation came into it, in seconds by the wall clock."""
        return max((self.company[c] / 1000 for c in channels if c in self.company), default=None)

    def in_company(self, channels: Iterable[str], at: datetime) -> Memory:
        """They are in conversation with the customer from `at` on. A key that one of them pressed before was meant for another call."""
        moment = round(at.timestamp() * 1000)
        return replace(self, company={channel: self.company.get(channel, moment) for channel in sorted(channels)})

    @property
    def drawn(self) -> frozenset[str]:
        return frozenset(name for name, taken in self.lots.items() if taken)


def at_begin(call_id: str, profile: Profile, drawn: frozenset[str], notice: str = "") -> Memory:
    lots = {p.name: p.name in drawn for p in profile.purposes if p.one_in is not None}
    return Memory(call_id, (profile.name,), lots, notice=notice, told=frozenset(map(_digest, profile.purposes)))


def _digest(purpose: Purpose) -> str:
    """Of what the caller decides by: who starts it, whether they are asked, on which basis, how long it is kept."""
    words = repr((purpose.name, purpose.trigger.value, purpose.agree_key, purpose.basis.value, purpose.retention))
    return hashlib.sha256(words.encode()).hexdigest()[:DIGEST]


def as_told(profile: Profile, memory: Memory) -> Profile:
    """Without the purposes of which the caller was not told, or that are others by now."""
    return replace(profile, purposes=tuple(p for p in profile.purposes if _digest(p) in memory.told))


def joined(memory: Memory, profile: Profile, drawn: frozenset[str]) -> Memory:
    """The notice of another line was heard too."""
    new = at_begin(memory.call_id, profile, drawn)
    profiles = (*memory.profiles, profile.name)
    return replace(memory, profiles=profiles, lots={**new.lots, **memory.lots}, told=new.told | memory.told)


def heard_first(memory: Memory, profile: Profile, drawn: frozenset[str], notice: str) -> Memory:
    """Of the lines before this one no notice was heard: nothing of them counts."""
    new = at_begin(memory.call_id, profile, drawn, notice)
    return replace(memory, profiles=new.profiles, lots=new.lots, notice=notice, told=new.told)


def consent_words(consent: Consent, profile: Profile, agreed: frozenset[str]) -> str:
    """As PRIVACY_CONSENT has it."""
    keys = "".join(dict.fromkeys(p.agree_key or "" for p in profile.purposes if p.name in agreed))
    word = {Consent.UNASKED: "none", Consent.REFUSED: "refused"}.get(consent)
    return word or (f"agreed:{keys}" if keys else "notice")


def voices_after(voices: frozenset[str], commands: Iterable[cmd.Command], beside: Mapping[str, str]) -> frozenset[str]:
    """Calls of the customers whose voice is in what is kept of this one. `beside`: those in the present conversation, by channel."""
    for command in commands:
        if isinstance(command, cmd.Open):
            voices |= {beside[c] for c in command.customers if c in beside}
        elif isinstance(command, cmd.Wipe):
            voices = frozenset()
    return voices


def after(memory: Memory, event: ev.Event, commands: Iterable[cmd.Command], recorder: Recorder) -> Memory:
    """What is to be remembered once `recorder` answered `event` with `commands`. It changes at moments of which the agent knows anyway,
    or at which it changes for every call of the line."""
    wishes = recorder.wishes
    memory = replace(memory, hush=recorder.situation.hush, agreed=wishes.agreed, objected=wishes.objected)
    for command in commands:
        match command:
            case cmd.Draw():  # until the answer comes nobody took it
                memory = replace(memory, lots={**dict.fromkeys(command.purposes, False), **memory.lots})
            case cmd.StartFile() | cmd.AddPurposes() if isinstance(event, ev.KeyPressed) and event.key is ev.AgentKey.KEEP:
                memory = replace(memory, flagged=memory.flagged | frozenset(command.purposes))
            case cmd.Wipe() | cmd.EraseFile():
                memory = replace(memory, flagged=frozenset())
            case _:
                pass
    if isinstance(event, ev.Drawn):  # told whatever the answer is
        memory = replace(memory, lots={**memory.lots, **dict.fromkeys(event.taken, True)}, answers=memory.answers + 1)
    return memory


def among_others(memory: Memory, event: ev.Event, commands: Iterable[cmd.Command], recorder: Recorder, beside: Iterable[str]) -> Memory:
    """`beside`: calls of the other customers in the present conversation. It is the same whether this call is kept or not, so that it tells
    nothing of the draw."""
    wiped = any(isinstance(c, cmd.Wipe) for c in commands)
    voices = frozenset(beside) | (frozenset() if wiped else memory.voices)
    limits = [limit for limit in (None if wiped else memory.limit, recorder.wishes.ceiling) if limit is not None]
    limit = frozenset.intersection(*limits) if limits else None
    heard_in = frozenset[str]() if wiped and not isinstance(event, ev.Withdrawn) else memory.heard_in
    return replace(memory, voices=voices, limit=limit, heard_in=heard_in)


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    channel: str
    call: str
    profiles: list[str]
    lots: dict[str, bool]
    flagged: list[str] | bool  # a release before this one did not write for what
    objected: list[str] | bool
    agreed: list[str]
    hush: str
    voices: list[str] | UnsetType = UNSET
    consent: str = ""
    notice: str = ""
    heard_in: list[str] = []
    newest: str = ""
    newest_line: str = ""
    limit: list[str] | UnsetType | None = UNSET
    told: str = ""  # one after the other: a line of AGI has 2 kB
    company: dict[str, int] = {}

    @property
    def limited_to(self) -> frozenset[str] | None:
        """Where it does not say what other customers allowed they allowed nothing, unless it says that there were none."""
        if self.limit is UNSET:
            return None if self.voices == [] else frozenset()
        return None if self.limit is None else frozenset(self.limit)


class Reminders:
    """Makes and reads the variable's value. `number_key`: the registry's secret; the key in use is derived from it."""

    def __init__(self, number_key: bytes) -> None:
        derived = hmac.new(number_key, b"asterisk-privacy: state of a call on its channel", hashlib.sha256).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def write(self, channel: str, memory: Memory) -> str:
        plain = _Plain(
            channel,
            memory.call_id,
            list(memory.profiles),
            dict(memory.lots),
            sorted(memory.flagged),
            sorted(memory.objected),
            sorted(memory.agreed),
            memory.hush.value,
            sorted(memory.voices),
            memory.consent,
            memory.notice,
            sorted(memory.heard_in),
            memory.newest,
            memory.newest_line,
            None if memory.limit is None else sorted(memory.limit),
            "".join(sorted(memory.told)),
            dict(memory.company),
        )
        text = msgspec.json.encode(plain)
        return self._fernet.encrypt(text.ljust(-(-len(text) // PADDED_BYTES) * PADDED_BYTES)).decode()

    def read(self, channel: str, value: str) -> Memory | None:
        """None for whatever was not written by `write` for this very channel."""
        try:
            plain = msgspec.json.decode(self._fernet.decrypt(value), type=_Plain)
            hush = Hush(plain.hush)
        except (InvalidToken, msgspec.DecodeError, ValueError):
            return None
        flagged, objected = plain.flagged or [], plain.objected or []
        if plain.channel != channel or not plain.profiles or flagged is True or objected is True:
            return None
        return Memory(
            plain.call,
            tuple(plain.profiles),
            plain.lots,
            frozenset(flagged),
            frozenset(objected),
            frozenset(plain.agreed),
            hush,
            limit=plain.limited_to,
            told=frozenset(plain.told[i : i + DIGEST] for i in range(0, len(plain.told), DIGEST)),
            voices=frozenset(plain.voices or ()),
            consent=plain.consent,
            notice=plain.notice,
            heard_in=frozenset(plain.heard_in),
            newest=plain.newest,
            newest_line=plain.newest_line,
            company=plain.company,
        )
