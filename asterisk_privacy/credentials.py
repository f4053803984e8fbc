"""Secrets that systemd hands to a unit: LoadCredential= and its kin (systemd.exec(5))."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def credential(name: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file of that name, if the unit has it. One that cannot be looked at counts as there: whoever opens it says why."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    given = Path(folder) / name
    try:
        given.stat()
    except FileNotFoundError:
        return None
    except OSError:
        pass
    return given
