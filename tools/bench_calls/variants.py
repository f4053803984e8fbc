"""What is compared: the same call, recorded in different ways. Each is an extension of the lab's dialplan."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.sipp import HangUp, Hold, Key, Step, Talk, WaitForBye
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    extension: str
    product: bool = True
    """Whether the daemon runs and is asked; else it is not even started."""
    key: str = ""
    """What the agent presses before the end."""

    held: bool = False
    """The agent holds from the begin to the end."""
    answered: bool = True
    capture: str = "snoop"

    def steps(self, seconds: float) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """The customer's and the agent's. The agent presses his key some seconds before the customer hangs up."""
        agent: tuple[Step, ...] = (WaitForBye(),)
        if self.key:
            agent = (Talk(seconds - 3.5), Key(self.key), WaitForBye())
        if self.held:
            agent = (Talk(0.4), Hold(seconds), WaitForBye())
        return (Talk(seconds), HangUp()), agent


NONE = Variant("no recording", "801", product=False)
MIXED = Variant("MixMonitor, one WAV (mixed)", "802", product=False)
TWO = Variant("MixMonitor, two WAV files", "803", product=False)
RING = Variant("asterisk_privacy: ring only, not kept", "805")
KEPT = Variant("asterisk_privacy: kept, streamed, encrypted", "804")
KEYED = Variant("asterisk_privacy: kept by key at the end", "805", key="*1")
RING_WIRE = Variant("asterisk_privacy: ring only, by wire", "805", capture="wire")
KEPT_WIRE = Variant("asterisk_privacy: kept, by wire", "804", capture="wire")
KEYED_WIRE = Variant("asterisk_privacy: kept by key, by wire", "805", key="*1", capture="wire")
EACH = Variant("MixMonitor r(), one on each party", "810", product=False)
VARIANTS = (NONE, MIXED, TWO, EACH, RING, KEPT, KEYED, RING_WIRE, KEPT_WIRE, KEYED_WIRE)

QUEUED = Variant("waits in a queue", "806", product=False, answered=False)
QUEUED_WITH = Variant("waits in a queue, with asterisk_privacy", "807", answered=False)
HELD = Variant("on hold", "801", product=False, held=True)
HELD_WITH = Variant("on hold, with asterisk_privacy", "804", held=True)
WAITS = (QUEUED, QUEUED_WITH, HELD, HELD_WITH)

_DIALPLAN = """
[from-outside](+)
exten => 801,1,Dial(PJSIP/agent,30,tkK)
 same => n,Hangup()
exten => 802,1,MixMonitor({files}/${{UNIQUEID}}.wav)
 same => n,Dial(PJSIP/agent,30,tkK)
 same => n,Hangup()
exten => 803,1,MixMonitor(,r({files}/${{UNIQUEID}}-r.wav)t({files}/${{UNIQUEID}}-t.wav))
 same => n,Dial(PJSIP/agent,30,tkK)
 same => n,Hangup()
; what a capture through pipes would ask of Asterisk: each party's own microphone, by a MixMonitor of its own
exten => 810,1,MixMonitor(,r({files}/${{UNIQUEID}}-r.wav))
 same => n,Dial(PJSIP/agent,30,tkKb(bench-microphone^s^1))
 same => n,Hangup()
exten => 804,1,Gosub(privacy-start,s,1(always))
 same => n,Dial(PJSIP/agent,30,tkK)
 same => n,Hangup()
exten => 805,1,Gosub(privacy-start,s,1(flag))
 same => n,Dial(PJSIP/agent,30,tkK)
 same => n,Hangup()
exten => 806,1,Answer()
 same => n,Queue(nobody,tk)
 same => n,Hangup()
exten => 807,1,Gosub(privacy-start,s,1(always))
 same => n,Queue(nobody,tk)
 same => n,Hangup()
exten => 808,1,Gosub(privacy-start,s,1(always))
 same => n,Hangup()
exten => 809,1,Gosub(privacy-start,s,1(flag))
 same => n,Dial(PJSIP/agent2,30,tkK)
 same => n,Hangup()
[bench-microphone]
exten => s,1,MixMonitor(,r({files}/${{UNIQUEID}}-r.wav))
 same => n,Return()
"""
_QUEUE = """
[nobody]
musicclass = default
joinempty = yes
"""
_POLICY = """
[purposes.proof]
title = "proof of what was agreed"
basis = "contract"
reasoning = "the agreement is made by telephone"
trigger = "always"
retention = { until = "days", latest_days = 90 }
[purposes.complaint]
title = "handling complaints"
basis = "legitimate-interest"
reasoning = "to settle what was said"
trigger = "flag"
retention = { until = "case-closed", plus_days = 30, latest_days = 700 }
[profiles.always]
title = "always"
language = "en"
announcement = "short"
purposes = ["proof"]
[profiles.flag]
title = "flag"
language = "en"
announcement = "short"
purposes = ["complaint"]
"""
PRODUCT = {  # as shipped, where the lab has other defaults for its own tests
    "capture.silent_hold_seconds": "10",
    "capture.music_hold_seconds": "8",
    "keys.grace_seconds": "3",
}


def the_site(work: Path, install: Install, ports: Mapping[str, int], sounds: Path, settings: Mapping[str, str]) -> Site:
    files = work / "mixmonitor"
    files.mkdir(parents=True, exist_ok=True)
    return Site(
        work, install, _POLICY, contacts=ports, sounds=sounds, extra_dialplan=_DIALPLAN.format(files=files), extra={"queues.conf": _QUEUE},
        settings={**PRODUCT, "metrics.listen": f'"127.0.0.1:{free_port()}"', **settings},
    )  # fmt: skip


def short_notice(folder: Path) -> Path:
    """A notice of half a second, and the shipped tones: the notice is not what is compared."""
    (folder / "en").mkdir(parents=True)
    for name in ("short", "refused", "agreed"):
        with wave.open(str(folder / f"en/{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(tones.tone(tones.ANNOUNCEMENT, 0.5).astype("<i2").tobytes())
    (folder / "tones").symlink_to(DIALPLAN / "sounds" / "tones")
    return folder
