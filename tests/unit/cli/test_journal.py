"""What the daemon writes to journald: datagrams of the native protocol, read here as journald reads them."""

from __future__ import annotations

import io
import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asterisk_privacy.daemon.journal import JournalHandler, datagram, is_journal, priority
from asterisk_privacy.daemon.logs import about


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "socket"))
        receiver.settimeout(20)
        yield receiver


def fields(data: bytes) -> dict[str, str]:
    stream, found = io.BytesIO(data), {}
    while line := stream.readline():
        name, equals, value = line.rstrip(b"\n").partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", stream.read(8))
            value = stream.read(length)
            assert stream.read(1) == b"\n"
        found[name.decode()] = value.decode()
    return found


@pytest.mark.parametrize("value", ["x", "a = b", "two\nlines", "\n", "", "ü", "x=1\nMESSAGE=forged"])
def test_every_value_comes_as_it_was(value: str) -> None:
    assert fields(datagram({"MESSAGE": value, "PRIORITY": "6"})) == {"MESSAGE": value, "PRIORITY": "6"}


def test_priorities_are_those_of_syslog() -> None:
    levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL, 35, 1)
    assert [priority(level) for level in levels] == [7, 6, 4, 3, 2, 4, 7]


def test_stderr_is_the_journal_only_where_systemd_says_so(tmp_path: Path) -> None:
    with (tmp_path / "x").open("w") as file:
        status = os.fstat(file.fileno())
        assert is_journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}, file.fileno())
        assert not is_journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"}, file.fileno())  # redirected since
        assert not is_journal({}, file.fileno())


def a_line(words: str, **extra: object) -> logging.LogRecord:
    return logging.getLogger("x").makeRecord("x", logging.INFO, __file__, 1, words, (), None, extra=extra)


def test_a_call_is_a_field(journald: socket.socket) -> None:
    handler = JournalHandler(journald.getsockname())
    handler.handle(a_line("call c1 begun", **about("call.begun", "c1", "sales")))
    told = fields(journald.recv(1 << 16))
    handler.close()
    assert told["CALL_ID"] == "c1" and told["PROFILE"] == "sales" and told["EVENT"] == "call.begun"
    assert (told["MESSAGE"], told["PRIORITY"], told["SYSLOG_IDENTIFIER"]) == ("call c1 begun", "6", "asterisk-privacy")


def test_a_journald_that_stands_still_stops_nobody_and_what_it_missed_is_told(journald: socket.socket) -> None:
    handler = JournalHandler(journald.getsockname())
    for _ in range(5000):  # more than any queue of a socket
        handler.handle(a_line("x"))
    taken = 0
    journald.setblocking(False)
    while True:
        try:
            journald.recv(1 << 16)
        except BlockingIOError:
            break
        taken += 1
    handler.handle(a_line("after"))
    last = fields(journald.recv(1 << 16))["MESSAGE"]
    handler.close()
    assert 0 < taken < 5000
    assert last == f"after ({5000 - taken} lines before this one were lost: journald did not take them)"


def test_without_journald_the_priority_stands_in_front(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = JournalHandler(str(tmp_path / "nobody"))
    handler.handle(a_line("hello"))
    handler.close()
    assert capsys.readouterr().err == "<6>hello\n"


DAEMON_SETS_UP = """
import logging, os, sys
from asterisk_privacy.daemon.logs import set_up
from asterisk_privacy.daemon.settings import LogLevel
status = os.fstat(2)
set_up(LogLevel.INFO, {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
log = logging.getLogger("asterisk_privacy.x")
log.debug("too much")
logging.getLogger("aiohttp.access").info("of a library")
try:
    int("0612345678 is no number")
except ValueError:
    log.exception("a mistake")
"""


def test_set_up_in_a_process_of_its_own(journald: socket.socket) -> None:
    """Of an exception its kind and its place come along, and none of its words."""
    environment = {**os.environ, "ASTERISK_PRIVACY_JOURNAL_SOCKET": journald.getsockname()}
    said = subprocess.run([sys.executable, "-c", DAEMON_SETS_UP], env=environment, capture_output=True, text=True, timeout=30, check=True)
    told = fields(journald.recv(1 << 16))
    assert said.stderr == ""
    assert told["MESSAGE"].startswith("a mistake\nValueError at ") and told["PRIORITY"] == "3"
    assert "0612345678" not in str(told)
    journald.setblocking(False)
    with pytest.raises(BlockingIOError):
        journald.recv(1)


def test_what_a_library_warns_of_is_one_line() -> None:
    program = (
        "import warnings; from asterisk_privacy.daemon.logs import set_up; from asterisk_privacy.daemon.settings import LogLevel\n"
        "set_up(LogLevel.INFO); warnings.warn('no time zone is set')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stderr.rstrip().endswith("py.warnings.UserWarning: no time zone is set") and ended.stderr.count("\n") == 1
