"""What went wrong and what is going on, as counters and one report. No personal data, no unbounded names."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from asterisk_privacy.call.silence import Why
from asterisk_privacy.daemon.tally import Tally
from asterisk_privacy.few_lines import FewLines

log = logging.getLogger(__name__)


class Alarm(StrEnum):
    """Each of these means: something went unrecorded or unwritten, and a person should know."""

    ARI_DOWN = "ari_down"
    MISSED_CALLS = "missed_calls"  # the dialplan found no daemon
    NOT_READY = "not_ready"  # a call was turned down since the recorder could not record
    TAP_FAILED = "tap_failed"
    TAP_BLIND = "tap_blind"  # Asterisk's hook was deaf to a leg; heard again by a fresh tap
    PARTY_GONE = "party_gone"  # no packet comes from a phone any more, and it did not hang up
    NO_TRANSLATOR = "no_translator"  # Asterisk cannot decode what a phone sends: nothing of it is kept
    UNDECIPHERED = "undeciphered"  # SRTP of a phone that Asterisk never made anything of
    STORE_FAILED = "store_failed"
    REGISTRY_FAILED = "registry_failed"
    RING_FULL = "ring_full"
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_CALL = "unknown_call"
    PURGE_FAILED = "purge_failed"
    PURGE_BRAKED = "purge_braked"
    DELETION_OVERDUE = "deletion_overdue"
    NOT_AS_RECORDED = "not_as_recorded"  # a file, or its row, is not what was recorded; it is neither heard nor copied
    REGISTRY_GONE = "registry_gone"  # it was removed, replaced or emptied while this daemon runs
    ASTRAY = "astray"  # files, rows and trail do not agree, or something lies among the recordings that is none
    AUDIT_BROKEN = "audit_broken"  # the nightly walk found the audit trail tampered with
    CHECKPOINT_FAILED = "checkpoint_failed"  # the night ended without a signed checkpoint, though there is a key
    REQUEST_OVERDUE = "request_overdue"  # of a person, GDPR art. 12(3)
    TONE_FAILED = "tone_failed"
    GHOST_CALL = "ghost_call"  # somebody asked over FastAGI for a channel that Asterisk does not show asking
    FORGED = "forged"  # a caller's words, or another program, spoke as the recorder's own dialplan
    NOTICE_FAILED = "notice_failed"  # Asterisk could not play an announcement: its calls go on unannounced and unrecorded
    OUT_OF_SIGHT = "out_of_sight"  # a call is in a bridge of another ARI application, of whose holds nobody tells
    HOLDS_HIDDEN = "holds_hidden"  # an endpoint of whose holds Asterisk tells nobody, or does not say: its calls are not recorded
    NOBODY_BEHIND = "nobody_behind"  # a notice was played on a Local channel behind which not just one caller was
    KEPT_NOTHING = "kept_nothing"  # a call was to be kept, was over, and nothing of it had come in
    OUTSIDER = "outsider"  # a call is not kept since somebody is in it who is neither an agent nor was told anything
    SILENT_HOLD = "silent_hold"  # a phone holds without telling the PBX; the agent may hear a held caller (R15)
    UPLOADS_LATE = "uploads_late"  # recordings wait for the bucket for longer than [s3] waiting_minutes
    NODE_SILENT = "node_silent"  # another node of this registry has told nothing of itself for minutes
    CLOCK_OFF = "clock_off"  # over a minute from the registry's server; a clock that is ahead deletes nothing
    PAGE_DESK_FAILED = "page_desk_failed"  # what answers the review page ended by a fault; it is started again
    CONFIG_REFUSED = "config_refused"  # a changed configuration has mistakes; the one before it still holds
    INTERNAL = "internal"  # a mistake of ours; all gates were shut until the state was read again


SILENT: Mapping[Why, tuple[Alarm, str]] = {
    Why.BLIND_HOOK: (Alarm.TAP_BLIND, "Asterisk's hook was deaf to a party, whose talk of that time is lost"),
    Why.GONE: (Alarm.PARTY_GONE, "no packet comes from a phone any more, and it did not hang up: is rtp_timeout set on its endpoint?"),
    Why.NO_TRANSLATOR: (
        Alarm.NO_TRANSLATOR, "Asterisk has no translator for a phone's codec, so nothing of it is kept: load one, or allow G.711 or G.722",
    ),
    Why.UNDECIPHERED: (Alarm.UNDECIPHERED, "nothing of a phone's SRTP was ever heard, so nothing is kept of it: ICE, media_encryption?"),
}  # fmt: skip
"""What of a party's silence a person must know."""


