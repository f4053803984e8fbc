"""The capture that the configuration asks for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

from asterisk_privacy.asterisk import pipe_place
from asterisk_privacy.asterisk.ami import Ami
from asterisk_privacy.asterisk.pipes import PipeCapture
from asterisk_privacy.asterisk.pipes_or_snoops import PipesOrSnoops, TendedCapture
from asterisk_privacy.asterisk.taps import SnoopCapture
from asterisk_privacy.daemon.ari_access import ami_access
from asterisk_privacy.daemon.settings import Config, How

log = logging.getLogger(__name__)


async def capture_of(config: Config, snoops: SnoopCapture, alarm: Callable[[str], None], stack: AsyncExitStack) -> TendedCapture:
    """OperatorError where pipes are asked for and cannot be safe. `alarm` is told why they are not used any more."""
    if config.capture.how is How.SNOOP:
        return snoops
    ours = config.control.socket.parent  # what is in there has modes of its own
    directory = config.capture.pipes or ours / "pipes"
    pipe_place.make(directory, None if config.capture.pipes else ours)
    left = pipe_place.release_leftovers(directory) + pipe_place.remove_files(directory)
    if left:
        log.warning("%d pipes of a daemon that died were removed", left)
    ami = Ami(ami_access(config))
    pipes = PipeCapture(ami, directory, config.asterisk.app, alarm)
    stack.callback(pipes.close)
    running = asyncio.create_task(ami.run(), name="ami")
    stack.push_async_callback(_ended, running)
    return PipesOrSnoops(pipes, snoops)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
