"""Lines of others that name something of ours, and what becomes of them once ours is gone.

Tried on 22.10.1: Gosub(), Goto(), Dial's G() and a menu of ConfBridge() that is missing hang the caller up. An endpoint whose template is
missing makes Asterisk refuse all of pjsip.conf, and a menu that is made of a missing one all of confbridge.conf. Dial's U(), b() and B(),
Queue's gosub, a key's Gosub, CONFBRIDGE(menu,template) and `include =>` only log an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from asterisk_privacy.setup.conf import Conf, Line, read_conf, section_of
from asterisk_privacy.setup.tree import Tree

READ = (
    "extensions.conf", "features.conf", "pjsip.conf", "pjsip_wizard.conf", "ari.conf", "http.conf", "confbridge.conf", "queues.conf",
    "sip.conf", "iax.conf", "chan_dahdi.conf", "dahdi.conf", "users.conf", "followme.conf", "agents.conf", "res_parking.conf",
)  # fmt: skip
"""Files of Asterisk that can name a context, a template, a feature or a menu, or include a file of ours."""
TEXTS = ("extensions.ael", "extensions.lua")
"""Dialplans in another language: names are looked for in them, and what they include is not followed."""

_COMMENTS = {"extensions.ael": re.compile(r"//.*"), "extensions.lua": re.compile(r"--.*")}
_LOG_ONLY = re.compile(r"(?:(?<!gosu)(?<!Gosu)(?<!GoSu)(?<!GOSU)[UbB]\(|^include\s*=>?\s*)$")
_CONFERENCE = re.compile(r"\bConfBridge\((?:[^,]*,){3}", re.IGNORECASE)  # its fourth argument is a menu
_SWITCH = re.compile(r"[le]?switch\s*=>?\s*Realtime", re.IGNORECASE)
_SHOWN_CONTEXT = re.compile(r"^\[ Context '(.*)' created by ")
_SHOWN_LINE = re.compile(r"^\s.*?\s\d+\. (.+?)\s+\[([^\[\]:]+)(?::(\d+))?\]$")


@dataclass(frozen=True, slots=True)
class Names:
    """What is ours, by what can name it."""

    contexts: tuple[str, ...]
    templates: tuple[str, ...]
    menus: tuple[str, ...]
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """`line` 0: Asterisk does not say which. `needs`: the name without which this line hangs callers up, or has its file refused; empty
    where it only does nothing."""

    path: str
    line: int
    text: str
    needs: str = ""


def names_in(shipped: Mapping[str, bytes]) -> Names:
    """`shipped`: our files by their names."""
    heads = {name: re.findall(rb"^\[([^\]]+)\]", text, re.MULTILINE) for name, text in shipped.items()}

    def sections(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(head.decode() for head in heads.get(name, ())))

    keys = re.findall(rb"^(\w+)\s*=>", shipped.get("features_privacy.conf", b""), re.MULTILINE)
    menus = sections("confbridge_privacy.conf")
    return Names(sections("extensions_privacy.conf"), sections("pjsip_privacy.conf"), menus, tuple(key.decode() for key in keys))


def confs(tree: Tree, directory: str) -> dict[str, Conf]:
    """All that Asterisk reads of READ, with what is included."""
    return {name: conf for name in READ if (conf := read_conf(tree, directory, name)).exists}


def references(tree: Tree, directory: str, names: Names, shown: str = "", *, all_gone: bool = False) -> list[Reference]:
    """Of a tree without our files; with `all_gone` as if nothing of ours stood in it. `shown`: what the running Asterisk says to
    `dialplan show`, which has seen what no file has."""
    found: dict[tuple[str, int], Reference] = {}
    read = confs(tree, directory)
    for name, conf in read.items():
        sections = {section.lower() for section in conf.sections}
        for line in conf.lines:
            ours = (section_of(line.text) or line.section) in (*names.contexts, *names.templates, *names.menus)
            if not ours:  # in a file of ours that stays, or was written by hand
                _look(found, name, line, names, () if all_gone else sections)
    for name in TEXTS:
        text = tree.read(f"{directory}/{name}") or b""
        for number, written in enumerate(text.decode("latin-1").splitlines(), start=1):
            _look(found, name, Line(f"{directory}/{name}", number, _COMMENTS[name].sub("", written).strip()), names)
    looked_at = {PurePosixPath(path).name for conf in read.values() for path in conf.files}
    for line in _shown(shown, names):
        if line.path not in looked_at:  # else it stood there before the file was changed
            _look(found, "extensions.conf", line, names)
    return list(found.values())


def _look(found: dict[tuple[str, int], Reference], name: str, line: Line, names: Names, there: Collection[str] = ()) -> None:
    """`name`: of the file that Asterisk asks for; the line may stand in one that is included."""
    if "privacy" not in line.text.lower():
        return
    wanted = names.templates if name.startswith("pjsip") else names.menus if name.startswith("confbridge") else names.contexts
    named = [one for one in wanted if one.lower() not in there and _places(one, line.text)]
    if not named and not _mentioned(line.text, names):
        return
    if name.startswith("extensions"):
        needed = [one for one in named if _breaks(one, line.text)]
        needed += [one for one in names.menus if _places(one, line.text) and _CONFERENCE.search(line.text)]
    elif name.startswith(("pjsip", "confbridge")):
        needed = [one for one in named if line.text.startswith("[")]
    else:
        needed = []
    found.setdefault((line.path, line.number), Reference(line.path, line.number, line.text, needed[0] if needed else ""))


def _places(name: str, text: str) -> list[int]:
    return [found.start() for found in re.finditer(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]


def _breaks(name: str, text: str) -> bool:
    if f"DIALPLAN_EXISTS({name}," in text.replace(" ", ""):
        return False
    return any(_LOG_ONLY.search(text[:place]) is None for place in _places(name, text))


def _mentioned(text: str, names: Names) -> bool:
    """Names that do nothing once ours is gone: features, our variables, contexts that a queue or a key calls."""
    return re.search(r"\bPRIVACY_[A-Z]", text) is not None or any(
        _places(one, text) for one in (*names.features, *names.contexts, *names.menus)
    )


def _shown(text: str, names: Names) -> Iterable[Line]:
    """Not those of our own contexts."""
    context = ""
    for line in text.splitlines():
        if head := _SHOWN_CONTEXT.match(line):
            context = head[1]
        elif (found := _SHOWN_LINE.match(line)) and context not in names.contexts:
            yield Line(found[2] if found[3] else f"context {context} ({found[2]})", int(found[3] or 0), found[1])


def unseen(tree: Tree, directory: str, shown: str) -> list[str]:
    """Where lines can stand that nobody looked at, each with why."""
    conf = read_conf(tree, directory, "extensions.conf")
    told = []
    if conf.opaque and not shown:
        told.append("extensions.conf: a program writes a part of it (#exec), which is not seen here")
    if not shown and b"#include" in (tree.read(f"{directory}/extensions.ael") or b""):
        told.append("extensions.ael: what it includes is not looked at")
    mapped = read_conf(tree, directory, "extconfig.conf").values("settings", "extensions")
    told += [f"{one.path}, line {one.line}: the dialplan in a database is not looked at" for one in mapped]
    switches = (line for line in conf.lines if _SWITCH.match(line.text))
    return told + [f"{line.path}, line {line.number}: the dialplan in a database is not looked at" for line in switches]


def needed(found: Iterable[Reference]) -> set[str]:
    return {one.needs for one in found if one.needs}