def place_of(mistake: BaseException) -> str:
    """Where it was raised, as `module.py:line in function`, and which of our own lines led there."""
    frames = traceback.extract_tb(mistake.__traceback__)
    ours = [f for f in frames if "asterisk_privacy" in f.filename]
    places = [f"{Path(f.filename).name}:{f.lineno} in {f.name}" for f in ours[-1:] + frames[-1:]]
    return ", called in ".join(dict.fromkeys(reversed(places))) or "an unknown place"


MOST_ENDPOINTS = 200
"""Of each kind, named in `status`; the rest is counted as "others"."""


def _count(counter: Counter[str], endpoint: str) -> None:
    """A trunk of DAHDI and the like has the number of who calls in its channels' names."""
    technology, _, rest = endpoint.partition("/")
    shown = endpoint if "/" not in rest else f"{technology}/{rest.partition('/')[0]}"
    counter[shown if shown in counter or len(counter) < MOST_ENDPOINTS else "others"] += 1


class Health:
    def __init__(self) -> None:
        self.alarms: Counter[Alarm] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.calls_begun = 0
        self.calls_taken_up = 0
        self.silent_holds: Counter[str] = Counter()
        self.silent_legs: dict[Why, Counter[str]] = {why: Counter() for why in Why}  # by endpoint
        self.gated: Counter[str] = Counter()  # by endpoint: calls in which a phone was found dead silent between words
        self.notices_failed: Counter[str] = Counter()  # by profile
        self.outsiders: Counter[str] = Counter()  # by endpoint: calls that were not kept, or not all of them
        self.colleagues: Counter[str] = Counter()  # by endpoint: calls of agents to a recorded line
        self.tally = Tally()
        self._lines = FewLines()
        self.advice: tuple[str, ...] = ()  # on how this Asterisk is set up, as of the last connection

    def alarm(self, what: Alarm, words: str, times: int = 1) -> None:
        """Counts each, and says it in the log in one line, unless that, or enough of its kind, was said a moment ago."""
        self.alarms[what] += times
        line = self._lines.say(what.value, words, times)
        if line is not None:
            log.warning("alarm %s: %s", what.value, line, extra={"journal": {"EVENT": "alarm", "ALARM": what.value}})

    def notice_failed(self, profile: str, sound: str) -> None:
        self.notices_failed[profile] += 1
        words = f"[profiles.{profile}] announcement: Asterisk could not play {sound}, or a sound beside it; see check-config, and its log"
        self.alarm(Alarm.NOTICE_FAILED, words)

    def outsider(self, endpoint: str) -> None:
        """`status` names the endpoint; the log does not."""
        _count(self.outsiders, endpoint)
        words = (
            "somebody in a call is neither an agent nor was told anything, so that nothing is kept while they are in it: give an agent's "
            "endpoint the template privacy-agent, or name it in [agents]; tell others by U(privacy-outbound^PROFILE)"
        )
        self.alarm(Alarm.OUTSIDER, words)

    def colleague(self, endpoint: str) -> None:
        _count(self.colleagues, endpoint)
        log.info("an agent called a recorded line: colleagues are not recorded")

    def silent_leg(self, why: Why, endpoint: str) -> None:
        """`status` names the phone; the log does not."""
        _count(self.silent_legs[why], endpoint)
        if why in SILENT:
            self.alarm(*SILENT[why])
        else:
            log.info("a party is silent in mid-conversation: %s", why.value)

    def silent_between_words(self, endpoint: str) -> None:
        """`status` names the phone; the log does not."""
        _count(self.gated, endpoint)
        log.info("a phone is dead silent between words: less than a minute of its silence is taken for no hold from now on in this call")

    def silent_hold(self, endpoint: str) -> None:
        """`status` names the phone; the log does not."""
        _count(self.silent_holds, endpoint)
        self.alarm(Alarm.SILENT_HOLD, "a phone held without telling Asterisk: nothing of it is kept, but its agent may hear a held caller")
