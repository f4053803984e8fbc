"""A real review page: a registry with recordings of several purposes and states, real sealed FLAC files, accounts with known passwords,
and a server on a loopback port.

    with ReviewSite(tmp_path) as site:                 # xss=True: markup in every field that somebody else can fill in
        site.url                                       # http://127.0.0.1:PORT
        site.ids["sample"]                             # id of a recording, by its name below
        PASSWORD                                       # of every account of ACCOUNTS

Its time of day stands still at NOW (a Wednesday); `site.tick(seconds)` moves the clock of sessions and lock-outs.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from argon2 import PasswordHasher

from asterisk_privacy.access.accounts import Account, save
from asterisk_privacy.access.desk import Rulebook
from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind, passages
from asterisk_privacy.daemon.config import Config, load
from asterisk_privacy.daemon.http_limits import HttpServer
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.review.app import LIMITS, make_app
from asterisk_privacy.review.desk.client import SocketDesk
from asterisk_privacy.review.desk.server import Server
from asterisk_privacy.review.site import Site
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
RATE = 8000
CUSTOMER_HZ, AGENT_HZ = 700.0, 1100.0
SPANS = (
    Span(SpanKind.NOTICE, 0, 4000),
    Span(SpanKind.TALK, 4000, 9000),
    Span(SpanKind.HOLD, 9000, 14_000),
    Span(SpanKind.TALK, 14_000, 18_000),
    Span(SpanKind.PAUSE, 18_000, 20_000),
    Span(SpanKind.TALK, 20_000, 23_000),
    Span(SpanKind.OFF_RECORD, 23_000, 25_000),
    Span(SpanKind.WAIT, 25_000, 26_000),
)
MARKS = (Mark(MarkKind.PAUSE, 18_000), Mark(MarkKind.RESUME, 20_000), Mark(MarkKind.OFF_RECORD, 25_000))
AUDIO_MS = passages(SPANS)[-1].audio_to_ms  # 12 s of talk

ACCOUNTS = {
    "rita": (Role.REVIEWER,),
    "anna": (Role.REVIEWER,),  # is the agent PJSIP/anna herself
    "ines": (Role.INCIDENT_HANDLER,),
    "otto": (Role.PRIVACY_OFFICER,),
    "udo": (Role.AUDITOR,),
    "wim": (Role.REVIEWER, Role.INCIDENT_HANDLER),  # speaks Dutch
    "nobody": (),
}
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"

CONFIG = """
[store]
directory = "{folder}/recordings"
recipients = "{folder}/recipients.txt"
[registry]
path = "{folder}/registry.sqlite"
[office]
name = "Example Ltd"
contact = "privacy@example.org"
[review]
accounts = "{folder}/accounts.json"
{review}
[review.roles.reviewer]
purposes = ["training", "quality"]
[review.roles.incident-handler]
purposes = ["complaint"]
[purposes.training]
title = "training our staff"
basis = "legitimate-interest"
reasoning = "Good service needs practice on real calls."
trigger = "sample"
one_in = 20
retention = {{ until = "reviewed", latest_days = 35, lesson_days = 365 }}
[purposes.complaint]
title = "handling your complaint"
basis = "legitimate-interest"
reasoning = "Both sides need to know what was said."
trigger = "flag"
retention = {{ until = "case-closed", plus_days = 30, link_within_days = 30, latest_days = 730 }}
[purposes.quality]
title = "improving our service"
basis = "consent"
reasoning = "The caller decides."
trigger = "always"
agree_key = "1"
retention = {{ until = "reviewed", plus_days = 7, latest_days = 60 }}
[purposes.proof]
title = "proof of your order"
basis = "contract"
reasoning = "An order by telephone is a contract."
trigger = "always"
retention = {{ until = "days", latest_days = 90 }}
[profiles.sales]
title = "Sales"
language = "nl"
announcement = "notice-optout"
purposes = ["training", "complaint"]
refuse_key = "3"
[profiles.quality]
title = "Quality"
language = "en"
announcement = "notice-optin"
purposes = ["quality"]
[profiles.orders]
title = "Orders"
language = "en"
announcement = "notice-plain"
purposes = ["proof"]
"""

Stereo = npt.NDArray[np.int16]


def sound(milliseconds: int = AUDIO_MS, noise: bool = False) -> Stereo:
    """Customer left 700 Hz, agents right 1100 Hz; with noise it packs badly, so that the file has many encrypted chunks."""
    seconds = np.arange(milliseconds * RATE // 1000) / RATE
    legs = [6000 * np.sin(2 * np.pi * hz * seconds) for hz in (CUSTOMER_HZ, AGENT_HZ)]
    if noise:
        legs = [leg + np.random.default_rng(1).normal(0, 4000, len(leg)) for leg in legs]
    return np.stack(legs, axis=1).astype(np.int16)


@lru_cache(maxsize=1)
def password_hash() -> str:
    """The quickest that argon2 allows: what a real one costs is measured by a test of its own."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


