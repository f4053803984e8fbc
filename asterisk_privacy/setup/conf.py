"""Asterisk's configuration files as Asterisk reads them: includes, sections, templates, additions, comments.

The rules are those of main/config.c; that a second [applicationmap] counts, a second [general] of http.conf does not, and an addition (+)
to a section that is not there spoils the whole file was tried on 22.10.1. What #exec prints is not known here: such a file is `opaque`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from asterisk_privacy.setup.tree import Tree

_SECTION = re.compile(r"\[([^\]]*)\](?:\s*\(([^)]*)\))?")
_DIRECTIVE = re.compile(r"#\s*(include|tryinclude|exec)\s+(.+)", re.IGNORECASE)
_DEEPEST = 10  # includes within includes; Asterisk stops there too


@dataclass(frozen=True, slots=True)
class Setting:
    section: str
    key: str
    value: str
    path: str
    line: int


@dataclass(slots=True)
class Conf:
    """One file with all that it includes. `missing`: included by name, and not there (Asterisk then refuses the whole file)."""

    exists: bool = False
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
    section: str = ""
    occurrence: int = 0


def _read(tree: Tree, directory: str, path: str, text: bytes, conf: Conf, state: _State, depth: int) -> None:
    conf.files.add(path)
    for number, line in enumerate(_lines(text), start=1):
        if directive := _DIRECTIVE.match(line):
            kind, what = directive[1].lower(), directive[2].strip().strip('"<>')
            if kind == "exec":
                conf.opaque = True
            elif depth < _DEEPEST:
                wanted = what if what.startswith("/") else f"{directory}/{what}"
                found = tree.matching(wanted)
                if re.search(r"[*?\[]", wanted):
                    conf.patterns.append(wanted)
                elif not found and kind == "include":
                    conf.missing.append(wanted)
                for name in found:
                    _read(tree, directory, name, tree.read(name) or b"", conf, state, depth + 1)
        elif section := _SECTION.match(line):
            options = [option.strip() for option in (section[2] or "").split(",")]
            same = [name for name in conf.sections if name.lower() == section[1].lower()]
            added = any(option.startswith("+") for option in options)
            state.section, state.occurrence = section[1], 0 if added else len(same)
            if not added:
                conf.sections.append(section[1])
        elif "=" in line and state.section:
            key, _, value = line.partition("=")
            conf.settings.append(Setting(state.section, key.strip(), value.removeprefix(">").strip(), path, number))
            conf._first_of.append(state.occurrence)


def _lines(text: bytes) -> list[str]:
    """Without comments: from an unescaped ; to the end of the line, and from ;-- to --; (which nest)."""
    kept, depth = [], 0
    for raw in text.decode("latin-1").split("\n"):
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
