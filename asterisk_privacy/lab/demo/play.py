"""Plays one call of the script with sipp, and waits until the recorder is done with it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.demo.script import ANSWER_AFTER, DemoCall
from asterisk_privacy.lab.sipp import SippAgent, SippCaller
from asterisk_privacy.lab.site import Site
from asterisk_privacy.registry.rows import CallRow, RecordingRow

LONGEST_CALL_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one call; `recordings`: its parts in order. `memory`: bytes that all rings held when it was over."""

    script: DemoCall
    call: CallRow
    recordings: tuple[RecordingRow, ...]
    memory: int


def play(site: Site, script: DemoCall, agent_port: int, number: int) -> Played:
    """`number`: how many calls were played, this one included. OperatorError if sipp's side of it went wrong."""
    work = site.workdir / f"call-{number}"
    agent = SippAgent(
        "agent", work, site.pbx.install, port=agent_port, server_port=site.pbx.sip_port, steps=script.agent, answer_after=ANSWER_AFTER
    )
    caller = SippCaller(
        "customer", work, site.pbx.install, extension=script.extension, server_port=site.pbx.sip_port, steps=script.customer
    )
    with agent, caller:
        try:
            status = max(caller.wait(LONGEST_CALL_SECONDS), agent.wait(LONGEST_CALL_SECONDS))
        except subprocess.TimeoutExpired:
            status = -1
    if status != 0:
        raise OperatorError(f"call '{script.slug}' was not played as written: {caller.errors or agent.errors or 'no answer'}; see {work}")
    call = site.wait_for_calls(number)[-1]
    memory = site.status()["ring"]
    assert isinstance(memory, dict)
    with site.registry() as registry:
        parts = sorted(registry.recordings(call_id=call.id), key=lambda row: row.part)
        return Played(script, call, tuple(parts), int(memory["bytes"]))


def files_of(site: Site) -> list[Path]:
    """Everything in the store now."""
    return sorted(p for p in (site.state / "recordings").rglob("*") if p.is_file())
