"""[review]: the page on which people listen. The recorder reads these settings with the rest and uses none of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.problem import Problem
from asterisk_privacy.policy.purpose import Trigger

ROLES = Meta(description="a table of roles, each with its purposes", examples=['{ reviewer = { purposes = ["training"] } }'])
ADDRESSES = Meta(description="a list of addresses or networks in quotes", examples=['["127.0.0.1", "::1"]'])
Header = Annotated[str, Meta(pattern="^([A-Za-z][A-Za-z0-9-]{0,63})?$", description="the name of a header", examples=['"X-Remote-User"'])]


class Role(StrEnum):
    REVIEWER = "reviewer"  # listens to the sample, writes outcomes
    INCIDENT_HANDLER = "incident-handler"  # complaints, escalations, court cases
    PRIVACY_OFFICER = "privacy-officer"  # requests, holds, overdue deletions, the register
    AUDITOR = "auditor"  # who did what


@dataclass(frozen=True, slots=True)
class ReviewRoles:
    """Which purposes each role may listen for."""

    purposes: Mapping[Role, frozenset[str]]

    @classmethod
    def of(cls, written: Mapping[str, Mapping[str, list[str]]], book: Book) -> ReviewRoles:
        """What is not written: an incident handler listens to what an agent kept; a reviewer to what chance picked or a review ends, if no
        agent keeps it; others to nothing."""
        flagged = {name for name, purpose in book.purposes.items() if purpose.trigger is Trigger.FLAG}
        sampled = {name for name, purpose in book.purposes.items() if purpose.trigger is Trigger.SAMPLE}
        ends_reviewed = {name for name, purpose in book.purposes.items() if purpose.retention.lesson_time() is not None}
        chosen = {Role.REVIEWER: frozenset(sampled | ends_reviewed - flagged), Role.INCIDENT_HANDLER: frozenset(flagged)}
        for name, table in written.items():
            chosen[Role(name)] = frozenset(table.get("purposes", ()))
        return cls(chosen)


def problems(roles: Mapping[str, Mapping[str, list[str]]], addresses: list[str], book: Book) -> Iterator[Problem]:
    """What the type of a setting cannot say."""
    known = ", ".join(f'"{role}"' for role in Role)
    for name, table in roles.items():
        place = f"review.roles.{name}"
        if name not in tuple(Role):
            yield Problem(place, "there is no such role", f"write one of {known}")
        for key in table.keys() - {"purposes"}:
            yield Problem(f"{place}.{key}", "unknown key", "remove it; known here: purposes")
        for purpose in table.get("purposes", ()):
            if purpose not in book.purposes:
                yield Problem(f"{place}.purposes", f"there is no purpose {purpose!a}", "write the name of one, or take it off this list")
    for address in addresses:
        try:
            ipaddress.ip_network(address)
        except ValueError:
            yield Problem("review.proxy_addresses", f"{address[:60]!a} is no address or network", 'write for instance "127.0.0.1"')
