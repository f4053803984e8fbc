"""A changed configuration, and an orderly stop, in the middle of a real call; and what journal and /metrics tell of it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fault_lab import AGENT, ALWAYS, VOICES, Broken, held, nothing_in_clear, settled
from told_logs import CALLER_NAME, CALLER_NUMBER, personal

from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import free_port
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.identity import Identity

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(90)]

SOMEBODY = f"""
[customer](+)
callerid = "{CALLER_NAME}" <{CALLER_NUMBER}>
"""


@contextmanager
def journald(folder: Path, log: Path) -> Iterator[None]:
    """Takes the daemon's datagrams, as systemd would, and appends them to journal.log, where the standing check looks too."""
    log.touch()
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(folder / "journal.sock"))

    def take() -> None:
        with (log.parent / "journal.log").open("ab", buffering=0) as file:
            while data := receiver.recv(1 << 20):
                file.write(data + b"\n")

    thread = threading.Thread(target=take)
    thread.start()
    status = log.stat()
    os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    os.environ["ASTERISK_PRIVACY_JOURNAL_SOCKET"] = str(folder / "journal.sock")
    try:
        yield
    finally:
        del os.environ["JOURNAL_STREAM"], os.environ["ASTERISK_PRIVACY_JOURNAL_SOCKET"]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(folder / "journal.sock"))
        thread.join(10)
        receiver.close()


@pytest.fixture
def watched(install: Install, tmp_path: Path) -> Iterator[Broken]:
    """A site under systemd's journal and with /metrics, which somebody with a name and a number calls."""
    one = Broken(tmp_path, install, {"metrics.listen": f'"127.0.0.1:{free_port()}"'}, extra_pjsip=SOMEBODY)
    with journald(tmp_path, one.site.log_path):
        one.site.__enter__()
        yield one
        one.site.__exit__(None, None, None)


def reload(one: Broken) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "asterisk_privacy", "reload", "--config", str(one.site.config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def metrics(one: Broken) -> dict[str, float]:
    listen = re.search(r'\[metrics\]\nlisten = "(.*)"', one.site.config.read_text())
    assert listen
    with urllib.request.urlopen(f"http://{listen[1]}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}


async def test_a_call_through_a_reload_is_whole_and_the_next_one_follows_the_new_policy(watched: Broken) -> None:
    site, before = watched.site, watched.site.identity
    text = site.config.read_text()
    async with watched.call(ALWAYS) as (customer, agent):
        await customer.talk(1.5)
        site.config.write_text(text.replace('trigger = "always"', 'trigger = "allways"'))
        refused = await asyncio.to_thread(reload, watched)
        assert refused.returncode == 3 and 'did you mean "always"?' in refused.stderr
        site.config.write_text(text.replace("latest_days = 30 }", "latest_days = 7 }"))
        site.identity = Identity.generate()
        (site.etc / "recipients.txt").write_text(site.identity.public + "\n")
        taken = await asyncio.to_thread(reload, watched)
        assert (taken.returncode, taken.stdout) == (0, "Changed for new calls: purposes.proof, store.recipients\n")
        await customer.talk(1.5)
        await held(customer, agent)
        await customer.talk(1.0)
        await customer.hangup()
    await watched.over()
    async with watched.call(ALWAYS) as (customer, agent):
        await customer.talk(1.5)
        await customer.hangup()
    await watched.over(2)

    old, new = site.recordings()
    assert [row.purposes[0].criterion for row in (old, new)] == [Days(30), Days(7)]
    for row, mine, others in ((old, before, site.identity), (new, site.identity, before)):
        site.identity = others
        with pytest.raises(AgeError):
            site.listen(row.id)
        site.identity = mine
        whole(watched, row)
    assert {kind for kind in (span.kind for span in site.calls()[0].spans)} >= {SpanKind.TALK, SpanKind.HOLD}
    assert SpanKind.LOST not in {span.kind for span in site.calls()[0].spans if span.end_ms - span.start_ms > 100}
    assert await watched.alarms() == {"config_refused": 1}
    settled(watched)
    nothing_in_clear(watched)
    counted(metrics(watched))
    told(watched)


def whole(one: Broken, row: RecordingRow) -> None:
    """All that was talk and nothing of the hold is in it."""
    (call,) = [call for call in one.site.calls() if call.id == row.call_id]
    audio = one.site.listen(row.id)
    talk = [span for span in call.spans if span.kind is SpanKind.TALK]
    assert len(audio) == sum((span.end_ms - span.start_ms) // 20 * 160 for span in talk)
    heard = tones.seconds_of(audio[:, 0], VOICES)
    assert "held" not in heard and heard["customer"] > (1.2 if len(talk) == 1 else 3.7), heard
    assert tones.level(audio[:, 1], AGENT) > -25


def counted(found: dict[str, float]) -> None:
    name = "asterisk_privacy_"
    assert found[name + 'calls_over_total{outcome="kept"}'] == found[name + "conversations_total"] == 2
    assert found[name + 'recordings_total{outcome="sealed",purpose="proof"}'] == 2
    assert found[name + 'recordings_total{outcome="sealed",purpose="complaint"}'] == 0
    assert found[name + "gate_openings_total"] == 3 == found[name + 'spans_total{kind="talk"}']
    assert found[name + 'spans_total{kind="hold"}'] == 1
    assert found[name + 'consents_total{kind="notice-heard"}'] == 2
    assert found[name + 'agi_decisions_total{decision="announce"}'] == found[name + 'agi_seconds_bucket{le="+Inf"}'] == 2
    assert found[name + "gate_delay_seconds_count"] >= 3
    assert 200 < found[name + "frames_kept_total"] < 400
    assert found[name + "ari_connected"] == found[name + "config_last_reload_successful"] == 1
    assert 0 < found[name + "ari_proof_age_seconds"] < 2
    assert found[name + "ring_bytes"] == found[name + "taps"] == found[name + 'calls{state="live"}'] == 0


def told(one: Broken) -> None:
    """In the journal: each call by its id, and nobody by his name."""
    text = (one.site.workdir / "journal.log").read_text(errors="replace")
    for call in one.site.calls():
        entries = [entry for entry in text.split("\n\n") if f"CALL_ID={call.id}" in entry]
        assert [re.search("EVENT=(.*)", entry)[1] for entry in entries] == ["call.begun", "call.over"]  # type: ignore[index]
    assert "ALARM=config_refused" in text and "EVENT=config.reloaded" in text
    assert personal(text) == [] and one.site.log == ""


async def test_an_orderly_stop_in_mid_talk_seals_what_was_said(watched: Broken) -> None:
    """SIGTERM, as `systemctl stop` sends it: the file is whole, and ends where the link had proven that it was talk."""
    async with watched.call(ALWAYS) as (customer, _agent):
        await customer.talk(4.0)
        assert await asyncio.to_thread(watched.site.stop_daemon) == 0
        (row,) = watched.site.recordings()
        assert (row.state, row.truncated) == (State.SEALED, False)
        audio = watched.site.listen(row.id)
        assert tones.seconds_of(audio[:, 0], VOICES)["customer"] > 2.2
        assert not list((watched.site.state / "recordings").rglob("*.part"))
        with pytest.raises(OperatorError):
            watched.site.status()
        await customer.talk(0.5)  # the call goes on
        assert tones.level(customer.heard(), AGENT) > -25
        await customer.hangup()
    nothing_in_clear(watched)
