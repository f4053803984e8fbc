"""Codes that steal the agents' keys, or that the keys steal: equal to one of them, or the beginning of one.

Asterisk acts on the first code that fits (tried on 22.10.1: with `*` for disconnect, `*1` hangs up), and its own defaults count although
no file has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.setup.conf import Conf, read_conf
from asterisk_privacy.setup.tree import Tree

DEFAULTS = {
    "featuremap": {"blindxfer": "#", "disconnect": "*"},
    "general": {"atxferabort": "*1", "atxfercomplete": "*2", "atxferthreeway": "*3", "atxferswap": "*4"},
}
"""Of features.conf, where it says nothing."""
_CONSULTATION = tuple(DEFAULTS["general"])
_IDLE = {"*1": "privacykeep", "*93": "privacyobject"}  # [privacy-keys-idle]: dialled, not pressed in a call


@dataclass(frozen=True, slots=True)
class Code:
    digits: str
    name: str
    where: str


def keys_in(lines: str) -> dict[str, str]:
    """Digits of our [applicationmap], and the name of each."""
    found = {}
    for line in lines.splitlines():
        name, arrow, rest = line.partition("=>")
        if arrow and not line.startswith(";"):
            found[rest.split(",")[0].strip()] = name.strip()
    return found


def clashing(tree: Tree, directory: str) -> list[str]:
    """In the files as they are, with the digits that our keys have there; nothing where this user cannot read them."""
    try:
        features, dialplan = read_conf(tree, directory, "features.conf"), read_conf(tree, directory, "extensions.conf")
    except OperatorError:
        return []
    mine = {s.value.split(",")[0].strip(): s.key for s in features.of("applicationmap") if s.key.startswith("privacy")}
    return list(clashes(features, dialplan, mine, directory))


def clashes(features: Conf, dialplan: Conf, mine: Mapping[str, str], directory: str) -> Iterator[str]:
    """One line each. `mine`: digits and name of each of our keys."""
    yield from _same(features, mine, directory)
    hangs_up = _lines_with_h(dialplan)
    for code in _codes(features, "featuremap"):
        if code.name == "disconnect" and not hangs_up:
            continue
        for digits, name in mine.items():
            if code.digits and digits != code.digits and (digits.startswith(code.digits) or code.digits.startswith(digits)):
                yield f"{code.where}: {code.name} is {code.digits}, and so {_what(code, digits, name, hangs_up)}"
                break
    if _value(features, "featuremap", "atxfer").digits:  # else nobody transfers by code, and the next codes are never active
        for code in _codes(features, "general"):
            if code.name in _CONSULTATION and code.digits in mine:
                yield (
                    f"{code.where}: {code.name} is {code.digits}, and so is {mine[code.digits]}: an agent who presses it while asking a "
                    f"colleague in a transfer gets {code.name}; write another {code.name}, or tell the agents"
                )
    yield from _dialled(dialplan)


def _same(features: Conf, mine: Mapping[str, str], directory: str) -> Iterator[str]:
    for setting in (*features.of("featuremap"), *features.of("applicationmap")):
        digits = setting.value.split(",")[0].strip()
        if digits in mine and setting.key != mine[digits]:
            yield (
                f"{setting.path}, line {setting.line}: {digits} is {setting.key} already, and {mine[digits]} here; change one of the two "
                f"(ours in {directory}/features_privacy.conf, or where the other one comes from)"
            )


def _codes(features: Conf, section: str) -> list[Code]:
    names = {*DEFAULTS[section]}
    codes = []
    if section == "featuremap":
        names |= {setting.key.lower() for setting in features.of(section)}
        codes = [Code(s.value.split(",")[0].strip(), s.key, f"{s.path}, line {s.line}") for s in features.of("applicationmap")]
    codes += [_value(features, section, name) for name in sorted(names)]
    return [code for code in codes if not code.name.startswith("privacy")]


def _value(features: Conf, section: str, name: str) -> Code:
    written = features.values(section, name)
    if written:
        return Code(written[-1].value, name, f"{written[-1].path}, line {written[-1].line}")
    return Code(DEFAULTS[section].get(name, ""), name, f"features.conf [{section}], by Asterisk's own default")


def _what(code: Code, digits: str, name: str, hangs_up: str) -> str:
    if code.name == "disconnect":
        return (
            f"{digits} ({name}) hangs the customer up where Dial() or Queue() has h or H, as in {hangs_up}; write disconnect = ** into "
            f"[featuremap] of features.conf, or take h and H out"
        )
    longer, shorter = (digits, code.digits) if digits.startswith(code.digits) else (code.digits, digits)
    return f"it and {digits} ({name}) begin alike: whoever presses {longer} gets {shorter}; change one of the two"


def _lines_with_h(dialplan: Conf) -> str:
    """The first line whose Dial() or Queue() lets a party hang up by code, or whose variable is such options, as FreePBX has them."""
    for line in dialplan.lines:
        for name, place in (("Dial", 2), ("Queue", 1)):
            for found in re.finditer(rf"\b{name}\(", line.text, re.IGNORECASE):
                arguments = _arguments(line.text[found.end() :])
                if len(arguments) > place and re.search("[hH]", re.sub(r"\([^()]*\)|\$\{[^{}]*\}", "", arguments[place])):
                    return f"{line.path}, line {line.number}"
        options = re.search(r"\b\w*OPT(?:ION)?S\s*=\s*([A-Za-z]+)\s*\)?$", line.text)
        if options and re.search("[hH]", options[1]):
            return f"{line.path}, line {line.number}"
    return ""


def _arguments(text: str) -> list[str]:
    """Up to the parenthesis that ends them; commas within parentheses and braces divide nothing."""
    found, depth = [""], 0
    for character in text:
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(character, 0)
        if depth < 0:
            break
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return found


def _dialled(dialplan: Conf) -> Iterator[str]:
    """Codes that a phone dials while it is idle, in contexts that include ours: the context's own extension goes before an included one."""
    including = {line.section for line in dialplan.lines if re.match(r"include\s*=>?\s*privacy-keys-idle\b", line.text)}
    for setting in dialplan.settings:
        extension = setting.value.split(",")[0].strip()
        if setting.section in including and setting.key == "exten" and extension in _IDLE:
            yield (
                f"{setting.path}, line {setting.line}: {extension} is an extension of [{setting.section}], which goes before that of "
                f"[privacy-keys-idle] ({_IDLE[extension]} for the call that is just over); give one of them other digits"
            )
