"""The capture that the configuration asks for."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AsyncExitStack

from asterisk_privacy.asterisk.ari import Ari
from asterisk_privacy.asterisk.taps import SnoopCapture, TendedCapture
from asterisk_privacy.asterisk.wire import right
from asterisk_privacy.asterisk.wire.capture import WireCapture
from asterisk_privacy.asterisk.wire.packets import PacketRing
from asterisk_privacy.daemon.settings import Config, How

log = logging.getLogger(__name__)


def ring_of(config: Config, stack: AsyncExitStack) -> PacketRing | None:
    """To be opened before all else: the right to do so is laid down with it. OperatorError where it is asked for and not there."""
    if config.capture.how is How.SNOOP:
        return None
    ring = PacketRing()
    stack.callback(ring.close)
    if others := len(os.listdir("/proc/self/task")) - 1:
        log.warning(
            "%d threads keep CAP_NET_RAW; start with OPENBLAS_NUM_THREADS=1, as the systemd unit does, so that there is none", others
        )
    try:
        right.lay_down()
    except OSError as error:
        log.warning("CAP_NET_RAW could not be laid down (%s): this process could open more than its one ring of packets", error.strerror)
    return ring


def capture_of(
    ring: PacketRing | None, ari: Ari, snoops: SnoopCapture, alarm: Callable[[str], None], stack: AsyncExitStack
) -> TendedCapture:
    """`alarm` is told when packets were lost."""
    if ring is None:
        return snoops
    wire = WireCapture(ari, ring, snoops, alarm)
    stack.callback(wire.close)
    return wire
