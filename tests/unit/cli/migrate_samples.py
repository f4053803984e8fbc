"""A registry that was in use, with a row in every table, and the configuration that moves it to the shared one."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
from cli_samples import NOW, Days
from click.testing import CliRunner, Result
from s3_server import S3Server, configured
from subject_samples import ANNA, BEN, COMPLAINT, TRAINING, House

from asterisk_privacy.cli.audit import audit
from asterisk_privacy.cli.keys import keys
from asterisk_privacy.cli.migrate import migrate
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.campaigns import Designation
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

FAULT = "line-fault"
NODE = "pbx-1"
NUMBERED = ("consents", "milestones", "purges", "cases", "case_events", "legal_holds", "lessons", "requests", "restrictions", "campaigns")


class Moving(House):
    """`fill` makes the old registry, `shared` the configuration of the new place; `here` and `there` are the rows of a table."""

    server: Server

    def __init__(self, folder: Path, like: Path | None = None) -> None:
        """`like`: the folder of one that is filled; this is a copy of it, with the same key."""
        super().__init__(folder)
        self.from_store: tuple[str, ...] = ()
        self.config = folder / "config.toml"
        names = {"checkpoints": "checkpoints.jsonl", "checkpoint_key": "checkpoint.key", "checkpoint_public_key": "checkpoint.pub"}
        more = "".join(f'{setting} = "{folder}/{name}"\n' for setting, name in names.items())
        self.config.write_text(self.config.read_text().replace("[registry]\n", f"[registry]\n{more}"))
        self.old_config = self.config.read_text()
        self.ids: list[str] = []
        if like is not None:
            self.registry.close()
            config = self.config.read_text()
            shutil.copytree(like, folder, dirs_exist_ok=True)
            self.config.write_text(config)
            self.ids = (folder / "ids").read_text().split()
            self.key = bytes.fromhex((folder / "number.key").read_text())
            self.identity = Identity.load_all(folder / "identity.txt")[0]
            self.vault = Vault(folder / "recordings", Recipients.load(folder / "recipients.txt"))

    def fill(self) -> None:
        registry = self.registry
        self.ids = [self.call(ANNA), self.call(ANNA, COMPLAINT, TRAINING, days_ago=40), self.call(BEN), self.call(BEN, days_ago=3)]
        first, second, third, fourth = self.ids
        registry.note_consent(first, NOW, "notice-heard", None, "é 'quoted' % ? \\ ☎")
        registry.milestone(first, "reviewed", NOW, "cli:anna", "calm\nand kind")  # type: ignore[arg-type]
        registry.open_case("complaint", "C-1", NOW, "cli:anna", "first")
        registry.link_case("C-1", first, NOW, "cli:anna")
        registry.open_case("court", "C-2", NOW, "cli:anna")
        registry.place_hold(NOW, "cli:anna", "the court asks", ["ben"], case="C-2")
        registry.link_case("C-2", second, NOW, "cli:anna")
        registry.lesson(third, NOW + timedelta(days=30), NOW, "cli:anna", "a good one")
        registry.restrict(third, NOW, "disputed", ["training"])
        for about in ("hash", "other"):
            registry.open_request("access", "number", about, "called back", date(2026, 3, 5), date(2026, 4, 5))
        registry.withdraw_purpose(second, "training", NOW, "objected")
        place = registry.draw_place("training", "PJSIP/anna", "2026-11", 2, lambda _: 0)
        assert place is not None
        registry.take_place(place, fourth)
        window = (NOW - timedelta(days=1), NOW + timedelta(days=1))
        registry.open_campaign(Designation(FAULT, ["PJSIP/anna"], ["sales"], window, 5, "Telco", "noise"))
        assert registry.join_campaign(FAULT, fourth, "sales", "PJSIP/anna", NOW)
        gone = self.call(BEN, days_ago=2)
        row = registry.recording(gone)
        assert row is not None and row.sha256 is not None and registry.nodes.brought(gone, row.sha256, "https://s3.example/recordings/")
        registry.mark_purging(gone, NOW, "due")
        self.vault.shred(gone)
        registry.mark_purged(gone, NOW, "due", "{}")
        registry.note_purge(NOW, 1, 1, 0, dry_run=False)
        with closing(sqlite3.connect(self.folder / "registry.sqlite")) as db:  # a number was given to a request that is no more
            db.execute("UPDATE sqlite_sequence SET seq = 7 WHERE name = 'requests'")
            # in a file nobody tells of himself; whatever is there goes over all the same
            db.execute("INSERT INTO findings (node, kind, subject, what, found_at) VALUES ('', 'stray', 'x', 'x: a file', 1)")
            db.execute("INSERT INTO nodes VALUES ('x', '1', 0, 0, 1, 0, NULL, 0, 0, NULL, NULL, '', NULL)")
            db.commit()
        made = CliRunner().invoke(keys, ["generate-checkpoint-key", str(self.folder / "checkpoint.key")])
        assert made.exit_code == 0, made.output
        for _ in range(2):
            self.json(audit, "checkpoint")
        registry.close()
        (self.folder / "ids").write_text(" ".join(self.ids))

    def shared(self, server: Server, s3: S3Server | None = None, bucket: Bucket | None = None, store: str = "recordings") -> None:
        self.server = server
        text = self.old_config.replace("[registry]\n", f'[registry]\nurl = "{server.url}"\nnode = "{NODE}"\n')
        text = text.replace(f'directory = "{self.folder}/recordings"', f'directory = "{self.folder}/{store}"')
        if s3 is not None and bucket is not None:
            text = text.replace("[registry]\n", configured(self.folder, bucket.place.bucket, s3.url) + "[registry]\n", 1)
        self.config.write_text(text)

    def migrate(self, *arguments: str) -> Result:
        return self.run(migrate, *self.from_store, *arguments)

    def moved(self, *arguments: str, code: int = 0) -> Any:
        return self.json(migrate, *self.from_store, *arguments, code=code)

    def open(self) -> Registry:
        return Registry.open(self.server, actor="cli:test")

    def here(self, table: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / "registry.sqlite")) as db:
            columns = self.columns(table)
            rows = db.execute(f"SELECT {columns} FROM {table}").fetchall()
        return [tuple(NODE if name.strip('"') == "node" else v for name, v in zip(columns.split(", "), row, strict=True)) for row in rows]

    def there(self, table: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.server.url) as db:
            return db.execute(f"SELECT {self.columns(table)} FROM {table}".encode()).fetchall()

    def columns(self, table: str) -> str:
        with closing(sqlite3.connect(self.folder / "registry.sqlite")) as db:
            return ", ".join(f'"{row[1]}"' for row in db.execute(f"PRAGMA table_info({table})"))

    def tables(self) -> list[str]:
        with closing(sqlite3.connect(self.folder / "registry.sqlite")) as db:
            found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
        return sorted(name for (name,) in found if name != "schema_version")


def in_use(folder: Path) -> Path:
    """A filled one, to be copied."""
    Moving(folder).fill()
    return folder


__all__ = ["NODE", "NUMBERED", "Days", "Moving", "in_use"]
