"""config.toml -> Config, or every mistake in it at once."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from msgspec import Meta

from asterisk_privacy import file_access
from asterisk_privacy.daemon import config_addresses, registry_place, review_settings, tenants
from asterisk_privacy.daemon.config_table import Findings, Place, read_table, show, unknown_keys
from asterisk_privacy.daemon.settings import (
    Address,
    Asterisk,
    Capture,
    Config,
    Control,
    Dialplan,
    Evaluations,
    FastAgi,
    Keys,
    Metrics,
    PurgerSettings,
    RegistrySettings,
    Ring,
    Store,
    Unfinished,
)
from asterisk_privacy.errors import ConfigError
from asterisk_privacy.policy.book import LANGUAGES, Book, problems
from asterisk_privacy.policy.criterion import LATEST_DAYS_MAX
from asterisk_privacy.policy.problem import Problem, place_of
from asterisk_privacy.policy.purpose import Basis, Compatible, Period, Profile, Purpose, Quota, Trigger
from asterisk_privacy.policy.retention import CRITERIA, AnyOf, Criterion, Days
from asterisk_privacy.policy.row_life import RowLife

__all__ = [
    "DEFAULT_PATH",
    "Address",
    "Asterisk",
    "Capture",
    "Config",
    "Control",
    "Dialplan",
    "Evaluations",
    "FastAgi",
    "Keys",
    "Metrics",
    "PurgerSettings",
    "RegistrySettings",
    "Ring",
    "Store",
    "Unfinished",
    "load",
    "parse",
]

DEFAULT_PATH = Path("/etc/asterisk-privacy/config.toml")

SECTIONS: Mapping[str, type[Any]] = {name: kind for name, kind in get_type_hints(Config).items() if name != "book"}
BYTES_PER_MINUTE = 2 * 8000 * 60  # customer and agents, one byte of mu-law a sample
COMPATIBLE = Meta(
    description="a table of purposes, each with the reason why it is compatible", examples=['{ training = "why it is compatible" }']
)
SOCKET_PATH_MAX = 107  # bytes; Linux, unix(7)


@dataclass(frozen=True, slots=True)
class PurposeTable:
    """[purposes.NAME] as it is written."""

    title: Annotated[str, Meta(examples=['"in words that a caller understands"'])]
    basis: Basis
    reasoning: Annotated[str, Meta(examples=['"why this basis holds"'])]
    trigger: Trigger
    retention: Annotated[dict[str, object], Meta(examples=['{ until = "days", latest_days = 30 }'])]
    one_in: Annotated[int | None, Meta(examples=["20"])] = None
    agree_key: Annotated[str | None, Meta(examples=['"1"'])] = None
    quota: Annotated[dict[str, object] | None, Meta(examples=['{ calls = 4, per = "month" }'])] = None
    titles: Annotated[dict[str, str] | None, Meta(examples=['{ nl = "het behandelen van uw klacht" }'])] = None
    compatible: Annotated[dict[str, str] | None, COMPATIBLE] = None


@dataclass(frozen=True, slots=True)
class AnyOfTable:
    """What several criteria in one list have in common."""

    latest_days: int


@dataclass(frozen=True, slots=True)
class ProfileTable:
    """[profiles.NAME] as it is written."""

    title: Annotated[str, Meta(examples=['"the name of this line in words"'])]
    language: Annotated[str, Meta(examples=['"nl"'])]
    announcement: Annotated[str, Meta(examples=['"notice-optout"'])]
    purposes: Annotated[list[str], Meta(examples=['["complaint"]'])]
    refuse_key: Annotated[str | None, Meta(examples=['"3"'])] = None
    tenant: Annotated[str | None, Meta(examples=['"acme"'])] = None


def load(path: Path) -> Config:
    """The configuration in `path`. ConfigError carries every problem, one line each, with its place and what to write instead."""
    try:
        text = file_access.read(path, "", secret=False).decode()
    except file_access.Exposed as error:
        raise ConfigError([str(error)]) from error
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file; copy examples/config.toml there, or name another with --config"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}; make it a file that this user may read"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8"]) from error
    return parse(text, str(path))


def parse(text: str, name: str = "config.toml") -> Config:
    """As `load`, from text; `name` stands in front of errors of syntax."""
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ConfigError([f"{name}: brackets are nested too deep; write lists and tables of one level"]) from None
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        raise ConfigError([f"{name}: not TOML: {error}; correct that line, then check again"]) from error
    findings = Findings()
    unknown_keys(document, [*SECTIONS, "purposes", "profiles", "tenants"], (), findings)
    sections: dict[str, Any] = {key: read_table(kind, document.get(key, {}), (key,), findings) for key, kind in SECTIONS.items()}
    kept = sections["registry"]
    book = dataclasses.replace(_book(document, findings), rows=RowLife(kept.unkept_calls_days, kept.evidence_days))
    config = Config(book=book, **sections)
    found = [*findings.problems, *_contradictions(config, findings)]
    if found:
        raise ConfigError([_line(problem) for problem in found])
    return tenants.narrowed(config)


def _book(document: Mapping[str, object], findings: Findings) -> Book:
    purposes = {name: _purpose(name, table, findings) for name, table in _named(document, "purposes", findings)}
    profiles = {name: _profile(name, table, purposes, findings) for name, table in _named(document, "profiles", findings)}
    companies = {name: tenants.read(name, table, findings) for name, table in _named(document, "tenants", findings)}
    return Book(profiles, purposes, tenants=companies)


def _named(document: Mapping[str, object], kind: str, findings: Findings) -> list[tuple[str, object]]:
    tables = document.get(kind, {})
    if isinstance(tables, Mapping):
        return list(tables.items())
    findings.add((kind,), f"{show(tables)} is not a table", f"write [{kind}.NAME] and its settings below it")
    return []


def _purpose(name: str, table: object, findings: Findings) -> Purpose:
    place = ("purposes", name)
    sampled = isinstance(table, Mapping) and ("one_in" in table or "quota" in table)
    stand_in = {  # contradict nothing, so that a broken setting does not drag others along
        "title": "?",
        "basis": Basis.LEGITIMATE_INTEREST,
        "reasoning": "?",
        "trigger": Trigger.SAMPLE if sampled else Trigger.FLAG,
        "retention": None,
    }
    read = read_table(PurposeTable, table, place, findings, stand_in)
    retention = _retention(read.retention, (*place, "retention"), findings) if read.retention is not None else Days(1)
    usual = {"calls": 4, "per": Period.MONTH}
    quota = read_table(Quota, read.quota, (*place, "quota"), findings, usual) if read.quota is not None else None
    titles = tuple(sorted((read.titles or {}).items()))
    for language in dict(titles):
        if language not in LANGUAGES:
            findings.add((*place, "titles", language), "there are no texts in this language", "write one of " + ", ".join(LANGUAGES))
    others = tuple(Compatible(purpose, because) for purpose, because in (read.compatible or {}).items())
    return Purpose(
        name, read.title, read.basis, read.reasoning, read.trigger, retention, read.one_in, read.agree_key, quota, titles, others
    )


def _retention(table: Mapping[str, object], place: Place, findings: Findings) -> Criterion:
    settings = {key: value for key, value in table.items() if key != "until"}
    until = table.get("until")
    if isinstance(until, list):
        return _any_of(until, settings, place, findings)
    if isinstance(until, str) and until in CRITERIA:
        return read_table(CRITERIA[until], settings, place, findings, {"latest_days": LATEST_DAYS_MAX})
    names = "one of " + ", ".join(f'"{name}"' for name in CRITERIA)
    known = {f.name for kind in CRITERIA.values() for f in dataclasses.fields(kind)}
    guessed = unknown_keys(settings, ["until", *sorted(known)], place, findings)
    if "until" in table:
        findings.add((*place, "until"), f"{show(until)} is not {names}", 'write until = "days" for a fixed period')
    elif "until" not in guessed:
        findings.add((*place, "until"), "is missing", f"write {names}")
    return Days(1)


def _any_of(parts: list[object], settings: Mapping[str, object], place: Place, findings: Findings) -> Criterion:
    """Each part is a name, or a table of its own with its settings; without a latest date of its own it has that of the whole."""
    if len(parts) < 2 or not all(isinstance(part, str | Mapping) for part in parts):
        remedy = 'write until = ["reviewed", "evaluation"], or { until = "reviewed", plus_days = 7 } in place of a name'
        findings.add((*place, "until"), "is not a list of at least two names or tables", remedy)
        return Days(1)
    inner = {f.name for kind in CRITERIA.values() for f in dataclasses.fields(kind)} - {"latest_days"}
    for key in sorted(inner & settings.keys()):
        remedy = f'write it within the list: {{ until = "{parts[0] if isinstance(parts[0], str) else "reviewed"}", {key} = ... }}'
        findings.add((*place, key), "belongs to one part of the list", remedy)
    whole = read_table(AnyOfTable, {k: v for k, v in settings.items() if k not in inner}, place, findings, {"latest_days": LATEST_DAYS_MAX})
    read: list[Criterion] = []
    for number, part in enumerate(parts, 1):
        settings_of = {"until": part} if isinstance(part, str) else dict(part) if isinstance(part, Mapping) else {}
        where = (*place, "until", str(number))
        if isinstance(settings_of.get("until"), list):
            findings.add(where, "is a list within a list", "write all names in one list")
            read.append(Days(1))  # stands in
        else:
            read.append(_retention({"latest_days": whole.latest_days, **settings_of}, where, findings))
    return AnyOf(whole.latest_days, tuple(read))


def _profile(name: str, table: object, purposes: Mapping[str, Purpose], findings: Findings) -> Profile:
    place = ("profiles", name)
    read = read_table(ProfileTable, table, place, findings, {"title": "?", "language": "en", "announcement": "x", "purposes": []})
    members = []
    for wanted in read.purposes:
        if wanted in purposes:
            members.append(purposes[wanted])
        else:
            remedy = f"write [{place_of('purposes', wanted)}], or take it off this list"
            findings.add((*place, "purposes"), f"there is no purpose {show(wanted)}", remedy)
    return Profile(name, read.title, read.language, read.announcement, tuple(members), read.refuse_key, read.tenant)


def _contradictions(config: Config, findings: Findings) -> Iterator[Problem]:
    """What no single setting is wrong about. Those that touch a setting which is wrong already are left for the next run."""
    yield from (problem for problem in problems(config.book) if not findings.has(problem.place))
    yield from _objection(config)
    yield from _review(config)
    yield from registry_place.problems(config.registry)
    yield from tenants.problems(config)
    for touched, problem in _absurd(config):
        if not any(findings.has(place) for place in (problem.place, touched)):
            yield problem


def _objection(config: Config) -> Iterator[Problem]:
    wanted = config.keys.objection_purpose
    if wanted and wanted not in config.book.purposes:
        yield Problem(
            "keys.objection_purpose", f"there is no purpose {show(wanted)}", 'write the name of one, or "" for all that are sampled'
        )
    elif wanted and config.book.purposes[wanted].basis is Basis.LEGAL_OBLIGATION:
        # GDPR art. 21(1): objection is for points (e) and (f)
        yield Problem(
            "keys.objection_purpose", f"{wanted} rests on a legal obligation, which nobody can object to", 'write another purpose, or ""'
        )


def _review(config: Config) -> Iterator[Problem]:
    review = config.review
    yield from review_settings.problems(review.roles, review.proxy_addresses, config.book)
    if not review.behind_proxy and not review.listen.is_loopback:
        yield Problem(
            "review.listen",
            f"{review.listen} can be reached by others, in clear",
            "put a proxy that speaks HTTPS in front and write behind_proxy = true, or listen on 127.0.0.1",
        )
    if review.proxy_header and not review.behind_proxy:
        yield Problem("review.proxy_header", "has no meaning without a proxy", "write behind_proxy = true, or leave it out")


def _absurd(config: Config) -> Iterator[tuple[str, Problem]]:
    """Pairs of the other setting that is part of it, and the problem."""
    yield from config_addresses.problems(config)
    yield from _absurd_paths(config)
    capture, ring = config.capture, config.ring
    if capture.resume_debounce_ms >= capture.quarantine_ms:
        yield (
            "capture.quarantine_ms",
            Problem(
                "capture.resume_debounce_ms",
                f"{capture.resume_debounce_ms} is not shorter than the quarantine ({capture.quarantine_ms})",
                "write a debounce below quarantine_ms, such as resume_debounce_ms = 60",
            ),
        )
    needed = -(-ring.max_minutes * BYTES_PER_MINUTE // 2**20)
    if ring.max_total_mib < needed:
        yield (
            "ring.max_minutes",
            Problem(
                "ring.max_total_mib",
                f"{ring.max_total_mib} MiB cannot hold one call of {ring.max_minutes} minutes",
                f"write {needed} or more, or a smaller max_minutes",
            ),
        )


def _absurd_paths(config: Config) -> Iterator[tuple[str, Problem]]:
    files = {
        "asterisk.ari_password_file": config.asterisk.ari_password_file,
        "store.recipients": config.store.recipients,
        "registry.path": config.registry.path,
        "registry.number_key": config.registry.number_key,
        **({"registry.password_file": config.registry.password_file} if config.registry.password_file else {}),
        "registry.checkpoints": config.registry.checkpoints,
        "registry.checkpoint_key": config.registry.checkpoint_key,
        "registry.checkpoint_public_key": config.registry.checkpoint_public_key,
        "control.socket": config.control.socket,
        **({"capture.secret_file": config.capture.secret_file} if config.capture.secret_file else {}),
        "review.accounts": config.review.accounts,
        **({"review.identity": config.review.identity} if config.review.identity else {}),
        **({"s3.access_key": config.s3.access_key} if config.s3.access_key else {}),
        **{place_of("tenants", name, "recipients"): Path(tenant.recipients) for name, tenant in config.book.tenants.items()},
    }
    seen: dict[Path, str] = {}
    for place, path in files.items():
        if path in seen:
            yield seen[path], Problem(place, f"{path} is also {seen[path]}", "write a file of its own")
        seen.setdefault(path, place)
        if path.is_relative_to(config.store.directory):
            yield (
                "store.directory",
                Problem(place, f"{path} lies among the recordings (store.directory)", "write a path outside of that directory"),
            )
    size = len(str(config.control.socket).encode())
    if size > SOCKET_PATH_MAX:
        yield (
            "control.socket",
            Problem("control.socket", f"a socket's path has at most {SOCKET_PATH_MAX} bytes, this one {size}", "write a shorter path"),
        )


def _line(problem: Problem) -> str:
    """'[purposes.complaint] retention.until: is missing; write ...'"""
    name = r"""(?:'[^']*'|"[^"]*"|[A-Za-z0-9_-]+)"""
    found = re.fullmatch(rf"((?:purposes|profiles|tenants)\.{name}|[a-z][a-z0-9]*)(?:\.(.+))?", problem.place)
    table, key = (found[1], found[2]) if found else (problem.place, None)
    return f"[{table}]{' ' + key if key else ''}: {problem.what}; {problem.remedy}"
