"""A machine for the manuals' command lines: the shipped configuration, a registry with recordings of all kinds, keys, and a daemon."""

from __future__ import annotations

import multiprocessing
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from manual_lines import ROOT, Line

from asterisk_privacy.access.accounts import Account, save
from asterisk_privacy.access.actor import user
from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.cli.main import main
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.registry.campaigns import Designation
from asterisk_privacy.registry.numbers import generate_key, number_hash
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.seal_text import seal_text
from asterisk_privacy.store.vault import Vault

WRITTEN_ON = date(2026, 11, 22)  # the manuals' own day: their dates are shifted by what went by since then
NUMBER = "+31612345678"  # of the caller in the manuals
SECONDS = 60  # a bound for a busy machine, not a measure
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["asterisk_privacy.cli.serve", "asterisk_privacy.cli.subject", "asterisk_privacy.cli.simulate", __name__])

FAULT = """
[purposes.fault]
title = "finding a fault on the line"
basis = "legitimate-interest"
reasoning = "The provider needs to hear the fault."
trigger = "campaign"
retention = { until = "days", latest_days = 14 }
"""


@dataclass(frozen=True, slots=True)
class Ended:
    code: int | None
    said: str


def run_main(words: list[str], folder: str, environment: Mapping[str, str], read_from: str | None, write_to: str) -> None:
    """In a new process: what a shell does before it starts the program."""
    os.chdir(folder)
    os.environ.update(environment)
    os.dup2(os.open(read_from or os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - multiprocessing put another in its place
    for descriptor in (1, 2):
        os.dup2(os.open(write_to, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), descriptor)
    main(words, prog_name="asterisk-privacy")


class ManualSite:
    """`folder` stands for the machine: /etc/asterisk-privacy, /dev/shm and the current directory are below it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.etc = folder, folder / "etc/asterisk-privacy"
        for directory in (self.etc, folder / "dev/shm", folder / "run"):
            directory.mkdir(parents=True)
        self.identity, self.key = Identity.generate(), generate_key()
        self._write_secrets()
        self._write_config()
        self._write_asterisk()
        self.config = load(self.etc / "config.toml")
        save(self.etc / "review-accounts.json", {user(): Account(user(), frozenset(Role), None, frozenset(), "en")})
        self._daemon = self._start(["serve"], folder / "daemon.log")
        control = self.config.control.socket
        deadline = time.monotonic() + SECONDS
        while not control.exists() and self._daemon.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert control.exists(), (folder / "daemon.log").read_text()
        self._populate()

    def close(self) -> None:
        self._daemon.terminate()
        self._daemon.join(SECONDS)

    # ---- what is there

    def _write_secrets(self) -> None:
        files = {
            "recipients.txt": self.identity.public,
            "number.key": self.key.hex(),
            "ari.secret": secrets.token_hex(24),
        }
        for name, text in files.items():
            (self.etc / name).write_text(text + "\n")
            (self.etc / name).chmod(0o600)
        (self.folder / "identity.txt").write_text(self.identity.secret + "\n")

    def _write_config(self) -> None:
        """The sample that is shipped, with this machine's places, and a purpose more for campaigns."""
        text = (ROOT / "examples/config.toml").read_text() + FAULT
        ports = []
        for _ in range(3):
            with socket.create_server(("127.0.0.1", 0)) as held:
                ports.append(held.getsockname()[1])
        places = {
            "ari_url": f"http://127.0.0.1:{ports[0]}",
            "ari_password_file": self.etc / "ari.secret",
            "sounds": ROOT / "dialplan/sounds",
            "directory": self.folder / "recordings",
            "recipients": self.etc / "recipients.txt",
            "path": self.folder / "registry.sqlite",
            "number_key": self.etc / "number.key",
            "country_code": "31",
            "checkpoints": self.folder / "checkpoints.jsonl",
            "checkpoint_key": self.etc / "checkpoint.key",
            "checkpoint_public_key": self.etc / "checkpoint.pub",
            "socket": self.folder / "run/control.sock",
            "accounts": self.etc / "review-accounts.json",
        }
        for key, value in places.items():
            text, found = re.subn(rf"^#{key} = .*$", f'{key} = "{value}"', text, flags=re.MULTILINE)
            assert found == 1, key
        for port in ports[1:]:
            text = re.sub(r"^#listen = .*$", f'listen = "127.0.0.1:{port}"', text, count=1, flags=re.MULTILINE)
        text = text.replace('purposes = ["training", "complaint"]', 'purposes = ["training", "complaint", "fault"]')
        (self.etc / "config.toml").write_text(text)

    def _write_asterisk(self) -> None:
        (self.folder / "etc/asterisk").mkdir()
        for name in ("extensions", "features", "ari", "http", "pjsip"):
            (self.folder / f"etc/asterisk/{name}.conf").write_text("[general]\n")

    def _populate(self) -> None:
        vault = Vault(self.folder / "recordings", Recipients.load(self.etc / "recipients.txt"))
        with Registry.open(self.folder / "registry.sqlite", actor="test") as registry:
            self.recording = self._record(registry, vault, NUMBER, "training", "complaint")
            self._record(registry, vault, NUMBER, "complaint")
            self.disputed = self._record(registry, vault, "+31201234567", "complaint")
            self.of_campaign = self._record(registry, vault, "+31201234567", "fault")
            window = (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1))
            registry.open_campaign(Designation("fault", [], ["sales"], window, 5, "Telco", "echo"))
            assert registry.join_campaign("fault", self.of_campaign, "sales", "PJSIP/anna", datetime.now(UTC))

    def _record(self, registry: Registry, vault: Vault, number: str, *purposes: str) -> str:
        """A sealed recording of one second, an hour old."""
        recording, at = secrets.token_hex(16), datetime.now(UTC) - timedelta(hours=1)
        sealed_number = seal_text(number, Recipients.load(self.etc / "recipients.txt"))
        registry.begin_call(recording, "sales", at, number_hash(number, self.key, "31"), sealed_number, "in")
        registry.begin_recording(recording, recording, at, [self.config.book.purposes[name] for name in purposes], 1)
        writer = vault.create(recording)
        writer.write(np.zeros((8000, 2), np.int16))
        sealed = writer.seal()
        registry.seal_recording(recording, at, sealed.size, sealed.sha256, 1000, sealed.truncated, pieces=sealed.content.pieces)
        registry.end_call(
            recording, at, "kept", [Participant.agent("PJSIP/anna")], (Span(SpanKind.TALK, 0, 1000),), [Mark(MarkKind.KEEP, 500)]
        )
        return recording

    # ---- running a line

    def run(self, line: Line) -> Ended:
        """What `line` says, with this machine's names in place of the manual's, in a process of its own."""
        out = self.folder / f"out-{secrets.token_hex(4)}"
        recording = self.of_campaign if "hand-over" in line.words else self.recording
        named = {"ID": recording, "0123456789abcdef": self.of_campaign, "DISPUTED": self.disputed}
        words = [named.get(word, self._here(word)) for word in line.words[1:]]
        if words[0] == "setup":  # of this machine's Asterisk, and nobody sits there to say yes
            words += ["--root", str(self.folder), "--yes"]
        typed = self.folder / "typed.txt"  # where a password is asked for, twice
        typed.write_text("correct horse battery\n" * 2)
        process = self._start(words, out, self._here(line.read_from or ("typed.txt" if "account" in line.words else "/dev/null")))
        process.join(SECONDS)
        if process.is_alive():
            process.kill()
        process.join(SECONDS)
        return Ended(process.exitcode, out.read_text())

    def _start(self, words: list[str], out: Path, read_from: str | None = None) -> multiprocessing.process.BaseProcess:
        environment = {"ASTERISK_PRIVACY_CONFIG": str(self.etc / "config.toml"), "COLUMNS": "160"}
        process = FORKED.Process(target=run_main, args=(words, str(self.folder), environment, read_from, str(out)))
        process.start()
        return process

    def _here(self, word: str) -> str:
        word = re.sub(r"^/(etc/asterisk-privacy|dev/shm)\b", f"{self.folder}/\\1", word)
        word = {"100000": "200", "5": "1"}.get(word, word)  # `simulate` has a test of its own size
        return re.sub(r"^\d{4}-\d\d-\d\d", lambda found: _shifted(found[0]), word) if re.match(r"\d{4}-\d\d-\d\d(T|$)", word) else word


def _shifted(day: str) -> str:
    return (date.fromisoformat(day) + (date.today() - WRITTEN_ON)).isoformat()
