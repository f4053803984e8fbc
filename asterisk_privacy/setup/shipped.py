"""The dialplan, the sample configuration and the sounds that come with the program: in a checkout, or where it was installed."""

from __future__ import annotations

import sys
from pathlib import Path

from asterisk_privacy.errors import OperatorError

USUAL = Path("/usr/share/asterisk-privacy")


def share_of(prefix: Path) -> Path:
    """What `make install` puts beside the program: it is in PREFIX/lib/asterisk-privacy, this in PREFIX/share/asterisk-privacy."""
    at_home = prefix.name == "asterisk-privacy" and prefix.parent.name == "lib"
    return prefix.parents[1] / "share/asterisk-privacy" if at_home else USUAL


SHARE = share_of(Path(sys.prefix))
_PACKAGE = Path(__file__).resolve().parents[2]
PLACES = (
    _PACKAGE,
    Path(sys.prefix) / "share/asterisk-privacy",
    SHARE,
    Path("/usr/local/share/asterisk-privacy"),
    USUAL,
)


def shipped(name: str) -> Path:
    """`name` as in a checkout: dialplan/features_privacy.conf."""
    for place in PLACES:
        for there in (place / name, place / name.removeprefix("dialplan/")):  # installed sounds lie beside the dialplan
            if there.exists():
                return there
    looked = ", ".join(str(place) for place in PLACES[1:])
    raise OperatorError(f"{name}: not found in {looked}; it comes with the program: install it anew, or run this in a checkout of it")


def dialplan(name: str) -> bytes:
    return shipped(f"dialplan/{name}").read_bytes()
