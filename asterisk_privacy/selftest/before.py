"""What must hold before there can be a test call: each looked at by itself, so that one run names everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec

from asterisk_privacy.asterisk.ari import Ari, AriAccess, AriRefused, AriUnreachable
from asterisk_privacy.asterisk.modules import MODULES, SELFTEST
from asterisk_privacy.asterisk.release import OLDEST_TEXT, wrong_with
from asterisk_privacy.daemon.control import Report, ask
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.selftest.side import Channels
from asterisk_privacy.selftest.steps import Steps

CONTEXTS = ("privacy-start", "privacy-ask", "privacy-notice", "privacy-key-keep", "privacy-tap", "privacy-selftest-agent")
NEEDED = (*MODULES, *SELFTEST)


class _Module(msgspec.Struct):
    name: str
    status: str = ""


def look_at_the_recorder(steps: Steps, control: Path) -> None:
    try:
        report: Report = ask(control, "status")
    except OperatorError as error:
        steps.cannot("recorder", f"{error}; what ended it: journalctl -u asterisk-privacy")
        return
    steps.fine("recorder", f"version {report.get('version')}{_silent_phones(report)}")
    ari = report.get("ari")
    if isinstance(ari, dict) and ari.get("connected"):
        steps.fine("connected", f"as {ari.get('app')}")
    elif not steps.good("ari"):
        steps.cannot("connected", "Asterisk does not let anybody in, see above")
    else:
        steps.wrong("connected", "it tries again every few seconds, and its journal says why not: journalctl -u asterisk-privacy")


def _silent_phones(report: Report) -> str:
    """What real calls have shown since its start; a test call has no phone."""
    capture = report.get("capture")
    phones = capture.get("silent_between_words") if isinstance(capture, dict) else None
    if not isinstance(phones, dict) or not phones:
        return ""
    return f"; phones that are dead silent between words, and so must signal their holds: {', '.join(sorted(map(str, phones)))}"


async def look_at_ari(steps: Steps, ari: Ari, access: AriAccess) -> None:
    try:
        version = await ari.check_access()
    except OperatorError as error:
        steps.wrong("ari", str(error))
    except AriUnreachable:
        steps.cannot("ari", f"nobody answers at {access.url}: does Asterisk run, and is http.conf as `asterisk-privacy setup` writes it?")
    except AriRefused as refused:
        steps.wrong(
            "ari", f"{access.url} answers, but without ARI (HTTP {refused.status}): ari.conf, enabled = yes, and res_ari.so loaded?"
        )
    else:
        steps.fine("ari", f"Asterisk {version}")
        if wrong := wrong_with(version):
            steps.wrong("release", wrong)
        else:
            steps.fine("release", f"{version}; {OLDEST_TEXT} or later is needed")


async def running_modules(channels: Channels) -> set[str]:
    """Raises AriRefused or AriUnreachable."""
    body = await channels.ari.request("GET", "asterisk/modules")
    return {m.name.removesuffix(".so") for m in msgspec.json.decode(body, type=list[_Module]) if m.status == "Running"}


async def look_at_asterisk(steps: Steps, channels: Channels) -> None:
    """Modules and dialplan. Raises AriRefused or AriUnreachable."""
    running = await running_modules(channels)
    missing = [name for name in NEEDED if name not in running]
    if missing:
        steps.wrong("modules", f"not running: {', '.join(missing)}; try asterisk -rx 'module load {missing[0]}.so', and see modules.conf")
    else:
        steps.fine("modules", f"all {len(NEEDED)}")
    probe = await channels.probe()
    absent = [context for context in CONTEXTS if not await channels.has_extension(probe, context)]
    await channels.hang_up(probe)
    if absent:
        steps.wrong(
            "dialplan",
            f"missing: {', '.join(absent)}; run asterisk-privacy setup, or put #tryinclude extensions_privacy.conf (of this version) "
            f"into extensions.conf and run asterisk -rx 'dialplan reload'",
        )
    else:
        steps.fine("dialplan", f"{len(CONTEXTS)} contexts")
