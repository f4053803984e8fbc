"""Where the running daemon is asked: also when its configuration file has mistakes by now, since it goes on with an older one."""

from __future__ import annotations

import tomllib
from pathlib import Path

from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.settings import Control
from asterisk_privacy.errors import ConfigError


def control_socket(path: Path) -> Path:
    """Raises ConfigError when there is no such file, or it may not be read."""
    try:
        return load(path).control.socket
    except ConfigError as wrong:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise wrong from None
        try:
            table = tomllib.loads(text).get("control")
        except ValueError:
            table = None
        written = table.get("socket") if isinstance(table, dict) else None
        return Path(written) if isinstance(written, str) else Control().socket
