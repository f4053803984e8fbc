"""A process of the recorder's answers the review page: by the accounts, and for as long as the recorder runs."""

from __future__ import annotations

import asyncio
import contextlib
import stat
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from whole_daemon import installed, whole_daemon

from asterisk_privacy.access.accounts import save
from asterisk_privacy.access.desk import Rulebook
from asterisk_privacy.access.permission import Refusal
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.page_desk import PageDesk, listening_at, page_socket
from asterisk_privacy.errors import ConfigError, OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.review.desk import wire
from asterisk_privacy.review.desk.agreeing import Contradiction
from asterisk_privacy.review.desk.client import RecorderAway, SocketDesk
from asterisk_privacy.review.desk.listening import Listen, NotHeard
from asterisk_privacy.review.desk.officer import Holds, Trail
from asterisk_privacy.review.desk.recordings import Show
from asterisk_privacy.review.desk.server import Server
from asterisk_privacy.review.desk.signing import Healthy, SignedIn
from asterisk_privacy.review.serve import _desk
from asterisk_privacy.store.identity import Identity

RECORDING = "ab" * 16


@pytest.fixture
def config(tmp_path: Path) -> Path:
    save(tmp_path / "accounts.json", {})
    return installed(tmp_path, more=f'[review]\naccounts = "{tmp_path}/accounts.json"\n')


async def test_the_whole_daemon_answers_and_its_process_ends_with_it(config: Path, tmp_path: Path) -> None:
    async with whole_daemon(config) as running:
        place = page_socket(running.service.config)
        assert place == tmp_path / "run-review" / "desk.sock" and stat.S_IMODE(place.stat().st_mode) == 0o660
        page = SocketDesk(place)
        await page.ask(Healthy())
        await page.ask(SignedIn("anna"))
        page.close()
        await running.reloader.reload()  # whoever asks next is answered by the new configuration
        again = SocketDesk(place)
        async with asyncio.timeout(30):
            while True:  # who is in the queue of the one that ends is told so, and asks again
                with contextlib.suppress(OperatorError):
                    await again.ask(Healthy())
                    break
        again.close()
        assert Alarm.PAGE_DESK_FAILED not in running.service.health.alarms
    with pytest.raises(RecorderAway, match="systemctl start asterisk-privacy"):
        await SocketDesk(place).ask(Healthy())
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        assert "review.sign-in" in {entry.action for entry in registry.audit_entries(None)}


async def test_the_socket_stays_for_who_asks_next(config: Path, tmp_path: Path) -> None:
    """Since Python 3.13 asyncio removes the path of a server that closes: the recorder would listen where nobody finds it."""
    listening = listening_at(tmp_path / "desk.sock")
    for _ in range(2):  # a reload, or nobody asks for a while
        server = Server(Rulebook.of(load(config)))
        server.over.set()
        await server.serve(listening.dup())
        assert (tmp_path / "desk.sock").is_socket()
    listening.close()


@pytest.fixture
async def desk(config: Path, tmp_path: Path) -> AsyncIterator[Path]:
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        registry.begin_call("c" * 32, "sales", datetime.now(UTC), None, None, "in")
    made = PageDesk(tmp_path / "desk.sock", config, Health())
    await made.start()
    yield tmp_path / "desk.sock"
    await made.stop()


async def test_who_has_no_account_hears_and_sees_nothing(desk: Path) -> None:
    page = SocketDesk(desk)
    assert await page.ask(Listen("stranger", RECORDING, "training", "because")) == NotHeard(Refusal.UNKNOWN)
    assert await page.ask(Trail("stranger")) is None and await page.ask(Holds("stranger")) == ()
    assert await page.ask(Show("stranger", RECORDING, "en")) is None
    page.close()


