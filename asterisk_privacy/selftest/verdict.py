"""What is in the test call's recording: measured on the decrypted samples. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from asterisk_privacy.call.timeline import Span, SpanKind
from asterisk_privacy.lab.tones import levels, seconds_of
from asterisk_privacy.selftest.steps import Steps

CALLER_HZ, AGENT_HZ, WAITING_HZ = 700, 1100, 1500
"""The third one is said by both while the call is on hold: not one frame of it may be kept."""
LEAST_SECONDS = 1.0
AUDIBLE = -50.0  # dBFS
_SIDES = {0: ("caller", CALLER_HZ), 1: ("agent", AGENT_HZ)}
DEAF = (
    "its audio does not arrive: [capture] listen of config.toml and PRIVACY_AUDIOSOCKET of the dialplan (127.0.0.1:9092) must be "
    "one address (or [capture] advertise one that Asterisk can dial), and app_audiosocket must run"
)


def judge(steps: Steps, samples: npt.NDArray[np.int16], spans: tuple[Span, ...]) -> None:
    """`samples`: int16 (n, 2) at 8 kHz, the caller left, the agent right."""
    heard = {}
    for side, (name, hz) in _SIDES.items():
        heard[name] = seconds_of(samples[:, side], {name: hz, "waiting": WAITING_HZ}).get(name, 0.0)
    deaf = [name for name, seconds in heard.items() if seconds < LEAST_SECONDS]
    if deaf:
        steps.wrong("heard", f"the {' and the '.join(deaf)} cannot be heard in it; {DEAF}")
    else:
        steps.fine("heard", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in heard.items()))
    leaked = sum(int((levels(samples[:, side], [WAITING_HZ])[:, 0] > AUDIBLE).sum()) for side in _SIDES)
    held = sum(span.end_ms - span.start_ms for span in spans if span.kind is SpanKind.HOLD) / 1000
    if leaked:
        steps.wrong("hold", f"{leaked * 20} ms of what was said on hold were kept: do not record on this PBX, and report it with the log")
    elif held < LEAST_SECONDS:
        steps.wrong("hold", f"the recorder saw {held:.1f} s of a hold of two seconds; see journalctl -u asterisk-privacy, and report it")
    elif deaf:
        steps.cannot("hold", "where nothing is heard, nothing is proven")
    else:
        steps.fine("hold", f"{held:.1f} s on hold, not one frame kept")
