"""Several companies on one system: a hoster whose PBXs record for each of them, and none of them may know of another's calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company that is the controller (GDPR art. 4(7)) of what is recorded on its lines. Parts that are empty are those of [office]."""

    name: str
    title: str  # as the register of processing names it
    recipients: str  # path of the public keys to which its recordings are sealed, and no others
    contact: str = ""
    statement: str = ""
    dpo: str = ""
