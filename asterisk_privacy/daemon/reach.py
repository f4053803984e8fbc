"""Where Asterisk reaches this recorder, and which of the addresses leave this machine, so that voices, numbers or a password cross the
network in clear."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from asterisk_privacy.asterisk.advice import Dialled
from asterisk_privacy.daemon.settings import Address, Config, Network

WAY_OUT = 'use a network of its own or a tunnel (WireGuard, IPsec), a firewall, and then [asterisk] network = "private"'


def dialled(config: Config) -> Dialled:
    return Dialled(str(config.fastagi.listen), str(config.capture.dialled), told=config.capture.advertise is not None)


def plain_tcp(config: Config) -> Iterator[str]:
    """One line for each address that is not this machine's own and is spoken to in clear; none if the network is nobody else's."""
    if config.asterisk.network is Network.PRIVATE:
        return
    audio, agi = config.capture, config.fastagi.listen
    for name, address in (("listen", audio.listen), ("advertise", audio.advertise)):
        if address is not None and not is_loopback(address.host):
            yield f"[capture] {name}: {_at(address)}: the voices cross the network in clear; {WAY_OUT}"
            break
    if not is_loopback(agi.host):
        yield f"[fastagi] listen: {_at(agi)}: callers' numbers cross the network in clear, and whoever reaches it may ask; {WAY_OUT}"
    url = urlsplit(config.asterisk.ari_url)
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        yield (
            f"[asterisk] ari_url: {config.asterisk.ari_url}: ARI's password and callers' numbers cross the network in clear; "
            "use https (http.conf: tlsenable=yes), or a tunnel"
        )


def is_loopback(host: str) -> bool:
    """A name other than localhost may be any machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _at(address: Address) -> str:
    return f"{address} (all addresses of this machine)" if address.host in ("0.0.0.0", "::") else str(address)
