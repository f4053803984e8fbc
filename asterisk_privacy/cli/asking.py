"""What `check-config --ask` asks: the running Asterisk, over ARI, and the daemon of this configuration, if one runs."""

from __future__ import annotations

import msgspec

from asterisk_privacy.asterisk.advice import advice
from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable
from asterisk_privacy.daemon.ari_access import ari_access
from asterisk_privacy.daemon.control import ask
from asterisk_privacy.daemon.reach import dialled
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError


class _Application(msgspec.Struct):
    name: str


async def asked(config: Config) -> list[str]:
    """One line for each thing that hides voices or breaks a promise. Under an application name of its own, so that a daemon that runs is
    not disturbed; nothing is changed, and no caller and no phone hears of it. OperatorError if Asterisk cannot be asked."""
    access = ari_access(config)
    ari = Ari(access, f"{config.asterisk.app}-ask")
    await ari.open()
    try:
        await ari.check_access()
        found = await _taken(ari, config)
        if await _may_only_read(ari):
            return [*found, f"ari.conf: user {access.user} may only read, so that nothing can be recorded; set read_only = no"]
        websocket = await ari.websocket()
        try:
            return [*found, *await advice(ari, dialled(config), config.agents.endpoints), *_not_kept(config)]
        finally:
            await websocket.close()
    except (AriRefused, AriUnreachable, msgspec.DecodeError) as error:
        raise OperatorError(
            f"Asterisk at {access.url} cannot be asked ({error}); does it run, with http.conf enabled=yes and ari.conf enabled=yes?"
        ) from error
    finally:
        await ari.close()


async def _may_only_read(ari: Ari) -> bool:
    """Deleting a channel that does not exist changes nothing, and is refused to who may only read."""
    try:
        await ari.request("DELETE", "channels/privacy-no-such-channel")
    except AriRefused as refused:
        return refused.status == 403
    return False


async def _taken(ari: Ari, config: Config) -> list[str]:
    """The application's name, or one of those that a daemon falls back on, held by another daemon than ours."""
    names = {a.name for a in msgspec.json.decode(await ari.request("GET", "applications"), type=list[_Application])}
    base, ours = Ari(ari_access(config), config.asterisk.app), _ours(config)
    held = sorted(name for name in names if base.is_our_app(name) and name != ours)
    return [
        f"[asterisk] app: {name} is in use on this Asterisk by another program, and each recorder needs a name of its own; "
        "stop the other, or write another app"
        for name in held
    ]


def _not_kept(config: Config) -> list[str]:
    """What the daemon of this configuration has seen, if one runs."""
    try:
        calls = ask(config.control.socket, "status")["calls"]
    except (OperatorError, KeyError):
        return []
    outsiders = calls.get("outsiders") if isinstance(calls, dict) else None
    if not isinstance(outsiders, dict) or not outsiders:
        return []
    return [
        f"{sum(outsiders.values())} calls were not kept, or not all of them, since somebody in them is neither an agent nor was told "
        "anything: `status` names the endpoints; give agents' the template privacy-agent, or name them in [agents]; tell others by "
        "U(privacy-outbound^PROFILE)"
    ]


def _ours(config: Config) -> str:
    """Under which name the daemon of this configuration is connected; empty if none runs."""
    try:
        report = ask(config.control.socket, "status")["ari"]
    except (OperatorError, KeyError):
        return ""
    return str(report.get("app", "")) if isinstance(report, dict) and report.get("connected") else ""
