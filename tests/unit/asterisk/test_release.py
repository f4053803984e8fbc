"""Which releases of Asterisk are new enough, however they write themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asterisk_privacy.asterisk.release import OLDEST_TEXT, too_old, wrong_with

ROOT = Path(__file__).parents[3]
TOLD = ("README.md", "docs/admin.md", "docs/asterisk-releases.md", "dialplan/extensions_privacy.conf")


@pytest.mark.parametrize(
    "version",
    [
        "20.5.0", "20.5.0-rc1", "20.5.2-cert1", "20.6.0", "21.0.0", "22.10.1~dfsg+~cs6.17.60671434-1", "23.4.1", "24.0.0",
        "certified/20.7-cert1", "certified-20.7-cert10", "certified/22.8-cert1", "GIT-22-1a2b3c4", "GIT-20.19.0-1a2b3c4M",
        "GIT-certified/20.7-1a2b3c4", "GIT-master-1234567", "SVN-trunk-r4711",
    ],
)  # fmt: skip
def test_new_enough(version: str) -> None:
    assert wrong_with(version) == "" and not too_old(version)


@pytest.mark.parametrize(
    "version",
    ["1.8.32.3", "16.28.0~dfsg-0+deb11u4", "18.26.4", "certified/18.9-cert5", "certified-18.9-cert1-rc1", "20.0.0", "20.4.0", "20.4.0-rc2",
     "GIT-18-1a2b3c4", "GIT-20.4.0-1a2b3c4"],
)  # fmt: skip
def test_too_old(version: str) -> None:
    assert too_old(version)
    assert wrong_with(version).startswith(f"Asterisk {version} is older than {OLDEST_TEXT}: ")


@pytest.mark.parametrize("version", ["", "unknown", "GIT-20-1a2b3c4", "20", "UNKNOWN__and_probably_unsupported"])
def test_a_version_that_does_not_tell_is_said(version: str) -> None:
    assert not too_old(version)
    assert repr(version) in wrong_with(version) and OLDEST_TEXT in wrong_with(version)


@pytest.mark.parametrize("name", TOLD)
def test_what_people_read_names_the_same_release(name: str) -> None:
    told = re.findall(r"Asterisk (2\d(?:\.\d+)*) or later", (ROOT / name).read_text())
    assert told and set(told) == {OLDEST_TEXT}
