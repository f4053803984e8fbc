"""A dated sound survives each codec that a phone of the lab speaks, in both directions."""

from __future__ import annotations

import numpy as np
import pytest

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.codecs import CODECS
from asterisk_privacy.lab.timecode import TimeCode

CODE = TimeCode(1)


@pytest.mark.parametrize("name", [name for name in CODECS if name != "g729"])  # of which the lab knows the packets only
def test_every_frame_is_heard_again(name: str) -> None:
    try:
        here, there = CODECS[name].coder(), CODECS[name].coder()
    except OperatorError as error:  # Opus needs a library of the system
        pytest.skip(str(error))
    heard = np.concatenate([there.decode(here.encode(CODE.frame(n))) for n in range(50)])
    assert len(heard) == 50 * 160
    assert CODE.heard(heard) >= set(range(49))


def test_calls_do_not_share_a_coder() -> None:
    one, other = CODECS["g722"].coder(), CODECS["g722"].coder()
    for n in range(20):
        one.encode(CODE.frame(n))
    assert other.encode(CODE.frame(3)) == CODECS["g722"].coder().encode(CODE.frame(3))
