"""The check itself: it sees what is planted, and does not cry at what a daemon writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from told_logs import personal, search_logs


@pytest.mark.parametrize(
    "line",
    [
        "call from 0612345678",
        "caller +31612345678 refused",
        "CALLER=0031612345678",
        "channel PJSIP/agent-00000001",
        "From: <sip:bob@127.0.0.1>",
        "caller customer",
        "a call of Kwikstaart",
        "agent2 pressed",
    ],
)
def test_a_planted_line_is_seen(tmp_path: Path, line: str) -> None:
    (tmp_path / "site").mkdir()
    planted = tmp_path / "site" / "planted.log"  # of a name that the check at the end of the run does not take
    planted.write_text(f"2026-11-22 09:48:30,123 INFO x: fine\n{line}\n")
    assert search_logs(tmp_path, [planted.name]) == {planted: [line]}


def test_what_a_daemon_writes_is_none_of_it() -> None:
    fine = """2026-11-22 09:48:30,123 INFO asterisk_privacy.daemon.supervisor: call 0f1e2d3c4b5a69788796a5b4c3d2e1f0 begun on profile sales
2026-11-22 09:48:30,123 WARNING asterisk_privacy.asterisk.link: ARI: GET asterisk: Cannot connect to host 127.0.0.1:41397; trying again
alarm unknown_call: an agent's key belongs to no call that is known here
/tmp/pytest-of-x/pytest-0/test_the_customers_keys0/site/run/control.sock
SYSLOG_PID=00123
PRIORITY=6"""
    assert personal(fine) == []
