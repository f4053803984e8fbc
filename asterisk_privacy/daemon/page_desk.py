"""The socket at which the review page asks, where the registry is a file; a process of ours answers (review/desk/server.py).

The page's user can reach this socket and nothing else of the recorder's: not the registry, not the control socket. The process
is started when somebody asks first, and ends by itself when nobody does, so it costs nothing where there is no page.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path

from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.settings import Config

BACKLOG = 64
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
STOP_SECONDS = 8.0


def page_socket(config: Config) -> Path | None:
    """None: the registry is on a server, and the page asks that itself."""
    if config.registry.url:
        return None
    beside = config.control.socket.parent
    return config.review.recorder_socket or beside.with_name(f"{beside.name}-review") / "desk.sock"


def listening_at(path: Path) -> socket.socket:
    """OSError."""
    path.parent.mkdir(mode=0o750, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    made.bind(str(path))
    os.chmod(path, 0o660)
    made.listen(BACKLOG)
    return made


class PageDesk:
    """`config`: the file, which that process reads itself."""

    def __init__(self, path: Path, config: Path, health: Health) -> None:
        self._path = path
        self._config = config
        self._health = health
        self._socket: socket.socket | None = None
        self._work: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._pause = FIRST_PAUSE_SECONDS

    async def start(self) -> None:
        """OSError. Whoever may enter its directory and is of its group may ask."""
        self._socket = listening_at(self._path)
        self._wait()

    async def stop(self) -> None:
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self.follow()
        work = self._work
        if work is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        self._socket.close()
        self._socket = None

    def follow(self) -> None:
        """The configuration has changed: who asks next is answered by it."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()

    def _wait(self) -> None:
        assert self._socket is not None
        asyncio.get_running_loop().add_reader(self._socket, self._asked)

    def _asked(self) -> None:
        assert self._socket is not None
        asyncio.get_running_loop().remove_reader(self._socket)
        self._work = asyncio.create_task(self._run(self._socket), name="page desk")

    async def _run(self, listening: socket.socket) -> None:
        """Until it ends; then somebody must ask again."""
        isolated = ["-I"] if sys.flags.isolated else []
        command = [sys.executable, *isolated, "-m", "asterisk_privacy", "review", "desk", "--config", str(self._config)]
        command += ["--descriptor", str(listening.fileno())]
        try:
            self._process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, pass_fds=[listening.fileno()])
            code = await self._process.wait()
        except OSError as error:
            self._health.alarm(Alarm.PAGE_DESK_FAILED, f"what answers the review page cannot be started: {error.strerror or error}")
            code = -1
        finally:
            await self._end()
        if code == 0:
            self._pause = FIRST_PAUSE_SECONDS
        else:
            self._health.alarm(Alarm.PAGE_DESK_FAILED, f"what answers the review page ended with {code}; the journal says why")
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        self._wait()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
