"""What the daemon does so that its memory stays its own (promise 2), and how its own mistakes are told."""

from __future__ import annotations

import resource
import subprocess
import sys

from asterisk_privacy.daemon.health import place_of
from asterisk_privacy.daemon.service import MOST_DESCRIPTORS, _enough_descriptors

PROBE = """
import ctypes, resource
from asterisk_privacy.daemon.service import _never_dump_core
libc = ctypes.CDLL(None)
before = libc.prctl(3, 0, 0, 0, 0)
_never_dump_core()
print(before, libc.prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_no_core_file_and_not_dumpable() -> None:
    """In a process of its own: neither can be taken back. prctl(3) is PR_GET_DUMPABLE."""
    said = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout
    assert said.strip().endswith(" 0 (0, 0)")


def test_a_mistake_is_told_by_its_place_and_not_by_its_words() -> None:
    try:
        int("0612345678 is no number")
    except ValueError as error:
        place = place_of(error)
    assert place.startswith("test_hardening.py:")
    assert "in test_a_mistake_is_told_by_its_place_and_not_by_its_words" in place
    assert "0612345678" not in place


def test_a_mistake_without_a_traceback() -> None:
    assert place_of(ValueError("x")) == "an unknown place"


def test_a_login_shells_thousand_descriptors_are_made_more() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if before[1] == resource.RLIM_INFINITY else min(MOST_DESCRIPTORS, before[1])
    try:
        for given, wanted in ((1024, most), (most, most)):
            resource.setrlimit(resource.RLIMIT_NOFILE, (given, before[1]))
            _enough_descriptors()
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
