"""The rows. `python tests/asterisk/matrix/table.py` writes docs/waiting.md anew; with --check it only says whether that is needed."""

# ruff: noqa: E501
from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import moves
import pressing
import streams
import waits

Script = Callable[[Any], Awaitable[None]]
PAGE = Path(__file__).resolve().parents[3] / "docs/waiting.md"


@dataclass(frozen=True, slots=True)
class Row:
    """`kind`: which profile, so which call of the lane it is. `bounds`: arguments of judge.Bounds. `codecs`: of whose phone, ulaw otherwise.
    `sequences`: first RTP sequence number of whose calls. `known`: why less is promised than the issue asks, and what is."""

    name: str
    group: str
    happens: str
    kept: str
    not_kept: str
    script: Script
    kind: str = "always"
    bounds: dict[str, Any] = field(default_factory=dict)
    codecs: dict[str, str] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    by_wire: dict[str, Any] = field(default_factory=dict)
    """Bounds through the wire that are other ones."""
    known: str = ""
    """Why snoops cannot do better."""
    long: bool = False


TALK = "talk before and after"
HOLD, QUEUE, PARK, MOVE, OUT, SOUND, KEYS = "Hold", "Queue", "Park", "Transfer, pick-up, room", "Calling out", "Sound", "Keys"
RESTART = "The {} RTP begins anew, with a lower sequence number and a new SSRC, {}."
DEAF = "the conversation; never silent for more than 1.3 s"
SEWN = DEAF + " (0.5 s through the wire)"
DIGITS: dict[str, Any] = {"hole": 0.6, "hole_of": ("anna", "ben")}
"""While keys are pressed, that side is silent."""
SEEN: dict[str, Any] = {"hole": 0.16, "timeline": 0.15}
"""Where the moment is known only by what the phones hear; and where the parties change without a pause, all are tapped afresh."""
CURED: dict[str, Any] = {"hole": 1.3}
UNHURT: dict[str, Any] = {"hole": 0.5}
"""Through the wire no hook goes deaf; a second is what the cure of one takes."""
WIPED: dict[str, Any] = {"recordings": 0, "outcome": "not-kept"}

REPEATED = (
    "A phone that holds with a=sendonly and then, still holding, says c=0.0.0.0 is sent the customer's voice again by Asterisk."
    " Nothing of it is kept: for the recorder the hold goes on."
)
BOTH = (
    "When the RTP of both sides begins anew within a second (a border controller that restarts, say), Asterisk cannot take its hooks off. It does so while it"
    " handles a frame that it could translate, and there is none in either direction. The recording holds silence until the next hold, transfer or parking;"
    " alarm `tap_blind`. Nothing private is kept. Through the wire all of it is heard."
)

