"""Scenarios are well-formed XML that says what the steps say; traces are read as sipp writes them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from asterisk_privacy.audio import ulaw
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.sipp import HangUp, Held, Hold, Key, SippAgent, SippCaller, Step, Talk, WaitForBye, parse_trace
from asterisk_privacy.lab.unpack import Install


@pytest.fixture
def install(tmp_path: Path) -> Install:
    return Install(("asterisk",), ("sipp",), ("age",), None, tmp_path, tmp_path, "22")


def story(xml: str) -> list[str]:
    """What the scenario does, a word per step."""
    told: list[str] = []
    for element in ElementTree.fromstring(xml):
        text = (element.text or "").strip()
        stream = element.find("action/exec")
        if element.tag == "send":
            told.append(" ".join(text.split()[:2]) if text.startswith("SIP") else text.split()[0])
            told += [line for line in text.splitlines() if line in ("a=sendonly", "a=inactive") or line.startswith("Signal=")]
        elif stream is not None:
            told.append(Path(stream.attrib["rtp_stream"].split(",")[0]).name)
        elif element.attrib.get("request") == "BYE":
            told.append(f"bye within {element.attrib.get('timeout', 'ever')}")
    return told


def test_caller(tmp_path: Path, install: Install) -> None:
    steps: list[Step] = [Talk(3.0), Held(1.5), Talk(1.0), Key("3"), HangUp()]
    caller = SippCaller("customer", tmp_path, install, extension="100", server_port=5060, steps=steps)
    assert story(caller.scenario()) == [
        *("INVITE", "ACK", "700.ul", "bye within 3000", "900.ul", "bye within 1500", "700.ul", "bye within 1000"),
        *("INFO", "Signal=3", "BYE", "bye within ever", "SIP/2.0 200", "pause"),
    ]


def test_agent(tmp_path: Path, install: Install) -> None:
    steps: list[Step] = [Hold(2.0, "inactive"), Key("*1"), WaitForBye()]
    agent = SippAgent("agent", tmp_path, install, port=5072, server_port=5060, steps=steps, answer_after=0.25)
    assert story(agent.scenario()) == [
        *("SIP/2.0 180", "SIP/2.0 200", "1100.ul", "INVITE", "a=inactive", "ACK", "1000.ul", "bye within 2000"),
        *("INVITE", "ACK", "1100.ul", "INFO", "Signal=*", "INFO", "Signal=1", "bye within ever", "SIP/2.0 200", "pause"),
    ]
    assert '<pause milliseconds="250"/>' in agent.scenario()


def test_each_request_has_its_own_number(tmp_path: Path, install: Install) -> None:
    agent = SippAgent("agent", tmp_path, install, port=5072, server_port=5060, steps=[Hold(1.0), Key("12"), HangUp()])
    numbers = [line for line in agent.scenario().splitlines() if line.startswith("CSeq") and not line.endswith("ACK")]
    assert len(numbers) == len(set(numbers)) == 5


def test_the_sound_loops_without_a_click(tmp_path: Path, install: Install) -> None:
    SippCaller("customer", tmp_path, install, extension="1", server_port=1, steps=[HangUp()]).scenario()
    samples = ulaw.decode(np.fromfile(tmp_path / "sipp-customer/700.ul", np.uint8))
    around = np.concatenate([samples[-80:], samples[:80]])
    assert tones.level(np.tile(samples, 2), 700) == pytest.approx(-12, abs=0.3)
    assert np.abs(np.diff(around.astype(int))).max() < 2 * np.pi * 700 / 8000 * 32767 * 10 ** (-12 / 20) * 1.1


def test_a_directory_that_sipp_cannot_read_is_refused(tmp_path: Path, install: Install) -> None:
    with pytest.raises(OperatorError, match="comma"):
        SippCaller("customer", tmp_path / "a,b", install, extension="1", server_port=1, steps=[])


TRACE = """----------------------------------------------- 2026-03-01T10:00:00.250000Z
UDP message sent [522] bytes:

INVITE sip:100@127.0.0.1:5060 SIP/2.0
CSeq: 1 INVITE
Content-Length: 3

v=0
----------------------------------------------- 2026-03-01T10:00:00.252000Z
UDP message received [310] bytes :

SIP/2.0 100 Trying
CSeq: 1 INVITE

"""


def test_trace() -> None:
    sent, received = parse_trace(TRACE)
    assert (sent.sent, received.sent) == (True, False)
    assert sent.message.body.strip() == "v=0"
    assert str(received) == "1772359200.252 <- 100 Trying (1 INVITE)"
