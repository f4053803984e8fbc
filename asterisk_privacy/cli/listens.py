"""A listening that was logged, as commands tell it."""

from __future__ import annotations

from asterisk_privacy.cli.common import iso
from asterisk_privacy.registry.subjects import ListenRow


def heard_for(listen: ListenRow) -> str:
    return f"{listen.purpose} (compatible with {listen.compatible_with})" if listen.compatible_with else listen.purpose


def heard_json(listen: ListenRow) -> dict[str, str | None]:
    return {
        "at": iso(listen.at),
        "by": listen.by,
        "what": listen.what,
        "purpose": listen.purpose,
        "compatible_with": listen.compatible_with or None,
        "reason": listen.reason,
    }