@pytest.mark.parametrize("what", ["long", "nonsense", "other type", "half"])
async def test_what_is_no_request_does_nothing_and_the_next_is_answered(desk: Path, what: str) -> None:
    reader, writer = await asyncio.open_unix_connection(desk)
    writer.write(
        {
            "long": b"\xff\xff\xff\xff" + b"x" * 10,
            "nonsense": wire.framed(b"\xc1" * 20),
            "other type": wire.framed(wire.encoded({"type": "DeleteEverything", "who": "anna"})),
            "half": wire.framed(b"x" * 100)[:50],
        }[what]
    )
    if what == "half":
        writer.write_eof()
    async with asyncio.timeout(30):
        answer = await reader.read(1000)
    assert b"one version" in answer or answer == b""
    writer.close()
    page = SocketDesk(desk)
    await page.ask(Healthy())
    page.close()


def changed(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def page_config(config: Path, *other: tuple[str, str]) -> Path:
    """The page's own file: the recorder's, with a socket and a key, and with what is changed."""
    text = config.read_text()
    for old, new in other:
        assert old in text
        text = text.replace(old, new)
    (config.parent / "identity.txt").write_text(Identity.generate().secret + "\n")
    (config.parent / "identity.txt").chmod(0o600)
    own = config.with_name("page.toml")
    more = f'recorder_socket = "{config.parent}/desk.sock"\nidentity = "{config.parent}/identity.txt"\n'
    own.write_text(text.replace("[review]\n", f"[review]\n{more}"))
    return own


PLACES = {
    "[registry] path": ("/registry.sqlite", "/other.sqlite"),
    "[registry] number_key": ("/number.key", "/other.key"),
    "[store] directory": ("/recordings", "/others"),
    "[store] recipients": ("/recipients.txt", "/others.txt"),
    "[s3] bucket": ("[review]\n", '[s3]\nbucket = "recordings"\n[review]\n'),
    "[review] accounts": ("/accounts.json", "/others.json"),
}


async def agreed(book: Rulebook) -> SocketDesk:
    """As the page starts."""
    desk = _desk(book)
    assert isinstance(desk, SocketDesk)
    await desk.agree()
    return desk


async def test_a_page_whose_file_contradicts_the_recorders_does_not_start(desk: Path, config: Path) -> None:
    for setting, other in PLACES.items():
        own = page_config(config, other)
        with pytest.raises(ConfigError) as error:
            async with asyncio.timeout(30):
                await agreed(Rulebook.of(load(own)))
        (line,) = error.value.problems
        assert f"{setting} is " in line and "contradicts the recorder's" in line and "\n" not in line
        assert not [one for one in PLACES if one != setting and f"{one} is" in line]


async def test_its_command_says_so_in_one_line(desk: Path, config: Path) -> None:
    own = page_config(config, PLACES["[store] directory"])
    command = [sys.executable, "-m", "asterisk_privacy", "review", "serve", "--config", str(own)]
    page = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(60):
            _, said = await page.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            page.kill()
    assert page.returncode == 2 and len(said.splitlines()) == 1, said
    assert f'[store] directory is "{config.parent}/others" there and "{config.parent}/recordings" in the recorder\'s' in said.decode()


async def test_it_starts_where_they_agree_and_while_the_recorder_is_down(desk: Path, config: Path) -> None:
    for own in (page_config(config), page_config(config, ("[review]\n", "[review]\nidle_minutes = 30\n"))):
        page = await agreed(Rulebook.of(load(own)))
        await page.ask(Healthy())
        page.close()
    alone = page_config(config)
    changed(alone, "/desk.sock", "/nobody.sock")
    page = await agreed(Rulebook.of(load(alone)))
    with pytest.raises(RecorderAway):
        await page.ask(Healthy())


async def test_a_recorder_that_goes_by_other_places_since_then_answers_the_page_no_more(config: Path, tmp_path: Path) -> None:
    Registry.open(tmp_path / "registry.sqlite").close()
    own = load(page_config(config))
    made = PageDesk(tmp_path / "desk.sock", config, Health())
    await made.start()
    page = await agreed(Rulebook.of(own))
    changed(config, "/recordings", "/others")
    made.follow()
    with pytest.raises(Contradiction, match=r"\[store\] directory"):
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(RecorderAway):
                    await page.ask(Healthy())
                await asyncio.sleep(0.05)
    page.close()
    await made.stop()
