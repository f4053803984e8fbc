"""The daemon's log: to the journal with fields of its own, or to standard error; how much, also while it runs.

No personal data at any level: a call is named by its random id. Of an exception only its kind and its place are written, since its words
may hold a name or a number; other people's libraries say warnings only.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from asterisk_privacy.daemon.health import place_of
from asterisk_privacy.daemon.journal import SOCKET, SOCKET_VARIABLE, JournalHandler, is_journal
from asterisk_privacy.daemon.settings import LogLevel
from asterisk_privacy.escaping import printable

OURS = logging.getLogger("asterisk_privacy")


class Formatter(logging.Formatter):
    """One line for each record, in which nothing works that somebody else wrote."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]) -> str:
        return f"{type(ei[1]).__name__} at {place_of(ei[1])}" if ei[1] is not None else ""


def set_up(level: LogLevel, environ: Mapping[str, str] = os.environ) -> None:
    """For the whole process, once."""
    handler: logging.Handler
    if is_journal(environ, sys.stderr.fileno()):
        handler = JournalHandler(environ.get(SOCKET_VARIABLE, SOCKET))
        handler.setFormatter(Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    warnings.showwarning = _in_one_line
    set_level(level)


def _in_one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
) -> None:
    """A library's remark about this machine, such as that no time zone is set, and not the source line that Python shows with it."""
    logging.getLogger(f"py.warnings.{category.__name__}").warning("%s", message)


def set_level(level: LogLevel) -> None:
    OURS.setLevel(level.name)


def current_level() -> LogLevel:
    return LogLevel(logging.getLevelName(OURS.getEffectiveLevel()).lower())


def about(event: str, call: str = "", profile: str = "", **more: str) -> dict[str, Mapping[str, str]]:
    """`log.info(..., extra=about("call.begun", call_id))`: the fields EVENT, CALL_ID and PROFILE of a line in the journal."""
    fields = {"EVENT": event, "CALL_ID": call, "PROFILE": profile, **{name.upper(): value for name, value in more.items()}}
    return {"journal": {name: value for name, value in fields.items() if value}}
