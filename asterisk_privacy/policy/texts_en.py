"""English."""

# ruff: noqa: E501 -- sentences read better whole

from __future__ import annotations

from asterisk_privacy.policy.phrases import Notice, Papers, Phrases

PHRASES = Phrases(
    day="1 day",
    days="{n} days",
    keys={
        **dict(zip("0123456789", ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), strict=True)),
        "*": "star",
        "#": "hash",
    },
    notice=Notice(
        may="This call may be recorded {for_}.",
        always="This call is recorded {for_}.",
        ask="May we record this call {for_}?",
        clause="for {title}, {kept}",
        clause_sampled="for {title} (one call in {n}, picked at random), {kept}",
        clause_some="for {title} (a few calls, picked at random), {kept}",
        clause_flagged="for {title} (only if our agent saves it), {kept}",
        clause_marked="for {title} (only the part that our agent marks), {kept}",
        kept="kept until {until}",
        latest=", {latest} after the call at the latest",
        also="; and ",
        optional="Only if you press {key}: {for_}.",
        never_waiting="Never while you are on hold.",
        statement="Our privacy statement is on {where}.",
        website="our website",
        refuse="If you do not want to be recorded, press {key}.",
        agree="If you agree, press {key}.",
        silence="Otherwise we do not record.",
    ),
    papers=Papers(
        titles={
            "statement": "Recording of telephone calls",
            "record": "Record of processing activities (GDPR art. 30): recording of telephone calls",
            "council": "Works council: recording of telephone calls",
            "dpia": "Input for the data protection impact assessment (GDPR art. 35): recording of telephone calls",
            "table": "What happens to a recording",
            "announcement": "Announcements",
        },
        columns={
            "statement": ("What for", "Legal basis", "Which calls", "Kept until", "At the latest", "Your choice"),
            "record": (
                "Purpose",
                "Legal basis",
                "Reasoning",
                "Data subjects",
                "Personal data",
                "Recipients",
                "Transfers outside the EEA",
                "Time limit for erasure",
                "Security measures",
            ),
            "council": ("Purpose", "Which calls", "What an agent notices", "Kept until", "At the latest"),
            "dpia": (
                "Purpose",
                "Legal basis and why",
                "Necessity: which calls",
                "Risk to callers and agents",
                "What limits it",
                "At the latest",
            ),
            "table": ("Purpose", "Announced", "Chosen", "Never recorded", "Stored", "Heard", "Ends", "Deleted"),
            "announcement": ("Profile", "Language", "Text"),
        },
        intro={
            "statement": (
                "Controller: {name}. Contact: {contact}. Data protection officer: {dpo}.",
                "We may record telephone calls, and tell you so before the recording begins. Nothing is recorded while you are on hold, in a queue or being transferred.",
            ),
            "record": ("Controller: {name}, {contact}. Data protection officer: {dpo}.",),
            "council": (
                "Recordings are made for the purposes below and no others. Hold, queue, consultation and pauses are never recorded; "
                "an agent can pause and go off the record.",
            ),
            "dpia": (
                "Controller: {name}. Data protection officer: {dpo}.",
                "Nature: calls are held in memory only; what no purpose keeps leaves nothing behind. What is kept is encrypted to keys that the recorder does not have.",
            ),
            "table": (),
            "announcement": (),
        },
        closing={
            "statement": (
                "You can ask for a copy of your recordings, for their erasure, for restriction, and object; ask {contact}. "
                "You can complain to the supervisory authority. A consent can be withdrawn at any time, for the time to come.",
            ),
            "record": (),
            "council": (
                "An agent can ask which recordings of him exist, what for, and who listened. Which calls chance picks, "
                "nobody can see while they last.",
            ),
            "dpia": (
                "To be added by the organisation: consultation of callers and staff, the advice of the data protection officer, remaining risk.",
            ),
            "table": (),
            "announcement": (),
        },
        triggers={
            "campaign": "calls of designated extensions or lines, for a limited time and number, to find a fault",
            "marked": "only the part of a call that the agent marks",
            "flag": "only calls that the agent saves",
            "sample": "one call in {n}, picked at random",
            "some": "a few calls, picked at random",
            "always": "every call",
        },
        bases={
            "consent": "consent (art. 6(1)(a))",
            "contract": "contract (art. 6(1)(b))",
            "legal-obligation": "legal obligation (art. 6(1)(c))",
            "vital-interests": "vital interests (art. 6(1)(d))",
            "public-task": "public task (art. 6(1)(e))",
            "legitimate-interest": "legitimate interest (art. 6(1)(f))",
        },
        noticed={
            "campaign": "nothing",
            "marked": "his own keys and their tone",
            "flag": "his own key and its tone",
            "sample": "nothing",
            "always": "nothing; it is announced",
        },
        risk="a recorded conversation is heard by somebody it was not meant for, kept too long, or used to watch an agent",
        choices={"refuse": "key {key} refuses", "agree": "only with key {key}", "object": "object afterwards"}
        | {"further": "object to the other use alone"},
        further="May also be listened to for {title}, which is compatible with it (GDPR art. 6(4)): {because}",
        heard_further="for this purpose, or for what is compatible with it ({purposes}); each listening and each export is logged",
        people="callers, people called, agents",
        data="voices and what is said; time, line and agent of the call; the number as a keyed hash and sealed",
        receivers="reviewers with a key of their own; nobody else without a logged hand-over",
        transfers="none",
        security="encrypted to reviewers' keys (age), secret keys kept off the recorder, tamper-evident audit trail, deletion every night with evidence",
        steps=(
            "before the recording begins ({profiles})",
            "{trigger}",
            "hold, queue, transfer, music, pause, off the record",
            "encrypted; the recorder itself cannot open it",
            "for this purpose only; each export is logged",
            "until {until}",
            "{latest} after the call at the latest; every night, with evidence",
        ),
        rows="Of a call of which nothing is kept, line, agent and course are deleted {unkept} after it. Agent and course of a deleted recording go {unkept} after the deletion; its times, its purposes, the notice and the proof of deletion stay {evidence} as evidence. The audit trail stays; no caller is named in it.",
        unknown="(to be filled in)",
    ),
)
