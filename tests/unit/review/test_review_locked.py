"""Another process has the registry locked: who wants to listen or to act is told so, hears nothing, and can try again."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from review_browser import Browser
from review_site import ReviewSite

from asterisk_privacy.registry.registry import Registry


def impatient(registry: Registry) -> None:
    """The page waits five seconds for a lock; here less."""
    registry._engine.db.connection().execute("PRAGMA busy_timeout = 100")


async def test_no_listen_and_no_act_while_it_is_locked(site: ReviewSite) -> None:
    async with Browser(site) as rita:
        await rita.sign_in("rita")
        assert site.answers._registry is not None
        impatient(site.answers._registry)
        where = f"/recordings/{site.ids['sample']}"
        assert (await rita.get(where)).status == 200
        with closing(sqlite3.connect(site.folder / "registry.sqlite", isolation_level=None)) as thief:
            thief.execute("BEGIN IMMEDIATE")
            listen = await rita.post(f"{where}/listen", purpose="training", reason="weekly review")
            act = await rita.post(f"{where}/reviewed", outcome="good")
            looked = await rita.get(where)  # reading needs no lock
            thief.execute("ROLLBACK")
        assert [answer.status for answer in (listen, act, looked)] == [503, 503, 200]
        for answer in (listen, act):
            assert "<main" in answer.text and "Traceback" not in answer.text and "token=" not in answer.text
        row = site.registry.recording(site.ids["sample"])
        assert row is not None and not row.milestones
        assert await rita.listen("sample") != ""
