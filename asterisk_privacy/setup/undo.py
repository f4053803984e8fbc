"""Taking everything of ours out of a PBX, so that no call and no file of Asterisk depends on what went.

Where lines of the administrator still need a context or a template of ours, or name a file of ours in an #include, something that does
nothing stays in its place, until those lines are gone and the undoing is done again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.setup import marks
from asterisk_privacy.setup.conf import include_of, section_of, without_comments
from asterisk_privacy.setup.marks import Ours, Where
from asterisk_privacy.setup.pieces import Access
from asterisk_privacy.setup.plan import Change, taken_out
from asterisk_privacy.setup.references import Reference, confs, names_in, needed, references, unseen
from asterisk_privacy.setup.tree import Tree

ENTRIES = ("privacy-start", "privacy-outbound", "privacy-keys-idle")
"""Contexts that lines of administrators name."""
_EMPTY = """\
; asterisk-privacy was taken out. What is here does nothing: it stays because lines elsewhere still name it, or this file.
; `asterisk-privacy setup --undo` names those lines. Take them out and run it again, and this goes too.
"""


@dataclass(frozen=True, slots=True)
class Undoing:
    """`left`: paths where something that does nothing stays, with the sections `empty`. `kept`: with sections of others, as they are.
    `unseen`: where lines may stand that nobody looked at."""

    changes: tuple[Change, ...]
    references: tuple[Reference, ...]
    left: tuple[str, ...]
    empty: frozenset[str]
    kept: tuple[str, ...]
    unseen: tuple[str, ...]


def undoing(tree: Tree, directory: str, access: Access, shipped: Mapping[str, bytes], shown: str = "") -> Undoing:
    """`shown`: what the running Asterisk says to `dialplan show`; empty if it was not asked."""
    out = taken_out(tree, directory)
    kept = _theirs(tree, out, {"general", access.user, *(name for text in shipped.values() for name in _sections(text))})
    bare = tree.with_changes(out)
    names = names_in(shipped)
    blind = unseen(bare, directory, shown) if out else []
    need = needed(references(bare, directory, names, shown)) | ({*ENTRIES} if blind else set())
    stays = _stubs(tree, bare, directory, out, need)
    blocks = _blocks(tree, directory, out, {*stays, *kept}, need)
    out |= {**stays, **blocks}
    _must_be_whole(tree, directory, out)
    changes = [Change(path, tree.read(path), after) for path, after in out.items() if tree.read(path) != after]
    secret = (tree.read(access.secret_path) or b"").strip()
    if secret and any(secret in (change.before or b"") and secret not in (change.after or b"") for change in changes):
        changes.append(Change(access.secret_path, tree.read(access.secret_path), None))
    found = references(tree.with_changes(out), directory, names, shown, all_gone=True)  # with the numbers that lines have then
    ordered = sorted(changes, key=lambda change: change.after is None)  # what includes goes before what is included
    left = {**stays, **blocks}
    empty = frozenset(name for text in left.values() for name in _sections(text))
    return Undoing(tuple(ordered), tuple(found), tuple(sorted(left)), empty, tuple(kept), tuple(blind))


def _theirs(tree: Tree, out: dict[str, bytes | None], ours: set[str]) -> list[str]:
    """Whole files of ours into which somebody wrote: what stands behind our lines stays; a file with sections of theirs stays as it is."""
    kept = []
    for path in [path for path, after in out.items() if after is None]:
        text = tree.read(path) or b""
        if marks.whose(text) is not Ours.EDITED:
            continue
        theirs = marks.theirs_behind(text)
        if theirs is not None and theirs.strip():
            out[path] = theirs
        elif _sections(text) - ours:
            del out[path]
            kept.append(path)
    return kept


def _sections(text: bytes) -> set[str]:
    return {name for line in without_comments(text) if (name := section_of(line)) is not None}


def _stubs(tree: Tree, bare: Tree, directory: str, out: Mapping[str, bytes | None], need: set[str]) -> dict[str, bytes]:
    """For each file that would go: what has to stay in its place."""
    going = [path for path, after in out.items() if after is None]
    stubs = {}
    for path in going:
        lines = tree.read(path) or b""
        if need & _sections(lines):
            stubs[path] = _EMPTY + _doing_nothing(lines, need)
    for conf in confs(bare.with_changes({path: text.encode() for path, text in stubs.items()}), directory).values():
        for include in (one for one in conf.includes if one.hard and not one.found):
            for path in [path for path in tree.matching(include.wanted) if path in going][:1]:
                stubs[path] = _EMPTY
    for path in [path for path in going if path not in stubs]:  # a file of ours that was not there before, which includes another one
        if kept := _includes(without_comments(tree.read(path) or b""), directory, stubs):
            stubs[path] = _EMPTY + kept
    return {path: marks.own_file(text.encode()) for path, text in stubs.items()}


def _includes(lines: list[str], directory: str, stays: Collection[str]) -> str:
    found = [wanted for line in lines if (wanted := include_of(line, directory)) in stays and wanted]
    return "".join(f"#tryinclude {wanted.removeprefix(directory + '/')}\n" for wanted in found)


def _doing_nothing(text: bytes, need: set[str]) -> str:
    """The sections that are needed, without what they do: their head, their type, and for a context that somebody calls the way back."""
    kept, inside = [], False
    for line in without_comments(text):
        name = section_of(line)
        if name is not None:
            inside = name in need
            kept += [line] if inside else []
        elif inside and line.partition("=")[0].strip() == "type":
            kept.append(line)
        elif inside and re.match(r"exten\s*=>?\s*s,1,", line):
            kept.append("exten => s,1,Return()")
    return "".join(line + "\n" for line in kept)


def _blocks(tree: Tree, directory: str, out: Mapping[str, bytes | None], stays: Collection[str], need: set[str]) -> dict[str, bytes]:
    """What has to stay of our lines in files of others: the #tryinclude of a file that stays, and templates that are needed."""
    blocks = {}
    for path in [path for path, after in out.items() if after is not None]:
        before = tree.read(path) or b""
        lines = marks.block_lines(before)
        if kept := _includes(lines, directory, stays) + _doing_nothing("\n".join(lines).encode(), need):
            blocks[path] = marks.with_block(before, kept, Where.END, path)
    return blocks


def _must_be_whole(tree: Tree, directory: str, out: Mapping[str, bytes | None]) -> None:
    """Nothing that Asterisk reads by #include is missing afterwards. OperatorError, before anything was written."""
    before, after = confs(tree, directory), confs(tree.with_changes(out), directory)
    for name, conf in after.items():
        found = {one.wanted for one in before[name].includes if one.found}
        for include in conf.includes:
            if include.hard and not include.found and include.wanted in found:
                raise OperatorError(
                    f"{include.path}, line {include.line}: includes {include.wanted}, which would be gone, and Asterisk would then refuse "
                    f"all of {name}; write #tryinclude there and run this again"
                )
