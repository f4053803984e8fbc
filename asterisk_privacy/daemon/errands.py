"""What the control socket answers: status, reload, drain, log-level, selftest."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Mapping

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.ari import AriRefused, AriUnreachable
from asterisk_privacy.daemon.control import Answer, Report
from asterisk_privacy.daemon.logs import about, current_level, set_level
from asterisk_privacy.daemon.report import Running, disk_of, draining_report, status_report
from asterisk_privacy.daemon.settings import LogLevel

log = logging.getLogger(__name__)


def answers(running: Running) -> Mapping[str, Answer]:
    async def status(_rest: str) -> Report:
        disk = await asyncio.to_thread(disk_of, running.service.config.store.directory)
        report = status_report(running, disk)
        return report if running.neighbours is None else {**report, "nodes": await running.neighbours.report()}

    async def reload(_rest: str) -> Report:
        return dataclasses.asdict(await running.reloader.reload())

    async def drain(how: str) -> Report:
        """`how`: nothing, stop or undo. `others`: whether the dialplan can ask another recorder; None if Asterisk does not say."""
        if how not in ("", "stop", "undo"):
            return {"error": f"no way to drain '{how}'"}
        if how == "undo":
            running.draining.undo()
        else:
            running.draining.begin(stop=how == "stop")
        try:
            others = "&" in (await running.service.ari.global_variable(names.AGI_VARIABLE) or "")
        except (AriRefused, AriUnreachable):
            return {**draining_report(running.draining), "others": None}
        return {**draining_report(running.draining), "others": others}

    async def log_level(wanted: str) -> Report:
        before = current_level()
        if wanted and wanted not in set(LogLevel):
            return {"error": f"no level '{wanted}'"}
        if wanted:
            set_level(LogLevel(wanted))
            log.warning("log level %s, it was %s", wanted, before, extra=about("log.level"))
        return {"level": current_level(), "before": before}

    async def selftest(rest: str) -> Report:
        """`rest`: a public key, and perhaps the profile whose announcement is to be played."""
        key, _, like = rest.partition(" ")
        try:
            profile = running.service.supervisor.arm_selftest(key, like)
        except ValueError as error:
            return {"refused": str(error)}
        log.info("a test call is expected", extra=about("selftest"))
        return {"announcement": profile.announcement, "language": profile.language}

    return {"status": status, "reload": reload, "drain": drain, "log-level": log_level, "selftest": selftest}
