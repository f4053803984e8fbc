"""`asterisk-privacy serve`: runs the daemon until it is told to stop, and takes it down in order."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import resource
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from asterisk_privacy.daemon.assembly import assemble
from asterisk_privacy.daemon.logs import about
from asterisk_privacy.daemon.notify import notify
from asterisk_privacy.daemon.reload import Reloader
from asterisk_privacy.daemon.settings import Config

log = logging.getLogger(__name__)

PR_SET_DUMPABLE = 4  # linux/prctl.h
MOST_DESCRIPTORS = 16384


async def serve(config: Config, path: Path) -> None:
    """Runs until SIGTERM or SIGINT; SIGHUP has it read `path` again. Raises OperatorError with one line where only a person can help."""
    _never_dump_core()
    _enough_descriptors()
    async with AsyncExitStack() as stack:
        running = await assemble(config, path, stack)
        service = running.service
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(service.caught)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, _on_hangup, running.reloader)
        # ready means: the dialplan gets an answer. Asterisk may come up later; until then the answer is "unrecorded"
        notify("READY=1\nSTATUS=waiting for Asterisk")
        work = [
            asyncio.create_task(service.link.run(), name="link"),
            asyncio.create_task(service.pulse(), name="pulse"),
            asyncio.create_task(stopping.wait(), name="stop"),
            asyncio.create_task(running.draining.watch(stopping.set), name="drain"),
        ]
        done, pending = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        notify("STOPPING=1")
        log.info("stopping: %d calls in progress", len(service.supervisor.runners), extra=about("stop"))
        await service.supervisor.close()
        await service.capture.drained()
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()  # raises what ended the link


def _enough_descriptors() -> None:
    """A call takes three. A login shell gives a thousand, which strangers at the ports could nearly use up; what may be had is more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _on_hangup(reloader: Reloader) -> None:
    """SIGHUP. A mistake of ours in there goes where all of them go: the loop's handler."""
    asyncio.create_task(reloader.reload(), name="reload").add_done_callback(lambda task: task.result())


def _never_dump_core() -> None:
    """A core file would put the ring on the disk (promise 2). Not dumpable also means: a crash handler that takes cores through a pipe
    (which the limit does not stop) gets none, and no other process of this user reads our memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        log.warning("prctl(PR_SET_DUMPABLE): %s", os.strerror(ctypes.get_errno()))
