"""The dialplan, the sample configuration and the sounds that come with the program: in a checkout, or where it was installed."""

from __future__ import annotations

import sys
from pathlib import Path

from asterisk_privacy.errors import OperatorError

_PACKAGE = Path(__file__).resolve().parents[2]
PLACES = (
    _PACKAGE,
    Path(sys.prefix) / "share/asterisk-privacy",
    Path("/usr/local/share/asterisk-privacy"),
    Path("/usr/share/asterisk-privacy"),
)


def shipped(name: str) -> Path:
    """`name` as in a checkout: dialplan/features_privacy.conf."""
    for place in PLACES:
        if (place / name).exists():
            return place / name
    looked = ", ".join(str(place) for place in PLACES[1:])
    raise OperatorError(f"{name}: not found in {looked}; it comes with the program: install it anew, or run this in a checkout of it")


def dialplan(name: str) -> bytes:
    return shipped(f"dialplan/{name}").read_bytes()
