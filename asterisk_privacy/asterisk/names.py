"""Names that the dialplan include and the daemon share. Admins learn them: changing one is a breaking change."""

from __future__ import annotations

import hashlib

ARI_APP = "asterisk-privacy"

TAP_CONTEXT = "privacy-tap"
"""Dialplan context that sends a snoop's audio to AudioSocket(); the snoop's channel id is the AudioSocket UUID."""
TAP_TO, TAP_LABEL = "to-", "here"
"""Its extension for a recorder that says itself where its audio goes: `to-HOST:PORT`, with a label in front by which Asterisk tells at once
whether the include has it. The others go to extension s, and so to AUDIOSOCKET_VARIABLE."""

CONTEXTS = (
    "privacy-start", "privacy-outbound", "privacy-outbound-ask", "privacy-clear", "privacy-notice", "privacy-ask", "privacy-ask-one",
    "privacy-tap",
    "privacy-key-keep", "privacy-key-pause", "privacy-key-resume", "privacy-key-off", "privacy-key-from", "privacy-key-to",
    "privacy-key-object", "privacy-key-room", "privacy-key-keep-last", "privacy-key-object-last",
)  # fmt: skip
"""Every context of the include. One that is missing tells of an older include."""
NOT_AT_S = {"privacy-key-room": "keep"}
"""An extension of those that have no s."""

ASKING_CONTEXTS = frozenset({"privacy-ask", "privacy-ask-one", "privacy-outbound"})
"""Where a channel stands that asks the recorder, or waits for the one that asks in its place."""

AGI_VARIABLE, AUDIOSOCKET_VARIABLE = "PRIVACY_AGI", "PRIVACY_AUDIOSOCKET"
"""Global variables of where the dialplan asks and where audio goes; without them the addresses below."""
AGI_DEFAULT, AUDIOSOCKET_DEFAULT = "127.0.0.1:4573", "127.0.0.1:9092"

MISSED_VARIABLE = "PRIVACY_MISSED"
"""Global variable in which the dialplan counts calls that went on unrecorded since the daemon did not answer."""

HUSH_VARIABLE = "PRIVACY_HUSH"
"""On the agent's channel: the last of pause, resume and off that he pressed. Read after a lost link, which may have lost the key."""
HUSH_AT_VARIABLE = "PRIVACY_HUSH_AT"
"""When that was, in seconds by Asterisk's clock: the agent's channel may outlive the call. Set last by the dialplan, so read first."""

CONSENT_VARIABLE = "PRIVACY_CONSENT"
"""On the customer's channel, by the dialplan: none, notice, refused or agreed:KEYS."""

RECORDER_VARIABLE = "PRIVACY_RECORDER"
"""On the customer's channel, by FastAGI: the [asterisk] app of the recorder that took the call, for the others to know."""

STATE_VARIABLE = "PRIVACY_STATE"
"""On the customer's channel, by FastAGI's first answer: what the next daemon needs to take the call up again; opaque to everybody else."""


def later_state(channel: str) -> str:
    """The global variable that tells the same anew once it changed. ARI sets variables of channels in Stasis only, and a caller's is in
    the dialplan (409, seen on 22.10.1). A hash: an id may hold what a variable's name may not."""
    return f"{STATE_VARIABLE}_{hashlib.sha256(channel.encode()).hexdigest()[:32]}"


ALIVE_VARIABLE = "PRIVACY_ALIVE"
"""Global variable in which a daemon that listens repeats what another one, that wants to start, has asked with EVENT_ALIVE."""


def alive_of(app: str) -> str:
    """The same where several recorders listen: each has its own, so that no other's answer takes its place."""
    return f"{ALIVE_VARIABLE}_{hashlib.sha256(app.encode()).hexdigest()[:16]}"


HEARD_VARIABLE = "PRIVACY_HEARD"
"""On the customer's channel, by the dialplan: the announcements that were heard to their end, by their names, with - between."""

EVENT_ALIVE = "PrivacyAlive"
EVENT_CLOCK = "PrivacyClock"
EVENT_NOTICE = "PrivacyNotice"
EVENT_CHOICE = "PrivacyChoice"
EVENT_KEY = "PrivacyKey"
EVENT_UNAVAILABLE = "PrivacyUnavailable"

NOTICE_CONTEXTS = {"privacy-notice": "begin", "privacy-key-choice": "end"}
"""Where the dialplan tells that an announcement begins, and that it ends."""
CHOICE_CONTEXT, REFUSE_EXTENSION = "privacy-key-choice", "refuse"
KEY_CONTEXTS = {f"privacy-key-{cmd}": cmd for cmd in ("keep", "pause", "resume", "off", "from", "to", "object", "keep-last", "object-last")}
"""Where each key is told: by the context it is known which one it was."""