ROWS: tuple[Row, ...] = (
    Row("agent-sendonly", HOLD, "The agent holds with a=sendonly.", TALK, "the hold, music", waits.agent_sendonly),
    Row("agent-inactive", HOLD, "The agent holds with a=inactive.", TALK, "the hold, music", waits.agent_inactive),
    Row("agent-c0", HOLD, "The agent's phone holds the old way, with c=0.0.0.0.", TALK, "the hold, music", waits.agent_c0),
    Row("customer-holds", HOLD, "The customer holds, twice, each time in another way.", TALK, "both holds", waits.customer_holds),
    Row("both-hold", HOLD, "Both hold, one within the other's hold, and overlapping.", "talk while nobody holds", "from the first hold to the last unhold", waits.both_hold),
    Row("hold-repeated", HOLD, "A phone repeats its hold and changes its kind; one unhold ends it.", TALK, "all of the hold", waits.hold_repeated, bounds={"agent_hears": 1.0}, known=REPEATED),
    Row("hold-at-once", HOLD, "The agent holds within 100 ms of answering.", "talk after the hold", "the hold", waits.hold_at_once),
    Row("unhold-and-hold", HOLD, "The agent resumes and holds again within 200 ms, three times.", "talk between, where there is time for it", "the holds", waits.unhold_and_hold),
    Row("hang-up-while-held", HOLD, "The customer hangs up while he is held.", "talk before", "the hold to its end", waits.hang_up_while_held),
    Row("moh-passthrough", HOLD, "The agent's endpoint has moh_passthrough=yes.", TALK, "both holds", waits.passthrough),
    Row("queue", QUEUE, "Waiting with music and periodic announcements; the agent lets it ring once, then answers.", "talk from the answer on", "music, announcements, ringing", waits.queue),
    Row("queue-local", QUEUE, "The queue's member is Local/…/n; the agent holds too.", TALK, "waiting, ringing, the hold", waits.queue_local),
    Row("back-to-the-queue", QUEUE, "The agent sends the customer back to the queue and gets him again.", "both conversations, one recording", "waiting between", waits.back_to_the_queue),
    Row("feature-hold", HOLD, "The agent presses *2 (transfer) and then dials nothing: Asterisk gives up after some seconds.", TALK, "from the key on, until they hear each other again", moves.feature_hold_given_up, bounds=SEEN),
    Row("park-same", PARK, "Parked with *7, retrieved by the same agent.", "both conversations, one recording", "the parking lot", moves.park_same),
    Row("park-another", PARK, "Parked by REFER, retrieved by another agent.", "both conversations, one recording", "the parking lot", moves.park_another),
    Row("park-time-out", PARK, "Nobody retrieves the caller; the parking lot rings the agent back.", "both conversations, one recording", "the parking lot, ringing", moves.park_time_out),
    Row("parked-and-gone", PARK, "The caller hangs up in the parking lot.", "talk before", "the parking lot", moves.parked_and_gone),
    Row("blind-refer", MOVE, "Blind transfer by the phone (REFER).", "both conversations, one recording", "ringing", moves.blind_refer),
    Row("blind-feature", MOVE, "Blind transfer by feature code (#1).", "both conversations, one recording", "dialling, ringing", moves.blind_feature, bounds=DIGITS),
    Row("attended-refer", MOVE, "Attended transfer by the phone (REFER with Replaces); the new agent holds once.", "both conversations, one recording", "hold, consultation", moves.attended_refer),
    Row("attended-feature", MOVE, "Attended transfer by feature code (*2).", "both conversations, one recording", "dialling, consultation", moves.attended_feature, bounds=SEEN),
    Row("three-way", MOVE, "Attended transfer by feature code, made a call of three with *3, then the first agent leaves.", "talk, the three-way part, talk", "dialling, consultation", moves.three_way_feature, bounds={"mixed": True, **SEEN}),
    Row("consult-no-thanks", MOVE, "The colleague ends the consultation; the agent is back with the customer.", TALK, "dialling, consultation", moves.consult_ended_by_colleague, bounds={**DIGITS, **SEEN}),
    Row("consult-aborted", MOVE, "The agent ends the consultation with *1 (Asterisk's atxferabort).", TALK, "dialling, consultation", moves.consult_aborted, bounds={**DIGITS, **SEEN}),
    Row("pick-up", MOVE, "A colleague's phone rings; the agent picks the call up.", "talk from the pick-up on", "ringing", moves.pick_up),
    Row("room", MOVE, "ConfBridge: the customer alone, an agent comes, a second, both go, one comes back.", "while an agent and the customer are both in it", "the customer alone, music", moves.room, bounds={"mixed": True, **SEEN}),
    Row("room-hold", MOVE, "ConfBridge: the agent holds.", TALK, "the hold", moves.room_hold, bounds=SEEN),
    Row("out", OUT, "Calling out: it rings, the person called hears the notice first; the agent holds too.", TALK, "ringing, early media, the notice, the hold", moves.out),
    Row("out-refused", OUT, "The person called refuses with the key.", "nothing", "all of it", moves.out_refused, "asked", bounds={"recordings": 0, "outcome": "refused"}),
    Row("alaw", SOUND, "Both phones speak A-law.", TALK, "the hold", streams.talk_hold_talk, codecs={"cora": "alaw", "anna": "alaw"}),
    Row("alaw-ulaw", SOUND, "The customer's phone speaks A-law, the agent's µ-law.", TALK, "the hold", streams.talk_hold_talk, codecs={"cora": "alaw"}),
    Row("wideband", SOUND, "Both phones are wideband (16 kHz).", TALK, "the hold", streams.talk_hold_talk, codecs={"cora": "slin16", "anna": "slin16"}),
    Row("g722", SOUND, "Both phones speak G.722.", TALK, "the hold", streams.talk_hold_talk, codecs={"cora": "g722", "anna": "g722"}),
    Row("opus", SOUND, "Both phones speak Opus.", TALK, "the hold", streams.talk_hold_talk, codecs={"cora": "opus", "anna": "opus"}),
    Row("opus-g722-ulaw", SOUND, "From a G.722 agent to a µ-law one; the customer's phone speaks Opus.", "both conversations", "ringing, the hold", streams.to_another_codec, codecs={"cora": "opus", "anna": "g722"}),
    Row("narrow-to-wideband", SOUND, "From a µ-law agent to a wideband one; the customer's phone speaks A-law.", "both conversations", "ringing, the hold", streams.to_another_codec, codecs={"cora": "alaw", "ben": "slin16"}),
    Row("no-sound", SOUND, f"The customer's phone sends nothing for {streams.NOTHING_SECONDS:.0f} s.", "the conversation, with silence on his side", "-", streams.no_sound, bounds={"hole": streams.NOTHING_SECONDS + 0.3, "hole_of": ("cora",)}),
    Row("loss", SOUND, "15 % of the agent's packets get lost for a minute (ten with ASTERISK_PRIVACY_LONG=1).", "all that arrives, both sides aligned within 40 ms at the end", "-", streams.loss, bounds={"hole": 0.35, "hole_of": ("anna",), "aligned": 0.04}, long=True),
    Row("agent-restarts", SOUND, RESTART.format("agent's", "in mid-talk"), SEWN, "-", streams.agent_restarts, bounds=CURED, by_wire=UNHURT, long=True),
    Row("agent-restarts-wideband", SOUND, RESTART.format("agent's", "in mid-talk, wideband"), DEAF, "-", streams.agent_restarts, bounds=CURED, codecs={"anna": "slin16"}, long=True),
    Row("customer-restarts", SOUND, RESTART.format("customer's", "in mid-talk"), SEWN, "-", streams.customer_restarts, bounds=CURED, by_wire=UNHURT, long=True),
    Row("both-restart", SOUND, "Both sides' RTP begins anew at the same moment; later the agent holds.", "talk before, and after the hold; between, silence (through the wire: all of the talk)", "the hold", streams.both_restart, bounds={"edge": 3.3}, by_wire={"edge": 0.3}, known=BOTH),
    Row("agent-restarts-after-hold", SOUND, RESTART.format("agent's", "after each of eight holds"), SEWN, "the holds", streams.agent_restarts_after_hold, bounds=CURED, by_wire=UNHURT, long=True),
    Row("customer-restarts-after-hold", SOUND, RESTART.format("customer's", "after each of eight holds"), SEWN, "the holds", streams.customer_restarts_after_hold, bounds=CURED, by_wire=UNHURT, long=True),
    *(Row(f"transfers-{n}", SOUND, "Two blind transfers, each agent's sequence numbers below those of the one before.", DEAF, "ringing", streams.transfers, bounds=CURED, sequences={"anna": 40000 + n, "ben": 30000 - 3000 * n, "dora": 10000 - 3000 * n}) for n in range(3)),
    *(Row(f"attended-and-park-{n}", SOUND, "Attended transfer, then park and retrieve, sequence numbers going down.", DEAF, "hold, consultation, parking lot", streams.transfers_attended, bounds=CURED, sequences={"anna": 40000 + n, "ben": 30000 - 3000 * n, "dora": 10000 - 3000 * n}) for n in range(2)),
    Row("keep", KEYS, "Keep, by RFC 4733, through Dial.", "all of the talk", "digits: the customer does not hear them", pressing.keep, "flag", bounds=DIGITS),
    Row("keep-info-queue", KEYS, "Keep, by SIP INFO, through Queue.", "all of the talk", "digits, waiting", pressing.keep_info_queue, "flag", bounds=DIGITS),
    Row("keep-twice", KEYS, "Keep, pressed twice.", "all of the talk, once", "digits", pressing.keep_twice, "flag", bounds=DIGITS),
    Row("record-key", KEYS, "The phone's own Record key (SIP INFO `Record: on`).", "all of the talk", "-", pressing.record_key, "flag", bounds=DIGITS),
    Row("record-key-off", KEYS, "The phone's Record key again (`Record: off`) wipes.", "nothing", "all of it", pressing.record_off_key, bounds=WIPED),
    Row("keep-in-hold", KEYS, "Keep, pressed during a hold.", TALK, "the hold", pressing.keep_in_hold, "flag", bounds=DIGITS),
    Row("keep-in-grace", KEYS, "Keep, dialled on the idle phone after the customer hung up.", "all of the talk", "-", pressing.keep_in_grace, "flag"),
    Row("keep-after-blind", KEYS, "Keep, pressed by the second agent after a blind transfer.", "both conversations", "ringing", pressing.after_blind, "flag", bounds=DIGITS),
    Row("keep-after-attended", KEYS, "Keep, pressed by the second agent after an attended transfer.", "both conversations", "hold, consultation", pressing.after_attended, "flag", bounds=DIGITS),
    Row("keep-after-park", KEYS, "Keep, pressed by the agent who retrieved the caller.", "both conversations", "the parking lot", pressing.after_park, "flag", bounds=DIGITS),
    Row("customer-keep", KEYS, "The customer presses *1, by RFC 4733 and SIP INFO, and tries the Record key.", "nothing", "all of it", pressing.customers_keys, "flag", bounds={"recordings": 0, "outcome": "not-kept"}),
    Row("customer-pause", KEYS, "The customer presses *5 and *90.", "all of the talk", "-", pressing.customers_pause, bounds={"hole": 0.6, "hole_of": ("cora",)}),
    Row("pause-resume", KEYS, "Pause and resume, by RFC 4733.", TALK, "between the keys", pressing.pause_resume, bounds=DIGITS),
    Row("pause-resume-info", KEYS, "Pause and resume, by SIP INFO.", TALK, "between the keys", pressing.pause_resume_info, bounds=DIGITS),
    Row("pause-over-hold", KEYS, "Paused, then held and taken back: still paused until resume is pressed.", TALK, "between the keys", pressing.pause_over_hold, bounds=DIGITS),
    Row("pause-after-queue", KEYS, "Through a queue, a blind transfer, then pause and resume by the second agent.", "talk but between the keys", "waiting, ringing, between the keys", pressing.after_queue, bounds=DIGITS),
    Row("off-record", KEYS, "Off the record (*90).", "nothing", "all of it", pressing.off_record, bounds=WIPED),
)  # fmt: skip


def page() -> str:
    groups = list(dict.fromkeys(row.group for row in ROWS))
    lines = [
        "# Waiting and moving: what is kept",
        "",
        "Every row is a real call on a real Asterisk (`tests/asterisk/matrix/`), with real SIP phones. Everybody speaks a code that names each",
        "20 ms of it, and another tone whenever he is not in conversation; the recording is decrypted and measured. This page is made from the",
        "tests: `python tests/asterisk/matrix/table.py`. Each row is played twice: heard by snoops, and [through the wire](admin.md#through-the-wire).",
        "",
    ]
    for group in groups:
        lines += [f"## {group}", "", "| case | what happens | kept | not kept |", "|---|---|---|---|"]
        lines += [f"| {r.name} | {r.happens} | {r.kept} | {r.not_kept} |" for r in ROWS if r.group == group]
        lines.append("")
    known = [row for row in ROWS if row.known]
    if known:
        lines += ["## Where Asterisk sets a limit", "", *(f"- **{row.name}**: {row.known}" for row in known), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(
            0 if PAGE.is_file() and PAGE.read_text() == page() else f"docs/{PAGE.name} is stale: run python tests/asterisk/matrix/table.py"
        )
    PAGE.write_text(page())
