"""What runs by itself: the purger, once a day at the configured hour and at start if a run was missed; reminders of requests."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from asterisk_privacy.daemon import contents_watch, vouching
from asterisk_privacy.daemon.astray_watch import AstrayWatch
from asterisk_privacy.daemon.contents_watch import ContentsWatch
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.inspection import Inspection, Share
from asterisk_privacy.daemon.night import THIS_NIGHT, Night, run_night
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.request_watch import EVERY_MINUTES, RequestWatch
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.passing import TurnTaken, is_passing
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import PurgeRow
from asterisk_privacy.store.vault import Vault

log = logging.getLogger(__name__)

DAY = timedelta(hours=24)
AGAIN = timedelta(minutes=10)
"""After a run that could not begin, or was cut off, by what passes: a registry that somebody had locked, a full disk."""
CLOCK_AGAIN = timedelta(hours=1)
"""After a run that was not begun because the clock contradicts the audit trail."""
TURN = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=3)
"""Where several nodes share a registry: between two looks whether another's run is over, and until that is an alarm."""


def _daily(config: Config) -> CronTrigger:
    return CronTrigger(hour=config.purger.at.hour, minute=config.purger.at.minute)


class PurgeSchedule:
    def __init__(self, config: Config, vault: Vault, health: Health) -> None:
        self._config = config
        self._vault = vault
        self._health = health
        # the library's default grace of 1 s would skip a run that a busy machine starts late (DESIGN.md)
        self._scheduler = AsyncIOScheduler(job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1})
        self.last_run: PurgeRow | None = None
        self.overdue = 0
        self._waits_since: datetime | None = None  # for another node's purger
        self._inspection = Inspection()

        def open_registry() -> Registry:
            return Registry.open(home_of(config), actor="recorder", answer_seconds=60.0, create=False)

        self.requests = RequestWatch(open_registry, health)
        self.astray = AstrayWatch(open_registry)
        self.contents = ContentsWatch(open_registry, health)

    @property
    def last(self) -> datetime | None:
        return self.last_run.at if self.last_run is not None else None

    @property
    def next(self) -> datetime | None:
        job = self._scheduler.get_job("purge")
        return job.next_run_time if job is not None else None

    async def start(self) -> None:
        self._scheduler.add_job(self.run, _daily(self._config), id="purge")
        last = await asyncio.to_thread(self._last_run)
        if last is None or abs(utc_now() - last.at) > DAY:
            self._scheduler.add_job(self.run, DateTrigger(utc_now() + timedelta(seconds=60)), id="purge-missed")
        self.last_run = last
        await self.remind()  # here and not as a job at once: a stop right after the start would cut it off
        self._scheduler.add_job(self.remind, IntervalTrigger(minutes=EVERY_MINUTES), id="requests")
        self._scheduler.add_job(self.look_at_contents, IntervalTrigger(seconds=contents_watch.EVERY_SECONDS), id="contents")
        self._scheduler.start()

    def clock_was_set(self) -> None:
        """Jobs have moments of the wall clock: after it was set back the next of them could be years away."""
        self._scheduler.reschedule_job("purge", trigger=_daily(self._config))
        self._scheduler.reschedule_job("requests", trigger=IntervalTrigger(minutes=EVERY_MINUTES))
        self._scheduler.reschedule_job("contents", trigger=IntervalTrigger(seconds=contents_watch.EVERY_SECONDS))
        waiting = [job for job in self._scheduler.get_jobs() if job.id in ("purge-missed", "purge-again")]
        for job in waiting:
            job.remove()
        if waiting:  # only now: the new one has the id of one of them
            self._again(TURN)

    def follow(self, config: Config) -> None:
        """From the next run on."""
        if config.purger.at != self._config.purger.at:
            self._scheduler.reschedule_job("purge", trigger=_daily(config))
        self._config = config

    async def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    async def run(self) -> None:
        try:
            night = await asyncio.to_thread(self._purge)
        except OperatorError as error:
            self._later(error)
            return
        self._waits_since = None
        report, rows = night.purge, night.rows
        if night.clock is not None:
            self._health.alarm(Alarm.CLOCK_OFF, f"purge: {report.brake}")
            self._again(CLOCK_AGAIN)
            return
        self.last_run = PurgeRow(report.at, len(report.plan.deletions), len(report.deleted), len(report.failed), False)
        self.overdue = len(report.overdue) + len(report.stuck) + sum(len(one.ids) for one in night.elsewhere)
        for one in night.elsewhere:
            self._health.alarm(Alarm.DELETION_OVERDUE, one.in_words())
        if report.brake is not None:
            self._health.alarm(Alarm.PURGE_BRAKED, report.brake)
        for failure in report.failed:
            self._health.alarm(Alarm.PURGE_FAILED, f"recording {failure.item_id}: {failure.why}")
        if report.overdue:
            self._health.alarm(Alarm.DELETION_OVERDUE, f"{len(report.overdue)} recordings should have been deleted over a day ago")
        if report.stuck:
            self._health.alarm(Alarm.DELETION_OVERDUE, f"{len(report.stuck)} deletions were begun by an earlier run and fail again")
        log.info("purge: %d deleted, %d failed; rows of %d calls", len(report.deleted), len(report.failed), rows.unkept + rows.evidence)

    def _later(self, error: OperatorError) -> None:
        """Several nodes have the same hour: that one waits for another's run is no fault, unless that run does not end."""
        now = utc_now()
        if isinstance(error, TurnTaken):
            self._waits_since = self._waits_since or now
        if not isinstance(error, TurnTaken) or now - (self._waits_since or now) > LONGEST_WAIT:
            self._health.alarm(Alarm.PURGE_FAILED, str(error))
        if is_passing(error):
            self._again(TURN if isinstance(error, TurnTaken) else AGAIN)

    def _again(self, after: timedelta) -> None:
        self._scheduler.add_job(self.run, DateTrigger(utc_now() + after), id="purge-again", replace_existing=True)

    async def remind(self) -> None:
        try:
            self.requests.note(await asyncio.to_thread(self.requests.read))
            self.astray.note(await asyncio.to_thread(self.astray.read))
        except OperatorError as error:
            self._health.alarm(Alarm.REGISTRY_FAILED, str(error))

    async def look_at_contents(self) -> None:
        now = utc_now()
        try:
            self.contents.note(await asyncio.to_thread(self.contents.read, now), now)
        except OperatorError as error:
            self._health.alarm(Alarm.REGISTRY_FAILED, str(error))

    def _last_run(self) -> PurgeRow | None:
        with Registry.open(home_of(self._config), actor="purger", create=False) as registry:
            return registry.last_purge()

    def _purge(self) -> Night:
        with Registry.open(home_of(self._config), actor="purger", create=False) as registry:
            share, look = self._share(registry), True
            try:
                night = run_night(registry, self._vault, self._config, utc_now(), dry_run=False, once_for_all=True)
                look = night.clock is None or not self._inspection.was_within(THIS_NIGHT)  # this run comes again in an hour
                contents_watch.nightly(registry, self._vault, self._health)
                return night
            except OperatorError as error:
                look = not is_passing(error)  # else it comes again soon
                raise
            finally:
                vouching.nightly(registry, self._config.registry, self._health)
                if look:
                    self._inspect(registry, share)

    def _share(self, registry: Registry) -> Share:
        """Of the night's look, before it is noted that this node has done its part."""
        try:
            nodes = registry.nodes
            return Share(bucket=not nodes.bucket_is_compared(THIS_NIGHT), rows=not nodes.rows_have_expired(THIS_NIGHT))
        except OperatorError:  # whatever stands in the way, the night itself says so
            return Share()

    def _inspect(self, registry: Registry, share: Share) -> None:
        try:
            self._inspection.night(registry, self._vault, self._config, self._health, utc_now(), share)
            self.astray.note(self.astray.read())
        except OperatorError as error:
            self._health.alarm(Alarm.ASTRAY, f"nobody has looked what is astray tonight: {error}")
