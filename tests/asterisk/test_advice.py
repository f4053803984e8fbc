"""What the daemon asks of the running Asterisk about its set-up, and what `status` then says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sites import ALWAYS, profile

from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(60)]

HIDING = """
[hiding]
type=endpoint
context=from-agents
disallow=all
allow=ulaw
direct_media=yes
"""


def test_direct_media_is_warned_about_and_nothing_else(install: Install, tmp_path: Path) -> None:
    with Site(tmp_path, install, ALWAYS + profile("orders", '"proof"'), extra_pjsip=HIDING) as site:
        deadline = time.monotonic() + 10
        while not (said := site.status()["advice"]) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert isinstance(said, list) and len(said) == 1, said
        assert said[0].startswith("pjsip.conf: endpoint hiding has direct_media=yes")
        site.pbx.cli("module unload app_audiosocket.so")
        site.stop_daemon()
        site.start_daemon()
        deadline = time.monotonic() + 10
        while len(said) != 2 and time.monotonic() < deadline:
            time.sleep(0.1)
            found = site.status()["advice"]
            said = found if isinstance(found, list) else []
        assert [line.partition(":")[0] for line in said] == ["modules.conf", "pjsip.conf"], said
