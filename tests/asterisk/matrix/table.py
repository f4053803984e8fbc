"""The rows. `python tests/asterisk/matrix/table.py` writes docs/waiting.md anew; with --check it only says whether that is needed."""

# ruff: noqa: E501
from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    known: str = ""
    long: bool = False


TALK = "talk before and after"
HOLD, QUEUE, PARK, MOVE, OUT, SOUND, KEYS = "Hold", "Queue", "Park", "Transfer, pick-up, room", "Calling out", "Sound", "Keys"

ROWS: tuple[Row, ...] = (
    Row("agent-sendonly", HOLD, "The agent holds with a=sendonly.", TALK, "the hold, music", waits.agent_sendonly),
    Row("agent-inactive", HOLD, "The agent holds with a=inactive.", TALK, "the hold, music", waits.agent_inactive),
    Row("agent-c0", HOLD, "The agent's phone holds the old way, with c=0.0.0.0.", TALK, "the hold, music", waits.agent_c0),
    Row("customer-holds", HOLD, "The customer holds, twice, each time in another way.", TALK, "both holds", waits.customer_holds),
    Row("both-hold", HOLD, "Both hold, one within the other's hold, and overlapping.", "talk while nobody holds", "from the first hold to the last unhold", waits.both_hold),
    Row("hold-repeated", HOLD, "A phone repeats its hold and changes its kind; one unhold ends it.", TALK, "all of the hold", waits.hold_repeated),
    Row("hold-at-once", HOLD, "The agent holds within 100 ms of answering.", "talk after the hold", "the hold", waits.hold_at_once),
    Row("unhold-and-hold", HOLD, "The agent resumes and holds again within 200 ms, three times.", "talk between, where there is time for it", "the holds", waits.unhold_and_hold),
    Row("hang-up-while-held", HOLD, "The customer hangs up while he is held.", "talk before", "the hold to its end", waits.hang_up_while_held),
    Row("moh-passthrough", HOLD, "The agent's endpoint has moh_passthrough=yes.", TALK, "both holds", waits.passthrough),
    Row("queue", QUEUE, "Waiting with music and periodic announcements; the agent lets it ring once, then answers.", "talk from the answer on", "music, announcements, ringing", waits.queue),
    Row("queue-local", QUEUE, "The queue's member is Local/…/n; the agent holds too.", TALK, "waiting, ringing, the hold", waits.queue_local),
    Row("back-to-the-queue", QUEUE, "The agent sends the customer back to the queue and gets him again.", "both conversations, one recording", "waiting between", waits.back_to_the_queue),
)  # fmt: skip


def page() -> str:
    groups = list(dict.fromkeys(row.group for row in ROWS))
    lines = [
        "# Waiting and moving: what is kept",
        "",
        "Every row is a real call on a real Asterisk (`tests/asterisk/matrix/`), with real SIP phones. Everybody speaks a code that names each",
        "20 ms of it, and another tone whenever he is not in conversation; the recording is decrypted and measured. This page is made from the",
        "tests: `python tests/asterisk/matrix/table.py`.",
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
