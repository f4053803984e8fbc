"""The whole plan: what will be written, what looks wrong, and what is left for a person to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asterisk_privacy.setup import pieces
from asterisk_privacy.setup.layout import Kind, kind_of
from asterisk_privacy.setup.pieces import Access
from asterisk_privacy.setup.plan import SECRET_MODE, Change, begin, changes
from asterisk_privacy.setup.tree import Tree

FILES = ("extensions_privacy.conf", "features_privacy.conf", "confbridge_privacy.conf", "pjsip_privacy.conf", "ari_privacy.conf")


@dataclass(frozen=True, slots=True)
class Plan:
    kind: Kind
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    todo: tuple[str, ...]


def plan(
    tree: Tree, directory: str, access: Access, shipped: Mapping[str, bytes], needed: tuple[str, ...], hiding: Mapping[str, str]
) -> Plan:
    """`shipped`: FILES by name; `needed`: modules that Asterisk must load; `hiding`: options of endpoints that must be off, and why.
    OperatorError where the configuration is not understood."""
    wanted, out = begin(tree, directory)
    kind = kind_of(wanted)
    pieces.dialplan(wanted, kind, shipped)
    pieces.features(wanted, kind, shipped)
    pieces.rooms(wanted, kind, shipped)
    pieces.phones(wanted, kind, shipped)
    pieces.ari(wanted, kind, shipped, access)
    pieces.http(wanted, kind, access)
    pieces.modules(wanted, needed)
    pieces.hiding(wanted, hiding)
    pieces.fragile(wanted, shipped)
    found = changes(tree, out, wanted)
    if tree.read(access.secret_path) is None:
        found.insert(0, Change(access.secret_path, None, access.password.encode() + b"\n", SECRET_MODE))
    return Plan(kind, tuple(found), tuple(wanted.warnings), tuple(wanted.todo))
