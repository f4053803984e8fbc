"""A registry on a server: requests are carried out here, by a user of the database who may do no more than the page must."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asterisk_privacy.access.desk import Desk, Rulebook
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.review.desk.requests import Request

T = TypeVar("T")


class LocalDesk:
    """`registry` is used on one thread, for one request at a time (peewee is synchronous); it is closed with this."""

    def __init__(self, registry: Registry, book: Rulebook) -> None:
        self._registry = registry
        self._book = book
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry")

    async def ask(self, request: Request[T]) -> T:
        """OperatorError: what the registry says."""
        if request.long:
            return await asyncio.to_thread(self._beside, request)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._carried_out, self._registry, request)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._registry.close()

    def _beside(self, request: Request[T]) -> T:
        with Registry.open(home_of(self._book.config), actor="review", clock=self._book.now, create=False) as registry:
            return self._carried_out(registry, request)

    def _carried_out(self, registry: Registry, request: Request[T]) -> T:
        with registry.acting(request.actor):
            return request.carried_out(Desk(registry, self._book))
