"""systemd's notify protocol: one datagram to $NOTIFY_SOCKET (sd_notify(3)). Does nothing outside systemd."""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)

WAIT_SECONDS = 1.0
MUST_KNOW = ("READY=1", "STOPPING=1")


def notify(state: str) -> None:
    """`state` such as READY=1, STOPPING=1, WATCHDOG=1, STATUS=... A systemd that does not read is waited for only where it must know: the
    audio must not stand still because of it."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(WAIT_SECONDS if state.startswith(MUST_KNOW) else 0.0)
            sender.connect(address)
            sender.send(state.encode())
    except OSError as error:
        log.warning("systemd was not told '%s': %s", state, error)


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear WATCHDOG=1 at the least; None without a watchdog."""
    try:
        return int(os.environ["WATCHDOG_USEC"]) / 1e6
    except (KeyError, ValueError):
        return None
