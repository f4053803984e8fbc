"""Who runs a command, and the sentence for who may not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import click

from asterisk_privacy.access.actor import Actor, of_command_line
from asterisk_privacy.access.acts import Refused
from asterisk_privacy.access.desk import Desk, Rulebook
from asterisk_privacy.access.permission import Page, Refusal, Standing, why_not_know, why_not_open
from asterisk_privacy.cli.common import configured
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.review.texts_en import TEXTS

C = TypeVar("C", bound=Callable[..., Any])

reason_option = click.option("--reason", help="Why, for good in the audit trail. Root without an account is asked for it.")


class Reason(Enum):
    IN_ITS_OWN_ROW = "in its own row"  # the command demands a reason of everybody


@dataclass(frozen=True, slots=True)
class Acting:
    desk: Desk
    actor: Actor

    @property
    def settings(self) -> Config:
        return self.desk.config

    @property
    def registry(self) -> Registry:
        return self.desk.registry

    def knows(self, row: RecordingRow) -> bool:
        return why_not_know(self.actor.viewer, self.desk.facts(row)) is None

    def may_read(self, page: Page) -> None:
        """What the page of that name shows. Who has no account and can read the registry all the same runs this machine."""
        if self.actor.viewer.standing is not Standing.NOBODY and why_not_open(self.actor.viewer, page) is not None:
            raise OperatorError(f"{self.actor.viewer.name}: {TEXTS['refusal-not-your-act']}")


@contextmanager
def acting(config: Path, reason: str | Reason | None) -> Iterator[Acting]:
    """For what is done. Root without an account says why: by `reason`, or when asked."""
    with reading(config) as one:
        actor = one.actor
        if actor.viewer.standing is Standing.ROOT and not isinstance(reason, Reason):
            actor = replace(actor, why=_why(reason))
        try:
            yield replace(one, actor=actor)
        except Refused as refused:
            raise OperatorError(in_words(refused)) from None


@contextmanager
def reading(config: Path) -> Iterator[Acting]:
    """For what is only looked at."""
    with configured(config) as (settings, registry):
        desk = Desk(registry, Rulebook.of(settings))
        yield Acting(desk, of_command_line(desk))


def _why(reason: str | None) -> str:
    words = reason if reason is not None else click.prompt("Root has no account here. Why do you do this") if sys.stdin.isatty() else ""
    if not words.strip():
        raise click.UsageError("--reason: say why; root has no account here, and the audit trail tells who did what")
    if not words.isprintable():
        raise click.UsageError("--reason: write it in one line of plain letters")
    return " ".join(words.split())


def in_words(refused: Refused) -> str:
    """What the page shows beside its sentence stands in it here."""
    told = "The attempt is in the audit trail"
    if refused.refusal is Refusal.NO_ACCOUNT:
        name = refused.viewer.name
        way = f"you are yourself with sudo and without -u; an administrator makes an account: asterisk-privacy review account add {name}"
        return f"{name}: has no account for listening or deciding, or a disabled one; {way}. {told}"
    if refused.row is None:
        return f"{refused.viewer.name}: {TEXTS[f'refusal-{refused.refusal}']} {told}"
    return f"recording {refused.row.id}: {_of_recording(refused, refused.row)} {told}"


def _of_recording(refused: Refused, row: RecordingRow) -> str:
    if refused.refusal is Refusal.NOT_SERVED:
        return f"does not serve purpose {refused.purpose!r}, only {', '.join(p.name for p in row.purposes) or 'none any more'}."
    if refused.refusal in (Refusal.GONE, Refusal.NOT_SEALED):
        return f"is {row.state}; only a sealed one can be heard or judged."
    if refused.refusal is Refusal.RESTRICTED and row.restriction is not None:
        return f"is restricted since {row.restriction.at:%Y-%m-%d} (GDPR art. 18) and not excepted for {refused.purpose!r}."
    if refused.refusal is Refusal.HELD:
        hold = next(one for one in row.circumstances.holds if refused.viewer.name not in one.listeners)
        return f"is under legal hold {hold.id}, to which only {', '.join(hold.listeners)} may listen."
    return TEXTS[f"refusal-{refused.refusal}"]
