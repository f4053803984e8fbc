from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from ari_double import ToyAri
from own_net import Ears, own_net
from wire_call import Phone, World

from asterisk_privacy.asterisk.wire.packets import PacketRing


@pytest.fixture
async def toy() -> AsyncIterator[ToyAri]:
    async with ToyAri() as made:
        yield made


@pytest.fixture
def net() -> Iterator[None]:
    """A network of its own, in which packets come in the order in which they are sent: one processor does it all."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(processors)[os.getpid() % len(processors)]})
    try:
        with own_net():
            yield
    finally:
        os.sched_setaffinity(0, processors)


@pytest.fixture
def ears(net: None) -> Iterator[Ears]:
    """On an open ring."""
    ring = PacketRing()
    yield Ears(ring)
    ring.close()


@pytest.fixture
def world(net: None) -> Iterator[World]:
    world = World()
    yield world
    world.capture.close()
    world.ring.close()


@pytest.fixture
def anna(net: None) -> Iterator[Phone]:
    with Phone(0x11, 6000) as phone:
        yield phone


@pytest.fixture
def bert(net: None) -> Iterator[Phone]:
    with Phone(0x22, 6002) as phone:
        yield phone
