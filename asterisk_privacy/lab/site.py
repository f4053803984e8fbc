"""A whole site: Asterisk, the recorder's daemon with its configuration and keys, and what a reviewer needs. For the demo and the tests."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.control import Report, ask
from asterisk_privacy.daemon.proving import proving
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.pbx import DIALPLAN, Pbx, free_port
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.numbers import generate_key
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import CallRow, RecordingRow
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.vault import Vault, open_recording

READY_SECONDS = 20.0
CAPTURE = os.environ.get("ASTERISK_PRIVACY_CAPTURE", "snoop")
"""With which all is played that is not about a capture of its own."""
POLL_SECONDS = 0.05


class Site:
    """Everything below `workdir`. `policy` is the [purposes.*] and [profiles.*] part of config.toml; `settings` replaces other lines,
    such as {"keys.grace_seconds": "2"}; `host` is where the daemon listens; `keys_of`: a site whose registry it shares.
    `beside`: a site whose Asterisk it uses, as a second recorder: that one brings it up, and its dialplan has to know `agi`. The
    reviewer's key is kept apart, in `identity`: the daemon never sees it. `capture`: "snoop" or "wire"."""

    def __init__(
        self,
        workdir: Path,
        install: Install,
        policy: str,
        *,
        settings: Mapping[str, str] | None = None,
        contacts: Mapping[str, int] | None = None,
        sounds: Path | None = None,
        extra_dialplan: str = "",
        extra_pjsip: str = "",
        extra: Mapping[str, str] | None = None,
        prompts: bool = False,
        host: str = "127.0.0.1",
        keys_of: Site | None = None,
        beside: Site | None = None,
        capture: str = CAPTURE,
    ) -> None:
        self.capture = capture
        self.workdir = workdir.absolute()
        self.state = self.workdir / "state"
        self.run = self.workdir / "run"
        self.etc = self.workdir / "etc-privacy"
        self.temp = self.workdir / "tmp"  # the daemon's own, so that what it might leave there is found
        for directory in (self.state, self.run, self.etc, self.temp):
            directory.mkdir(parents=True, exist_ok=True)
        self.agi, self.audio = f"{host}:{free_port()}", f"{host}:{free_port()}"
        self._brings_pbx = beside is None
        self.pbx: Pbx = (
            beside.pbx
            if beside is not None
            else Pbx(
                self.workdir / "pbx",
                install,
                agi_address=self.agi,
                audiosocket_address=self.audio,
                contacts=contacts,
                extra_dialplan=extra_dialplan,
                extra_pjsip=extra_pjsip,
                extra=extra,
                prompts=prompts,
            )
        )
        self.config = self.etc / "config.toml"
        self.identity: Identity = keys_of.identity if keys_of is not None else Identity.generate()
        self.number_key: bytes = keys_of.number_key if keys_of is not None else generate_key()
        self.log_path = self.workdir / "daemon.log"
        self.program: tuple[str, ...] = ("-m", "asterisk_privacy")
        """What Python runs as the daemon."""
        self.ready_seconds = 0.0
        """From the last start until it said that calls get an answer."""
        self._daemon: subprocess.Popen[bytes] | None = None
        self._write(policy, {"capture.how": f'"{capture}"', **(settings or {})}, sounds or DIALPLAN / "sounds")

    def __enter__(self) -> Site:
        if self._brings_pbx:
            self.pbx.start()
        try:
            self.start_daemon()
        except BaseException:
            self._stop_pbx()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop_daemon()
        self._stop_pbx()

    def _stop_pbx(self) -> None:
        if self._brings_pbx:
            self.pbx.stop()

    # ---- the daemon, started as systemd would: the same command, told by the same protocol that it is ready

    def start_daemon(self, wait: bool = True) -> None:
        """`wait`: until it is ready and connected to Asterisk; if it is not in time it is ended."""
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as told:
            address = f"\0asterisk-privacy-lab-{os.getpid()}-{id(self)}-{time.monotonic_ns()}"
            told.bind(address)
            started = time.monotonic()
            environment = {**os.environ, "NOTIFY_SOCKET": "@" + address[1:], "TMPDIR": str(self.temp)}
            with self.log_path.open("ab") as log:
                self._daemon = subprocess.Popen(
                    [sys.executable, *self.program, "serve", "--config", str(self.config)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                )
            if wait:
                try:
                    self._await_connected(told, started)
                except BaseException:
                    self.stop_daemon()
                    raise

    def _await_connected(self, told: socket.socket, started: float) -> None:
        told.settimeout(0.2)
        deadline = started + READY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                said = told.recv(4096)
                if b"READY=1" in said:
                    self.ready_seconds = time.monotonic() - started
                if b"STATUS=connected" in said:
                    return
            if self._daemon is None or self._daemon.poll() is not None:
                break
        raise OperatorError(f"the daemon did not become ready: {self.log.strip().splitlines()[-1:]}; see {self.log_path}")

    def stop_daemon(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        """Returns its exit status."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return None
        daemon.send_signal(how)
        try:
            return daemon.wait(timeout=15)
        except subprocess.TimeoutExpired:
            daemon.kill()
            return daemon.wait()

    @property
    def daemon_runs(self) -> bool:
        return self._daemon is not None

    def await_end(self, seconds: float = 15.0) -> int:
        """Of a daemon that ends by itself: its exit status."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            raise OperatorError("the daemon of this site is not running")
        return daemon.wait(timeout=seconds)

    @property
    def daemon_pid(self) -> int:
        if self._daemon is None:
            raise OperatorError("the daemon of this site is not running")
        return self._daemon.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # ---- what is known

    def status(self) -> Report:
        return ask(self.run / "control.sock", "status")

    def registry(self) -> Registry:
        return Registry.open(self._home, actor="lab")

    @functools.cached_property
    def _home(self) -> Path | Server:
        return home_of(load(self.config))

    def calls(self, limit: int = 100) -> list[CallRow]:
        """The last so many, the oldest first."""
        with self.registry() as registry:
            return registry.calls(limit)[::-1]

    def recordings(self) -> list[RecordingRow]:
        with self.registry() as registry:
            return registry.recordings()

    def wait_for_calls(self, count: int, seconds: float = 15.0) -> list[CallRow]:
        """Until that many calls are over and their rows written."""
        deadline = time.monotonic() + seconds
        while True:
            over = [c for c in self.calls() if c.outcome is not None]
            if len(over) >= count:
                return over
            if time.monotonic() > deadline:
                raise OperatorError(f"{len(over)} of {count} calls were over after {seconds:g} s; see {self.log_path}")
            time.sleep(POLL_SECONDS)

    def listen(self, recording_id: str, allow_truncated: bool = False) -> Block:
        """Decrypts with the reviewer's key. int16, shape (n, 2), 8 kHz; left the customer. What a crash cut off must be allowed."""
        with self.registry() as registry, proving(registry, recording_id, "lab") as content:
            known = content if allow_truncated else replace(content, truncated=False)
            return open_recording(self.vault.source(recording_id), known, [self.identity])[0]

    @functools.cached_property
    def vault(self) -> Vault:
        return vault_of(load(self.config))

    # ---- configuration

    def _write(self, policy: str, settings: dict[str, str], sounds: Path) -> None:
        def secret(name: str, text: str) -> Path:
            path = self.etc / name
            path.write_text(text + "\n")
            path.chmod(0o600)
            return path

        lines = {
            "asterisk.ari_url": f'"{self.pbx.ari_url}"',
            "asterisk.ari_user": f'"{self.pbx.ari_user}"',
            "asterisk.ari_password_file": f'"{secret("ari.secret", self.pbx.ari_password)}"',
            "fastagi.listen": f'"{self.agi}"',
            "capture.listen": f'"{self.audio}"',
            # phones of the lab say pure tones, which are music, and are silent for as long as a test wants
            "capture.silent_hold_seconds": "0",
            "capture.music_hold_seconds": "0",
            "dialplan.sounds": f'"{sounds}"',
            "store.directory": f'"{self.state / "recordings"}"',
            "store.recipients": f'"{secret("recipients.txt", self.identity.public)}"',
            "registry.path": f'"{self.state / "registry.sqlite"}"',
            "registry.number_key": f'"{secret("number.key", self.number_key.hex())}"',
            "control.socket": f'"{self.run / "control.sock"}"',
            **settings,
        }
        tables: dict[str, list[str]] = {}
        for name, value in lines.items():
            table, _, key = name.partition(".")
            tables.setdefault(table, []).append(f"{key} = {value}")
        text = "\n".join(f"[{table}]\n" + "\n".join(keys) + "\n" for table, keys in tables.items())
        self.config.write_text(text + "\n" + policy)
