"""Who runs a command, as far as listening goes: their account on the review page, its roles, and what they may hear and judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from asterisk_privacy.access.accounts import Account, AccountBook
from asterisk_privacy.access.facts import facts_of
from asterisk_privacy.access.permission import Act, Facts, Refusal, Viewer, why_not_do
from asterisk_privacy.cli.common import actor, is_root
from asterisk_privacy.daemon.purging import Rules
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.review.texts_en import TEXTS

WITHOUT_ACCOUNT: Mapping[str, str] = {"account": "none"}


def viewer_of(settings: Config) -> Viewer:
    """Raises OperatorError where whoever runs the command has no account."""
    name = _name()
    account = _account(settings, name)
    if account is None or account.disabled:
        raise OperatorError(f"{name}: has no account for listening; an administrator makes one: asterisk-privacy review account add {name}")
    return Viewer(name, account.roles, settings.review.purposes(settings.book).purposes, account.agents)


def facts_now(row: RecordingRow, settings: Config) -> Facts:
    return facts_of(row, settings, Rules.of(settings), utc_now())


def refuse_unless_allowed(
    settings: Config,
    registry: Registry,
    row: RecordingRow,
    refused: str,
    why_not: Callable[[Viewer, Facts], Refusal | None],
    detail: Mapping[str, str],
) -> Mapping[str, str]:
    """As the review page decides. OperatorError, with an audit row of the action `refused`. Else what an audit row says of who acts.

    Root without an account may do what every role may, since nothing here can keep root from it. A legal hold names people, so it is
    for root too.
    """
    try:
        viewer, told = _acting(settings, row)
    except OperatorError:
        registry.audit(actor(), refused, row.id, {**detail, "why": "no-account"})
        raise
    refusal = why_not(viewer, facts_now(row, settings))
    if refusal is None:
        return told
    hold = next((one for one in row.circumstances.holds if viewer.name not in one.listeners), None)
    more = {"hold": str(hold.id)} if hold is not None and refusal is Refusal.HELD else {}
    registry.audit(actor(), refused, row.id, {**detail, "why": refusal.value, **told, **more})
    raise OperatorError(f"recording {row.id}: {_in_words(refusal, row, viewer, detail)} The attempt is in the audit trail")


def judging(settings: Config, registry: Registry, row: RecordingRow, act: Act) -> None:
    """For a command that writes down what the page calls this act. Root may do it after its purpose has ended, too."""
    if _is_root_without_account(settings):
        registry.audit(actor(), f"recording.{act}-by-root", row.id, WITHOUT_ACCOUNT)
    else:
        refuse_unless_allowed(settings, registry, row, f"recording.{act}-refused", lambda one, facts: why_not_do(one, facts, act), {})


def _is_root_without_account(settings: Config) -> bool:
    return is_root() and _account(settings, _name()) is None


def _acting(settings: Config, row: RecordingRow) -> tuple[Viewer, Mapping[str, str]]:
    if _is_root_without_account(settings):
        served = frozenset(purpose.name for purpose in row.purposes)
        return Viewer(_name(), frozenset(Role), dict.fromkeys(Role, served)), WITHOUT_ACCOUNT
    return viewer_of(settings), {}


def _in_words(refusal: Refusal, row: RecordingRow, viewer: Viewer, detail: Mapping[str, str]) -> str:
    """What the page shows beside its sentence stands in it here."""
    if refusal is Refusal.NOT_SERVED:
        return f"does not serve purpose {detail['purpose']!r}, only {', '.join(p.name for p in row.purposes) or 'none any more'}."
    if refusal in (Refusal.GONE, Refusal.NOT_SEALED):
        return f"is {row.state}; only a sealed one can be heard or judged."
    if refusal is Refusal.RESTRICTED and row.restriction is not None:
        return f"is restricted since {row.restriction.at:%Y-%m-%d} (GDPR art. 18) and not excepted for {detail['purpose']!r}."
    if refusal is Refusal.HELD:
        hold = next(one for one in row.circumstances.holds if viewer.name not in one.listeners)
        return f"is under legal hold {hold.id}, to which only {', '.join(hold.listeners)} may listen."
    return TEXTS[f"refusal-{refusal}"]


def _name() -> str:
    return actor().removeprefix("cli:")


def _account(settings: Config, name: str) -> Account | None:
    """None too where nobody has an account yet."""
    return AccountBook(settings.review.accounts).find(name) if settings.review.accounts.exists() else None
