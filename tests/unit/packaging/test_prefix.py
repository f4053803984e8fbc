"""`make install PREFIX=/opt/x`: what came along is found there, and systemd finds the units."""

from __future__ import annotations

from pathlib import Path

import pytest

from asterisk_privacy.setup.shipped import USUAL, share_of

INSTALL = (Path(__file__).resolve().parents[3] / "packaging/install.sh").read_text()


@pytest.mark.parametrize(
    ("prefix", "share"),
    [
        ("/opt/x/lib/asterisk-privacy", "/opt/x/share/asterisk-privacy"),
        ("/usr/lib/asterisk-privacy", "/usr/share/asterisk-privacy"),
        ("/usr/local/lib/asterisk-privacy", "/usr/local/share/asterisk-privacy"),
        ("/home/me/.venv", str(USUAL)),
        ("/usr", str(USUAL)),
    ],
)
def test_where_the_program_looks(prefix: str, share: str) -> None:
    assert share_of(Path(prefix)) == Path(share)