_MADE: dict[tuple[str, datetime], tuple[Path, Identity, dict[str, str]]] = {}


class ReviewSite:
    """`review`: more lines for [review]. `compatible`: of a purpose, with what and why. `identities`: other keys for the page than those
    that the recordings are sealed to. `now`: for commands, which look at the clock on the wall: what has ended opens nothing.
    `bare`: an office on its first day, with nothing in it."""

    def __init__(
        self,
        folder: Path,
        *,
        xss: bool = False,
        review: str = "",
        identities: Sequence[Identity] | None = None,
        bare: bool = False,
        compatible: Mapping[str, Mapping[str, str]] | None = None,
        now: datetime = NOW,
    ) -> None:
        self.folder = folder
        self.now = now
        self._compatible = compatible or {}
        self.bare = bare
        self.evil = EVIL if xss else ""
        self._open(review)
        self._identities = tuple(identities) if identities is not None else (self.identity,)
        self._seconds = 1000.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def _open(self, review: str) -> None:
        """What there is is made once and copied: sealing files that are safe on a disk takes its time."""
        made = None if self.bare else _MADE.get((self.evil, self.now))
        if made is not None:
            shutil.copytree(made[0], self.folder, dirs_exist_ok=True)
        self.identity = Identity.generate() if made is None else made[1]
        (self.folder / "recipients.txt").write_text(self.identity.public + "\n")
        text = CONFIG.format(folder=self.folder, review=review)
        for purpose, others in self._compatible.items():
            table = ", ".join(f"{other} = {json.dumps(because)}" for other, because in others.items())
            text = text.replace(f"[purposes.{purpose}]\n", f"[purposes.{purpose}]\ncompatible = {{ {table} }}\n")
        (self.folder / "config.toml").write_text(text)
        self.config: Config = load(self.folder / "config.toml")
        self.accounts = {
            name: Account(
                name,
                frozenset(roles),
                password_hash(),
                frozenset({"PJSIP/anna"} if name == "anna" else ()),
                "nl" if name == "wim" else "en",
            )
            for name, roles in ACCOUNTS.items()
        }
        self.save_accounts()
        self.vault = Vault(self.folder / "recordings", Recipients.load(self.folder / "recipients.txt"))
        self.registry = Registry.open(self.folder / "registry.sqlite", clock=lambda: self.now)
        self.ids: dict[str, str] = {} if made is None else dict(made[2])
        if made is None and not self.bare:
            self._fill()
            self.registry.close()
            copy = Path(tempfile.mkdtemp(prefix="review-site-"))
            atexit.register(shutil.rmtree, copy, ignore_errors=True)
            for name in ("recordings", "registry.sqlite"):
                source = self.folder / name
                (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
            _MADE[self.evil, self.now] = (copy, self.identity, dict(self.ids))
            self.registry = Registry.open(self.folder / "registry.sqlite", clock=lambda: self.now)

    def tick(self, seconds: float) -> None:
        self._seconds += seconds

    def save_accounts(self) -> None:
        save(self.folder / "accounts.json", self.accounts)

    def change_account(self, name: str, **changes: object) -> None:
        self.accounts[name] = replace(self.accounts[name], **changes)  # type: ignore[arg-type]
        self.save_accounts()

    # the server, on a thread and a loop of its own

    def __enter__(self) -> ReviewSite:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    async def _start(self) -> None:
        book, place = Rulebook.of(self.config, lambda: self.now), self.folder / "desk.sock"
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(place))
        listening.listen()
        self.answers = Server(book)  # in a process of the recorder's else
        self._answering = asyncio.create_task(self.answers.serve(listening))
        self.site = Site(book, SocketDesk(place), self._identities, clock=lambda: self._seconds)
        self.server = HttpServer(make_app(self.site), LIMITS)
        await self.server.start("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.port}"

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self.registry.close()

    async def _stop(self) -> None:
        await self.server.stop()
        self.answers.over.set()
        await self._answering

    # what there is

    def record(
        self,
        name: str,
        purposes: Sequence[str],
        days: float = 1,
        agent: str | Sequence[str] | None = "PJSIP/bert",
        line: str = "sales",
        samples: Stereo | None = None,
        vault: Vault | None = None,
        seal: bool = True,
        spans: Sequence[Span] = SPANS,
        marks: Sequence[Mark] = MARKS,
    ) -> str:
        """A sealed recording, made so many days ago. `agent`: several, if it was passed on."""
        recording_id = hashlib.sha256(name.encode()).hexdigest()[:32]
        at = self.now - timedelta(days=days)
        line, names = line + self.evil, (agent,) if isinstance(agent, str) else agent or ()
        if self.registry.call(recording_id) is None:
            self.registry.begin_call(recording_id, line, at, "hash", b"sealed", "in")
        self.registry.note_consent(recording_id, at, "notice-heard", None, self.evil)
        self.registry.begin_recording(recording_id, recording_id, at, [self.purpose(p) for p in purposes], 1)
        self.ids[name] = recording_id
        if not seal:
            return recording_id
        samples = sound() if samples is None else samples
        writer = (vault or self.vault).create(recording_id)
        writer.write(samples)
        sealed = writer.seal()
        length = len(samples) * 1000 // RATE
        pieces = sealed.content.pieces
        self.registry.seal_recording(recording_id, at, sealed.size, sealed.sha256, length, sealed.truncated, pieces=pieces)
        agents = [Participant.agent(name + self.evil) for name in names]
        self.registry.end_call(recording_id, at + timedelta(milliseconds=spans[-1].end_ms), "kept", agents, spans, marks)
        return recording_id

    def purpose(self, name: str) -> Purpose:
        found = self.config.book.purposes[name]
        return replace(found, title=found.title + self.evil, reasoning=found.reasoning + self.evil)

    def _fill(self) -> None:
        record, registry = self.record, self.registry
        record("sample", ["training"])
        record("earlier", ["training"], days=9)
        record("quality", ["quality"], days=2, line="quality")
        record("noise", ["training"], days=1.5, samples=sound(noise=True))
        record("own", ["training"], agent="PJSIP/anna")
        record("passed-on", ["training"], agent=("PJSIP/bert", "PJSIP/anna"))  # hers since then, too
        record("complaint", ["complaint"], days=3)
        record("complaint-waiting", ["complaint"], days=2)
        record("both", ["training", "complaint"], days=2.5)
        record("proof", ["proof"], days=4, line="orders")
        record("overdue", ["training"], days=40)
        record("writing", ["training"], days=0, seal=False)
        held, restricted = record("held", ["training", "complaint"]), record("restricted", ["training"])
        reviewed, gone = record("reviewed", ["training"]), record("gone", ["training"])
        lesson = record("lesson", ["training"], days=6)
        elsewhere = self.folder / "elsewhere.txt"
        elsewhere.write_text(Identity.generate().public + "\n")
        record("foreign", ["training"], vault=Vault(self.folder / "recordings", Recipients.load(elsewhere)))
        registry.open_case("complaint", "2026-17" + self.evil, self.now - timedelta(days=2), "cli:ines", "called" + self.evil)
        registry.link_case("2026-17" + self.evil, self.ids["complaint"], self.now, "cli:ines")
        registry.place_hold(self.now, "cli:otto", "asked by counsel" + self.evil, ["piet", "wim" + self.evil, "wim"], recording_id=held)
        registry.restrict(restricted, self.now, "contested" + self.evil)
        registry.milestone(reviewed, Milestone.REVIEWED, self.now, "review:rita", "good opening" + self.evil)
        registry.lesson(lesson, self.now + timedelta(days=30), self.now, "review:rita", "calm" + self.evil)
        registry.mark_purging(gone, self.now, "due" + self.evil)
        told = {"purpose": "training", "reason": self.evil or "weekly"}
        registry.audit("cli:root" + self.evil, "recording.listen", self.ids["sample"], told)
        registry.open_request("access", "number", "hash of somebody else", "passport" + self.evil, date(2026, 11, 2), date(2026, 12, 2))
        late = registry.open_request("erasure", "agent", "PJSIP/bert", "in person", date(2026, 10, 1), date(2026, 11, 1))
        registry.open_request("objection", "number", "hash2", "called back", date(2026, 10, 22), date(2026, 11, 22))
        registry.extend_request(late, date(2026, 11, 12), "many recordings" + self.evil)
        done = registry.open_request("access", "number", "hash3", "passport", date(2026, 10, 1), date(2026, 11, 1))
        registry.close_request(done, "answered" + self.evil)
        registry.note_purge(self.now - timedelta(days=2), 3, 2, 1, False)


PAGES: Mapping[str, str] = {  # an account that may go there
    "/": "rita",
    "/cases": "ines",
    "/cases/1": "ines",
    "/requests": "otto",
    "/holds": "otto",
    "/overdue": "otto",
    "/register": "otto",
    "/audit": "udo",
}
