"""What callers, phones and other programs say is not in the log; where a word of theirs is, nothing of it works."""

from __future__ import annotations

import io
import logging
import socket
from pathlib import Path
from time import monotonic

import msgspec
import pytest
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.daemon.answers import shown
from asterisk_privacy.daemon.journal import JournalHandler
from asterisk_privacy.daemon.logs import Formatter

TRICKY = "x\x1b[2J\x9b\u202e\nalarm forged: all is well"
SHOWN = r"x\x1b[2J\x9b\u202e\nalarm forged: all is well"


def test_a_line_of_the_log_is_one_line_in_which_nothing_works() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Formatter("%(levelname)s %(message)s"))
    logger = logging.Logger("x")
    logger.addHandler(handler)
    logger.warning("it says %s", TRICKY)
    try:
        raise ValueError(TRICKY)
    except ValueError:
        logger.exception("mistake: %s", TRICKY)
    first, second, place = stream.getvalue().splitlines()
    assert first == f"WARNING it says {SHOWN}" and second == f"ERROR mistake: {SHOWN}"
    assert place.startswith("ValueError at test_words_in_the_log.py")


def test_in_the_journal_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(tmp_path / "socket"))
        handler = JournalHandler(str(tmp_path / "socket"))
        handler.setFormatter(Formatter("%(message)s"))
        handler.handle(logging.getLogger("x").makeRecord("x", logging.INFO, __file__, 1, "it says %s", (TRICKY,), None))
        told = journald.recv(1 << 16).split(b"\n")
        handler.close()
    assert told[0] == f"MESSAGE=it says {SHOWN}".encode()


@pytest.mark.parametrize("profile", ["salez", "line-12", "desk_2"])
def test_a_profile_that_is_none_is_named(profile: str) -> None:
    assert shown(profile) == f"profile '{profile}'"


@pytest.mark.parametrize("profile", ["0612345678", "garbage +31612345678", "a-0-6-1-2-3", TRICKY, "", "Jan de Vries", "x" * 41])
def test_what_is_no_name_of_a_profile_is_not_in_the_log(profile: str) -> None:
    assert shown(profile) == "a profile by what is no name of one"


async def test_no_word_of_a_question_or_an_event_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = ("0612345678", "garbage +31612345678", TRICKY, f"sales {TRICKY}")
    async with whole_daemon(installed(tmp_path)) as running:
        linked(running)
        for word in words:
            Somebody(running, word)
            (event,) = ae.parse(unavailable(word), lambda _stamp: monotonic())
            running.service.supervisor.pbx_told(event)
        (event,) = ae.parse(unavailable("TIMEOUT"), lambda _stamp: monotonic())
        running.service.supervisor.pbx_told(event)
    assert "no answer (TIMEOUT)" in caplog.text and "no answer (unknown)" in caplog.text and "by what is no name of one" in caplog.text
    assert not [word for word in ("12345678", "forged", "\x1b") if word in caplog.text]


def unavailable(why: str) -> bytes:
    said = {"eventname": "PrivacyUnavailable", "Why": why}
    channel = {"id": "1.1", "name": "PJSIP/x-1", "state": "Up", "dialplan": {"context": "privacy-ask"}}
    event = {"type": "ChannelUserevent", "timestamp": "2026-11-30T12:00:00.000+0000", "channel": channel, "eventname": "PrivacyUnavailable"}
    return msgspec.json.encode({**event, "userevent": said})
