"""Where the recorder, Asterisk and others find each other: what is wrong with the addresses together."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from asterisk_privacy.daemon.reach import is_loopback
from asterisk_privacy.daemon.settings import Address, Config, How
from asterisk_privacy.policy.problem import Problem

EVERYWHERE = ("0.0.0.0", "::")
LONGEST_ADVERTISED = 76  # `to-` and this are the name of an extension, of which Asterisk keeps 79 characters


def problems(config: Config) -> Iterator[tuple[str, Problem]]:
    """Pairs of the other setting that is part of it, and the problem."""
    url = config.asterisk.ari_url
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        good = False
    if good and "@" in parts.netloc:  # not shown: it may hold a password
        yield (
            "asterisk.ari_url",
            Problem("asterisk.ari_url", "has a user or a password in it", "write them as ari_user and in ari_password_file"),
        )
    elif not good or parts.query or parts.fragment:
        yield (
            "asterisk.ari_url",
            Problem("asterisk.ari_url", "is not the address of an Asterisk", 'write for instance ari_url = "http://127.0.0.1:8088"'),
        )
    elif config.capture.how is How.WIRE and not is_loopback(parts.hostname or ""):
        remedy = 'write how = "snoop", or ari_url = "http://127.0.0.1:8088" if that is this machine'
        yield "asterisk.ari_url", Problem("capture.how", f'"wire" hears this machine only, and Asterisk is at {url}', remedy)
    agi, audio, metrics = config.fastagi.listen, config.capture.listen, config.metrics.listen
    if _same_port(agi, audio):
        yield (
            "fastagi.listen",
            Problem("capture.listen", f"{audio} is taken by fastagi.listen", 'write another port, such as listen = "127.0.0.1:9092"'),
        )
    for other, address in (("fastagi.listen", agi), ("capture.listen", audio)):
        if metrics is not None and _same_port(metrics, address):
            remedy = 'write another port, such as listen = "127.0.0.1:9464"'
            yield other, Problem("metrics.listen", f"{metrics} is taken by {other}", remedy)
    if len(str(config.capture.advertise or "")) > LONGEST_ADVERTISED:
        remedy = f"write one of at most {LONGEST_ADVERTISED} characters, such as the IP address"
        yield "capture.advertise", Problem("capture.advertise", "is longer than Asterisk takes", remedy)
    if config.capture.dialled.host in EVERYWHERE:
        yield (
            "capture.listen",
            Problem(
                "capture.advertise",
                f"Asterisk cannot dial {config.capture.dialled}",
                f'write the address of this machine, such as advertise = "192.0.2.7:{config.capture.dialled.port}"',
            ),
        )


def _same_port(one: Address, other: Address) -> bool:
    return one.port == other.port and (one.host == other.host or one.host in EVERYWHERE or other.host in EVERYWHERE)
