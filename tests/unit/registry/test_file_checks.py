"""Which files a night reads: each within a week, whatever comes new and whatever goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from registry_samples import COMPLAINT, T0

from asterisk_privacy.registry.db import sql
from asterisk_privacy.registry.registry import Registry

DAY = timedelta(days=1)
DAYS = 7


def record(registry: Registry, name: str, at: datetime) -> None:
    registry.begin_call(name, "sales", at, None, None, "in")
    registry.begin_recording(name, name, at, [COMPLAINT], 1)
    registry.seal_recording(name, at, 1000, "ab" * 32, 1000, False)


@pytest.mark.parametrize(("new", "kept", "old"), [(12, 14, 0), (12, 14, 100), (1, 60, 30)])
def test_each_is_read_within_a_week_whatever_is_new(path: Path, new: int, kept: int, old: int) -> None:
    """`new` a day, each kept for `kept` days, beside `old` that stay. Half way nothing new comes for ten days, and much goes."""
    with Registry.open(path) as registry:
        files = registry.soundness.files
        for number in range(old):
            record(registry, f"old-{number}", T0)
        living = {f"old-{number}": T0 for number in range(old)}  # when each was read, or sealed
        worst, most = timedelta(), 0
        for night in range(45):
            now = T0 + night * DAY
            if not 20 <= night < 30:
                for number in range(new):
                    at = now - timedelta(hours=number + 1)
                    living[f"{night}-{number}"] = at
                    record(registry, f"{night}-{number}", at)
            gone = [f"{night - kept}-{number}" for number in range(new)]
            with registry._engine.change() as db:
                for one in gone:
                    living.pop(one, None)
                    sql(db, "UPDATE recordings SET state = 'purged', evidence = '{}' WHERE id = ?", (one,))
            rows = files.next(files.share(DAYS, 1, now, False), False)
            for row in rows:
                worst = max(worst, now - living[row.id])
                living[row.id] = now
            files.note([row.id for row in rows], now)
            most = max(most, len(rows))
            worst = max(worst, *(now - at for at in living.values()))
        assert worst <= DAYS * DAY
        assert most <= (old + new * kept) / DAYS * 2 + new, "no night reads it all"


def test_the_first_night_of_an_old_store_is_a_share_too(path: Path) -> None:
    with Registry.open(path) as registry:
        for number in range(20):
            record(registry, f"r{number}", T0)
        files = registry.soundness.files
        assert files.share(DAYS, 1, T0 + DAY, False) == 3
        files.note([row.id for row in files.next(3, False)], T0 + DAY)
        assert files.share(DAYS, 1, T0 + 2 * DAY, False) == 3
        record(registry, "new", T0 + 1.5 * DAY)
        assert files.share(DAYS, 1, T0 + 2 * DAY, False) == 4
