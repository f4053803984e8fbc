"""One TOML table -> one dataclass, key by key, so that every mistake of a file is found at once.

The dataclass is the schema: its annotations give types and ranges (msgspec.Meta), its defaults what may be left out.
msgspec checks each value; it would stop at the first error of a whole table.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from asterisk_privacy.daemon.settings import Address
from asterisk_privacy.policy.problem import Problem, place_of

T = TypeVar("T")
Place = tuple[str, ...]

ANY_INT = 10**9  # keeps numbers of thousands of digits out of messages and dates


@dataclass(slots=True)
class Findings:
    """Problems in the order found. A place that has one is not complained about twice."""

    problems: list[Problem] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  # places whose value is a stand-in

    def add(self, place: Place, what: str, remedy: str) -> None:
        self.problems.append(Problem(place_of(*place), what, remedy))
        self.broken.add(place_of(*place))

    def has(self, place: str) -> bool:
        """Whether `place` or a table around it is known to be broken."""
        return any(f"{place}.".startswith(f"{known}.") for known in self.broken)


def read_table(kind: type[T], table: object, place: Place, findings: Findings, stand_in: Mapping[str, object] | None = None) -> T:
    """A `kind` (a dataclass) from `table`. What is wrong goes into `findings`, and the default or its `stand_in` takes its place:
    the rest of the file can then still be checked, and the result is thrown away."""
    hints = get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    wrong: set[str] = set()
    if not isinstance(table, Mapping):
        findings.add(place, f"{show(table)} is not a table", f"write [{place_of(*place)}] and its settings below it")
        wrong, table = {f.name for f in fields}, {}
    guessed = unknown_keys(table, [f.name for f in fields], place, findings)
    values: dict[str, object] = {}
    for f in fields:
        default = f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default
        if f.name in table:
            try:
                values[f.name] = _convert(table[f.name], hints[f.name])
                continue
            except ValueError:  # a msgspec.ValidationError is one
                findings.add((*place, f.name), *_complaint(f.name, table[f.name], hints[f.name], default))
        elif default is dataclasses.MISSING and f.name not in wrong | guessed:
            findings.add((*place, f.name), "is missing", _write(f.name, hints[f.name], default))
        values[f.name] = default if default is not dataclasses.MISSING else (stand_in or {})[f.name]
    return kind(**values)


def unknown_keys(table: Mapping[str, object], known: Collection[str], place: Place, findings: Findings) -> set[str]:
    """Reports them; the known keys that seem to have been meant are returned, and count as written."""
    guessed: set[str] = set()
    for key in table:
        if key in known:
            continue
        near = [name for name in difflib.get_close_matches(key, sorted(known)) if name not in table]
        guessed.update(near[:1])
        findings.broken.update(place_of(*place, name) for name in near[:1])
        remedy = f"did you mean {near[0]}?" if near else f"remove it; known here: {', '.join(known)}"
        findings.add((*place, key), "unknown key", remedy)
    return guessed


def show(value: object) -> str:
    """A value from the file in one short line."""
    if isinstance(value, str):
        text = json.dumps(value)
        return text if len(text) <= 60 else f'{text[:56]}..."'
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**18 else "a number that large"
    return str(value).lower()


def toml(value: object) -> str:
    """A setting as it is written in the file."""
    if isinstance(value, time):
        return f'"{value:%H:%M}"'
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else json.dumps(str(value))


def _convert(value: object, hint: Any) -> object:
    bare, meta = _unwrap(hint)
    if bare in _OWN and value == "" and hint == bare | None:
        return None
    if bare in _OWN:
        if not isinstance(value, str):
            raise ValueError
        return _OWN[bare][0](value)
    return msgspec.convert(value, type=Annotated[bare, meta] if meta else bare)


def _unwrap(hint: Any) -> tuple[Any, Meta | None]:
    """The type without Annotated and without None (TOML has no null, so what is written is never None), and its Meta."""
    meta = None
    if get_origin(hint) is Annotated:
        hint, meta = get_args(hint)[:2]
    if get_origin(hint) in (UnionType, Union):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    if hint is int and (meta is None or meta.ge is None):
        meta = Meta(ge=-ANY_INT, le=ANY_INT, examples=(meta and meta.examples) or ["30"])
    return hint, meta


def _complaint(key: str, value: object, hint: Any, default: object) -> tuple[str, str]:
    """What is wrong with a value, and the remedy."""
    bare, meta = _unwrap(hint)
    if isinstance(bare, type) and issubclass(bare, StrEnum):
        near = difflib.get_close_matches(str(value), [member.value for member in bare], n=1) if isinstance(value, str) else []
        return f"{show(value)} is unknown", (f"did you mean {toml(near[0])}?" if near else _write(key, hint, default))
    if bare in _OWN:
        kind = _OWN[bare][1]
    elif meta is not None and meta.description:
        kind = meta.description
    elif meta is not None and meta.ge is not None:
        kind = "a whole number" if meta.le == ANY_INT else f"a whole number from {meta.ge} to {meta.le}"
    else:
        kind = {str: "text in quotes", bool: "true or false", list: "a list of names in quotes"}.get(get_origin(bare) or bare, "a table")
    return f"{show(value)} is not {kind}", _write(key, hint, default)


def _write(key: str, hint: Any, default: object) -> str:
    bare, meta = _unwrap(hint)
    if isinstance(bare, type) and issubclass(bare, StrEnum):
        return f"write one of {', '.join(toml(member) for member in bare)}"
    if meta is not None and meta.examples:
        return f"write {key} = {meta.examples[0]}"
    return f"write for instance {key} = {toml(default)}, the default"


def _address(text: str) -> Address:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", text)
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise ValueError(text)
    host = found[1]
    if host.startswith("["):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    elif re.fullmatch(r"[0-9.]+", host):
        host = str(ipaddress.IPv4Address(host))
    return Address(host, int(found[2]))


def _clock(text: str) -> time:
    if not re.fullmatch(r"[0-9]{2}:[0-9]{2}", text):
        raise ValueError(text)
    return time.fromisoformat(text)


def _absolute(text: str) -> Path:
    """A daemon's working directory is nobody's choice, so a relative path would point anywhere."""
    if not text.startswith("/") or not text.isprintable() or ".." in Path(text).parts:
        raise ValueError(text)
    return Path(text)


_OWN: Mapping[Any, tuple[Callable[[str], object], str]] = {
    Address: (_address, 'an "ADDRESS:PORT"'),
    time: (_clock, 'a time of day as "HH:MM"'),
    Path: (_absolute, "an absolute path"),
}
