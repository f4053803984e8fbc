"""Who acts: somebody with an account, root without one, or another user of this machine."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asterisk_privacy.access.permission import Standing, Viewer

if TYPE_CHECKING:
    from asterisk_privacy.access.desk import Desk


@dataclass(frozen=True, slots=True)
class Actor:
    """`by`: whom the audit rows name. `why`: what root without an account says; "" of everybody else."""

    viewer: Viewer
    by: str
    why: str = ""


def is_root() -> bool:
    return os.geteuid() == 0


def user() -> str:
    """Whose this process is; of root's process the person behind sudo, if there is one.

    Only root is told so by sudo: anybody else can set a variable himself.
    """
    behind = os.environ.get("SUDO_USER") if is_root() else None
    try:
        return behind or pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a user id without a name
        return f"uid {os.geteuid()}"


def of_command_line(desk: Desk) -> Actor:
    """Whoever runs this command. An account counts for root too, also a disabled one: that may do nothing."""
    name = user()
    account = desk.book.accounts.find(name) if desk.config.review.accounts.exists() else None
    if account is not None and not account.disabled:
        return Actor(desk.viewer(name), f"cli:{name}")
    if account is None and is_root():
        return Actor(Viewer.root(name), f"cli:{name}, no account")
    return Actor(Viewer.without_rights(name, Standing.NOBODY if account is None else Standing.DISABLED), f"cli:{name}")
