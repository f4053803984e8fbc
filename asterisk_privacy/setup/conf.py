"""Asterisk's configuration files as Asterisk reads them: includes, sections, templates, additions, comments.

The rules are those of main/config.c; that a second [applicationmap] counts, a second [general] of http.conf does not, and an addition (+)
to a section that is not there spoils the whole file was tried on 22.10.1. What #exec prints is not known here: such a file is `opaque`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from asterisk_privacy.setup.tree import Tree, is_pattern

_SECTION = re.compile(r"\[([^\]]*)\](?:\s*\(([^)]*)\))?")
_DIRECTIVE = re.compile(r"#\s*(include|tryinclude|exec)\s+(.+)", re.IGNORECASE)
_COMMENT = re.compile(r"(?<!\\);")
_DEEPEST = 10  # includes within includes; Asterisk stops there too


class Setting(NamedTuple):
    section: str
    key: str
    value: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Include:
    """`hard`: an #include, for which Asterisk refuses the whole file where no file is `found`; else a #tryinclude."""

    path: str
    line: int
    wanted: str
    found: tuple[str, ...]
    hard: bool


class Line(NamedTuple):
    path: str
    number: int
    text: str
    """Without its comment."""
    section: str = ""
    """In which it stands; a head in the one before."""


@dataclass(slots=True)
class Conf:
    """One file with all that it includes. `missing`: included by name, and not there."""

    exists: bool = False
    lines: list[Line] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    patterns: list[str] = field(default_factory=list)  # directories of drop-ins: /etc/asterisk/features.d/*
    opaque: bool = False
    _first_of: list[int] = field(default_factory=list)  # for each setting, which occurrence of its section it is in; 0 the first

    def values(self, section: str, key: str) -> list[Setting]:
        """In all sections of that name."""
        return [s for s in self.settings if s.section.lower() == section.lower() and s.key.lower() == key.lower()]

    def value(self, section: str, key: str, default: str = "") -> str:
        """The last one in the first section of that name and what is added to it: what a reader of [general] gets."""
        pairs = zip(self.settings, self._first_of, strict=True)
        found = [s.value for s, at in pairs if at == 0 and s.section.lower() == section.lower() and s.key.lower() == key.lower()]
        return found[-1] if found else default

    def has(self, section: str) -> bool:
        return section.lower() in (name.lower() for name in self.sections)

    def of(self, section: str) -> list[Setting]:
        return [s for s in self.settings if s.section.lower() == section.lower()]


def section_of(line: str) -> str | None:
    """Whose head this line is; None for any other line."""
    found = _SECTION.match(line)
    return found[1] if found else None


def include_of(line: str, directory: str) -> str | None:
    """The path or pattern that an #include or a #tryinclude names."""
    found = _DIRECTIVE.match(line)
    return _wanted(found[2], directory) if found and found[1].lower() != "exec" else None


def _wanted(written: str, directory: str) -> str:
    name = written.strip().strip('"<>')
    return name if name.startswith("/") else f"{directory}/{name}"


def read_conf(tree: Tree, directory: str, name: str) -> Conf:
    """`name` in Asterisk's directory, with what it includes. Names in #include count from that directory, wherever they stand."""
    conf = Conf()
    state = _State()
    path = f"{directory}/{name}"
    text = tree.read(path)
    if text is not None:
        conf.exists = True
        _read(tree, directory, path, text, conf, state, 0)
    return conf


@dataclass(slots=True)
class _State:
    """The section that was opened last, in whatever file: an included file begins in it. The file that includes goes on in its own
    (seen on 22.10.1)."""

    section: str = ""
    occurrence: int = 0


def _read(tree: Tree, directory: str, path: str, text: bytes, conf: Conf, state: _State, depth: int) -> None:
    conf.files.add(path)
    inside, occurrence = state.section, state.occurrence
    for number, line in enumerate(without_comments(text), start=1):
        conf.lines.append(Line(path, number, line, inside))
        if directive := _DIRECTIVE.match(line):
            kind = directive[1].lower()
            if kind == "exec":
                conf.opaque = True
            elif depth < _DEEPEST:
                wanted = _wanted(directive[2], directory)
                found = tree.matching(wanted)
                conf.includes.append(Include(path, number, wanted, tuple(found), kind == "include"))
                if is_pattern(wanted):
                    conf.patterns.append(wanted)
                elif not found and kind == "include":
                    conf.missing.append(wanted)
                for name in found:
                    _read(tree, directory, name, tree.read(name) or b"", conf, state, depth + 1)
        elif section := _SECTION.match(line):
            options = [option.strip() for option in (section[2] or "").split(",")]
            same = [name for name in conf.sections if name.lower() == section[1].lower()]
            added = any(option.startswith("+") for option in options)
            inside, occurrence = section[1], 0 if added else len(same)
            state.section, state.occurrence = inside, occurrence
            if not added:
                conf.sections.append(section[1])
        elif "=" in line and inside:
            key, _, value = line.partition("=")
            conf.settings.append(Setting(inside, key.strip(), value.removeprefix(">").strip(), path, number))
            conf._first_of.append(occurrence)


def without_comments(text: bytes) -> list[str]:
    """Without comments: from an unescaped ; to the end of the line, and from ;-- to --; (which nest)."""
    kept, depth = [], 0
    for raw in text.decode("latin-1").split("\n"):
        if not depth and ";--" not in raw:  # nearly all lines, and files can be large
            kept.append(_COMMENT.split(raw, maxsplit=1)[0].strip())
            continue
        line, at = "", 0
        while at < len(raw):
            if raw.startswith(";--", at) and not raw.startswith(";---", at):
                depth, at = depth + 1, at + 3
            elif depth and raw.startswith("--;", at):
                depth, at = depth - 1, at + 3
            elif depth:
                at += 1
            elif raw[at] == ";" and not (at and raw[at - 1] == "\\"):
                break
            else:
                line, at = line + raw[at], at + 1
        kept.append(line.strip())
    return kept
