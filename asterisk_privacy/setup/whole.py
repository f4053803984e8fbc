"""The whole plan: what will be written, what looks wrong, and what is left for a person to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asterisk_privacy.setup import pieces
from asterisk_privacy.setup.layout import Kind, kind_of
from asterisk_privacy.setup.pieces import Access
from asterisk_privacy.setup.plan import SECRET_MODE, Change, begin, changes
from asterisk_privacy.setup.tree import Tree

FILES = ("extensions_privacy.conf", "features_privacy.conf", "pjsip_privacy.conf", "ari_privacy.conf")
MODULES = (
    "app_audiosocket", "res_audiosocket", "res_agi", "res_ari", "res_ari_applications", "res_ari_asterisk", "res_ari_bridges",
    "res_ari_channels", "res_ari_events", "res_ari_playbacks", "res_stasis_snoop", "res_stasis_playback", "res_http_websocket",
    "app_originate", "app_playback", "app_playtones", "app_read", "app_stack", "app_userevent", "app_waitforcond", "func_channel",
    "func_dialplan", "func_export", "func_global", "func_logic", "func_strings", "func_timeout",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    kind: Kind
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    todo: tuple[str, ...]


def plan(tree: Tree, directory: str, access: Access, shipped: Mapping[str, bytes]) -> Plan:
    """`shipped`: FILES by name. OperatorError where the configuration is not understood."""
    wanted, out = begin(tree, directory)
    kind = kind_of(wanted)
    pieces.dialplan(wanted, kind, shipped)
    pieces.features(wanted, kind, shipped)
    pieces.phones(wanted, kind, shipped)
    pieces.ari(wanted, kind, shipped, access)
    pieces.http(wanted, kind, access)
    pieces.modules(wanted, MODULES)
    pieces.fragile(wanted, shipped)
    found = changes(tree, out, wanted)
    if tree.read(access.secret_path) is None:
        found.insert(0, Change(access.secret_path, None, access.password.encode() + b"\n", SECRET_MODE))
    return Plan(kind, tuple(found), tuple(wanted.warnings), tuple(wanted.todo))
