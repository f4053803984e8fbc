from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from ari_double import ToyAri


@pytest.fixture
async def toy() -> AsyncIterator[ToyAri]:
    async with ToyAri() as made:
        yield made
