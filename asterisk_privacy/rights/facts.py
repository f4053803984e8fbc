"""The facts of GDPR art. 15(1) about a person's recordings: as values for JSON, and as a text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from asterisk_privacy.call.timeline import Mark, Span, SpanKind
from asterisk_privacy.policy.phrases import Office
from asterisk_privacy.policy.purpose import Basis
from asterisk_privacy.rights.words import BASES, SPANS, WORDS


@dataclass(frozen=True, slots=True)
class KeptFor:
    title: str
    basis: Basis
    reasoning: str
    until: str  # the rule, in words that fit after "kept until"
    verdict: str  # how things stand, as the purger says it
    further: tuple[tuple[str, str], ...] = ()  # (title, why it is compatible): for what else it may be heard now


@dataclass(frozen=True, slots=True)
class Heard:
    """A logged listening. Who it was is not told: art. 15(1)(c) asks for recipients, and staff are not (CJEU C-579/21)."""

    at: datetime
    purpose: str


@dataclass(frozen=True, slots=True)
class Told:
    """One recording, as the person is told of it."""

    recording_id: str
    recorded_at: datetime
    line: str
    duration_ms: int
    truncated: bool
    purposes: tuple[KeptFor, ...]
    heard: tuple[Heard, ...]
    restricted_at: datetime | None
    held: bool
    number: str | None  # as the network sent it; for the caller only
    own_audio: tuple[tuple[int, int], ...] | None  # where in the audio they took part, in ms; None: not known, or in all of it
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]


def as_mapping(told: Sequence[Told], at: datetime, language: str, office: Office) -> dict[str, object]:
    words = WORDS[language]
    return {
        "made_at": at.isoformat(),
        "language": language,
        "controller": {"name": office.name, "contact": office.contact, "data_protection_officer": office.dpo},
        "categories": words["categories"],
        "recipients": words["recipients"],
        "source": words["source"],
        "automated_decisions": False,
        "profiling": words["profiling"],
        "rights": words["rights"],
        "recordings": [_recording(one, language) for one in told],
    }


def _recording(told: Told, language: str) -> dict[str, object]:
    return {
        "id": told.recording_id,
        "recorded_at": told.recorded_at.isoformat(),
        "line": told.line,
        "duration_ms": told.duration_ms,
        "truncated": told.truncated,
        "number": told.number,
        "restricted_at": None if told.restricted_at is None else told.restricted_at.isoformat(),
        "legal_hold": told.held,
        "purposes": [
            {
                "title": p.title,
                "basis": p.basis.value,
                "reasoning": p.reasoning,
                "kept_until": p.until,
                "as_things_stand": p.verdict,
                "also_listened_to_for": [{"title": title, "because": because} for title, because in p.further],
            }
            for p in told.purposes
        ],
        "listened": [{"at": h.at.isoformat(), "purpose": h.purpose} for h in told.heard],
    }


def as_text(told: Sequence[Told], at: datetime, language: str, about_agent: bool, office: Office) -> str:
    return "\n".join(_lines(told, at, language, about_agent, office)) + "\n"


def _lines(told: Sequence[Told], at: datetime, language: str, about_agent: bool, office: Office) -> Iterator[str]:
    words = WORDS[language]
    yield words["title"]
    yield ""
    yield words["made"].format(f"{at:%Y-%m-%d}", len(told))
    if about_agent:
        yield words["about-agent"]
    controller = ", ".join(filter(None, (office.name, office.contact, office.dpo)))
    yield words["controller"].format(controller) if controller else words["controller-unknown"]
    for head in ("categories", "recipients", "source", "profiling", "rights"):
        yield ""
        yield words[f"{head}-head"]
        yield f"  {words[head]}"
    for one in told:
        yield ""
        yield words["recorded"].format(f"{one.recorded_at.astimezone():%Y-%m-%d %H:%M}", one.line, _clock(one.duration_ms))
        if one.number:
            yield "  " + words["number"].format(one.number)
        for purpose in one.purposes:
            yield "  " + words["purpose"].format(purpose.title, BASES[language][purpose.basis.value], purpose.reasoning)
            yield "    " + words["kept"].format(purpose.until, purpose.verdict)
            for title, because in purpose.further:
                yield "    " + words["further"].format(title, because)
        if one.restricted_at is not None:
            yield "  " + words["is-restricted"].format(f"{one.restricted_at:%Y-%m-%d}")
        if one.held:
            yield "  " + words["is-held"]
        for heard in one.heard:
            yield "  " + words["heard"].format(f"{heard.at.astimezone():%Y-%m-%d %H:%M}", heard.purpose)
        if not one.heard:
            yield "  " + words["not-heard"]


def timeline_mapping(told: Told) -> dict[str, object]:
    return {
        "recording": told.recording_id,
        "recorded_at": told.recorded_at.isoformat(),
        "duration_ms": told.duration_ms,
        "spans": [
            {"kind": s.kind.value, "start_ms": s.start_ms, "end_ms": s.end_ms, "in_audio": s.kind is SpanKind.TALK} for s in told.spans
        ],
        "marks": [{"kind": m.kind.value, "at_ms": m.at_ms} for m in told.marks],
    }


def timeline_text(told: Told, language: str, masked: bool) -> str:
    words, names = WORDS[language], SPANS[language]
    lines = [words["timeline"], ""]
    for span in told.spans:
        name = names.get(span.kind.value, span.kind.value)
        lines.append(f"{_clock(span.start_ms)} {words['to']} {_clock(span.end_ms)}  {name}")
    lines += ["", words["side-customer"], *([words["masked"]] if masked else []), *([words["truncated"]] if told.truncated else [])]
    return "\n".join(lines) + "\n"


def _clock(ms: int) -> str:
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}"
