"""journald's native protocol: one datagram a line of the log, with fields that `journalctl CALL_ID=...` finds
(systemd.io/JOURNAL_NATIVE_PROTOCOL). Small and of our own: the bindings want a compiler and libsystemd's headers."""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
SOCKET_VARIABLE = "ASTERISK_PRIVACY_JOURNAL_SOCKET"  # elsewhere, for tests
IDENTIFIER = "asterisk-privacy"
MOST_BYTES = 64 << 10  # of one message; a datagram has a limit, and our lines are short

PRIORITY: Mapping[int, int] = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""syslog(3)'s."""


def priority(level: int) -> int:
    return next((code for least, code in sorted(PRIORITY.items(), reverse=True) if level >= least), 7)


def is_journal(environ: Mapping[str, str], descriptor: int) -> bool:
    """Whether `descriptor` leads to journald: systemd tells device and inode in $JOURNAL_STREAM (systemd.exec(5))."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def datagram(fields: Mapping[str, str]) -> bytes:
    """NAME=value, or with its length in front where the value has several lines."""
    parts = []
    for name, value in fields.items():
        data = value.encode("utf-8", "replace")[:MOST_BYTES]
        plain = b"\n" not in data
        parts.append(name.encode() + (b"=" + data if plain else b"\n" + struct.pack("<Q", len(data)) + data) + b"\n")
    return b"".join(parts)


class JournalHandler(logging.Handler):
    """Never waits: the audio must not stand still because journald does. What it does not take is counted, and the count is told with the
    next line; where there is no journald, lines go to standard error with the priority in front (sd-daemon(3))."""

    def __init__(self, path: str = SOCKET) -> None:
        super().__init__()
        self._path = path
        self._lost = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if self._lost:
            text += f" ({self._lost} lines before this one were lost: journald did not take them)"
        fields = {
            "MESSAGE": text,
            "PRIORITY": str(priority(record.levelno)),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "SYSLOG_PID": str(os.getpid()),
            "LOGGER": record.name,
            "CODE_FUNC": record.funcName or "",
            "CODE_LINE": str(record.lineno),
            **getattr(record, "journal", {}),
        }
        try:
            self._socket.sendto(datagram(fields), self._path)
            self._lost = 0
        except BlockingIOError:
            self._lost += 1
        except OSError:
            print(f"<{priority(record.levelno)}>{text}", file=sys.stderr)  # noqa: T201 - to the journal by the other road

    def close(self) -> None:
        self._socket.close()
        super().close()
