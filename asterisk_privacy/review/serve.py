"""`asterisk-privacy review serve`: the process. It has the reviewers' key in memory, so it leaves no core and logs no words."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import resource
import signal
from collections.abc import Mapping, Sequence

from asterisk_privacy.access.desk import Rulebook
from asterisk_privacy.credentials import credential
from asterisk_privacy.daemon.health import place_of
from asterisk_privacy.daemon.http_limits import HttpServer
from asterisk_privacy.daemon.notify import notify, watchdog_seconds
from asterisk_privacy.daemon.page_desk import page_socket
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.review.app import LIMITS, make_app
from asterisk_privacy.review.desk.agreeing import places_of
from asterisk_privacy.review.desk.client import SocketDesk
from asterisk_privacy.review.desk.local import LocalDesk
from asterisk_privacy.review.site import Asked, Site
from asterisk_privacy.store.identity import Identity

log = logging.getLogger(__name__)

CREDENTIAL = "identity"
CALM_DOWN_SECONDS = 2.0  # for answers that are under way at the end
PR_SET_DUMPABLE = 4  # linux/prctl.h


def identities(config: Config, environ: Mapping[str, str]) -> Sequence[Identity]:
    """From systemd's credential, or [review] identity. OperatorError when there is neither: without a key nobody hears anything."""
    given = credential(CREDENTIAL, environ) or config.review.identity
    if given is not None:
        return Identity.load_all(given)
    raise OperatorError(
        "the review page has no secret key; give it one with LoadCredentialEncrypted=identity:... in its unit, or set [review] identity"
    )


async def serve(config: Config, environ: Mapping[str, str] = os.environ) -> None:
    """Runs until SIGTERM or SIGINT. OperatorError with one line where only a person can help."""
    _never_dump_core()
    keys = identities(config, environ)
    book = Rulebook.of(config)
    desk = _desk(book)
    site = Site(book, desk, keys)
    server = HttpServer(make_app(site), LIMITS, CALM_DOWN_SECONDS)
    logging.getLogger("aiohttp.server").addFilter(only_the_place)
    try:
        listen = config.review.listen
        try:
            await server.start(listen.host, listen.port)
        except OSError as error:
            raise OperatorError(f"[review] listen: cannot listen on {listen} ({error.strerror}); is another one running?") from error
        if isinstance(desk, SocketDesk):
            await desk.agree()  # each connection is compared too, so what comes before gets nothing from another recorder
        log.info("review page on %s, %d keys", listen, len(keys))
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        notify("READY=1")
        pulse = asyncio.create_task(_pulse())
        await stopping.wait()
        notify("STOPPING=1")
        pulse.cancel()
    finally:
        await server.stop()


def _desk(book: Rulebook) -> Asked:
    """A file is the recorder's alone, and asked of it; a server keeps its users apart itself."""
    place = page_socket(book.config)
    if place is not None:
        return SocketDesk(place, places_of(book.config))
    wanted = book.config.registry.tenant
    registry = Registry.open(home_of(book.config), actor="review", create=False, answer_seconds=10.0)
    why_not = _another_company(wanted, registry.tenants.bound)
    if why_not is not None:
        registry.close()
        raise OperatorError(f"registry {registry.where}: {why_not}")
    return LocalDesk(registry, book)


def _another_company(wanted: str, bound: str | None) -> str | None:
    """A setting narrows what is asked for; whom the page serves must be what the database itself knows."""
    if wanted and wanted != bound:
        return f"its user is not listed for tenant {wanted}; see: asterisk-privacy registry grant reviewer USER --tenant {wanted}"
    if bound and not wanted:
        return f'its user is listed for tenant {bound}; set [registry] tenant = "{bound}", so that texts and names are of that company too'
    return None


def only_the_place(record: logging.LogRecord) -> bool:
    """Of a mistake of ours the journal gets its place in the code: its words may hold a name. What a browser sent is nobody's business."""
    mistake = record.exc_info[1] if record.exc_info else None
    record.exc_info, record.exc_text = None, None
    record.msg, record.args = (f"{type(mistake).__name__} at {place_of(mistake)}" if mistake else "a request that is none"), ()
    return True


async def _pulse() -> None:
    every = watchdog_seconds()
    while every is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(every / 3)


def _never_dump_core() -> None:
    """A core would hold the secret key and the audio that is being heard."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
