"""A private Asterisk: its own configuration, ports and directories, no root, several at a time."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import wave
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from types import TracebackType

import numpy as np

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.unpack import Install

MUSIC_HZ = 440
PROMPT_HZ = 600
AGENTS = ("agent", "agent2", "agent3")
DIALPLAN = Path(__file__).resolve().parents[2] / "dialplan"
"""The project's dialplan/ in a checkout."""

_EMPTY = ("acl", "ccss", "pjproject", "queuerules", "udptl", "websocket_client")
"""Files whose absence Asterisk complains about; without them its log holds only what matters."""
_PROMPTS = (
    "beep", "beeperr", "pbx-transfer", "pbx-invalid", "pbx-parkingfailed", "queue-periodic-announce", "queue-youarenext",
    "queue-thereare", "queue-callswaiting", "queue-thankyou",
)  # fmt: skip
_SOCKET_PATH_MAX = 100  # sun_path holds 108 bytes with the final NUL; asterisk -r makes no second socket, leave some room
_BOOT_SECONDS = 30.0


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Pbx:
    """One Asterisk below `workdir`. `start()` returns when it is fully booted; use as a context manager or call `stop()`.

    agi_address, audiosocket_address: "host:port" of the recorder, as the dialplan's PRIVACY_AGI and PRIVACY_AUDIOSOCKET.
    contacts: endpoint name ("customer", "agent", "agent2", "agent3") -> UDP port of its phone on 127.0.0.1; an endpoint
    without a contact can call (it is known by the user part of its From header) and register, but cannot be called before.
    Ports given as None are picked. extra_dialplan and extra_pjsip are appended to extensions.conf and pjsip.conf, `extra` to any
    other file by its name. prompts: Asterisk's own prompts are there, a beep of PROMPT_HZ each (without them its transfers by feature code
    give up); else none is.
    """

    def __init__(
        self,
        workdir: Path,
        install: Install,
        *,
        sip_port: int | None = None,
        ari_port: int | None = None,
        agi_address: str = "127.0.0.1:4573",
        audiosocket_address: str = "127.0.0.1:9092",
        contacts: Mapping[str, int] | None = None,
        extra_dialplan: str = "",
        extra_pjsip: str = "",
        extra: Mapping[str, str] | None = None,
        prompts: bool = False,
        rtp_ports: tuple[int, int] = (10000, 19999),
        dialplan: Path = DIALPLAN,
    ) -> None:
        self.workdir = workdir.absolute()
        self.install = install
        self.sip_port = sip_port or free_port(socket.SOCK_DGRAM)
        self.ari_port = ari_port or free_port()
        self.ari_url = f"http://127.0.0.1:{self.ari_port}"
        self.ari_user = "asterisk-privacy"
        self.ari_password = secrets.token_urlsafe(18)
        self.sounds = dialplan / "sounds"
        self.log_path = self.workdir / "log" / "full"
        self.boot_seconds = 0.0
        self._etc = self.workdir / "etc"
        self._dialplan = dialplan
        self._agi = agi_address
        self._audiosocket = audiosocket_address
        self._contacts = dict(contacts or {})
        self._extra = extra_dialplan
        self._extra_pjsip = extra_pjsip
        self._extra_files = dict(extra or {})
        self._prompts = prompts
        self._rtp = rtp_ports
        self._process: subprocess.Popen[bytes] | None = None
        self._run: Path | None = None

    def __enter__(self) -> Pbx:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """What it has logged so far (verbose 3, notices, warnings, errors)."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        """Write the configuration and start; OperatorError with the log's last error when it does not come up."""
        if self._process is not None:
            raise OperatorError(f"the lab's Asterisk in {self.workdir} runs already: stop it first")
        self._write()
        begun = time.monotonic()
        with (self.workdir / "log/console").open("wb") as console:
            self._process = subprocess.Popen(
                [*self.install.asterisk, "-f", "-C", str(self._etc / "asterisk.conf")],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                cwd=self.workdir,
            )
        try:
            while "fully booted" not in self._ask("core waitfullybooted", bound=_BOOT_SECONDS)[1]:
                if self._process.poll() is not None or time.monotonic() - begun > _BOOT_SECONDS:
                    raise OperatorError(f"the lab's Asterisk did not start: {self._last_error()}; see {self.workdir / 'log'}")
                time.sleep(0.05)
        except BaseException:
            self.stop()
            raise
        self.boot_seconds = time.monotonic() - begun

    def stop(self) -> None:
        """Hang up all calls and end; killed by its own process id if it does not go within 5 s. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                self._ask("core stop now", bound=5)
            for end in (None, process.terminate, process.kill):
                if end is not None:
                    end()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=5)
                    break
        if self._run is not None and self._run.parent != self.workdir:
            shutil.rmtree(self._run, ignore_errors=True)

    def cli(self, command: str) -> str:
        """Output of one console command. OperatorError when Asterisk does not answer within 10 s."""
        code, said = self._ask(command, bound=10)
        if code:
            raise OperatorError(f"the lab's Asterisk does not answer {command!r}: {said.strip()}; see {self.log_path}")
        return said

    def _ask(self, command: str, bound: float) -> tuple[int, str]:
        argv = [*self.install.asterisk, "-C", str(self._etc / "asterisk.conf"), "-rx", command]
        try:
            done = subprocess.run(argv, capture_output=True, timeout=bound, check=False, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return 1, "no answer in time"
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def _last_error(self) -> str:
        text = self.log + (self.workdir / "log/console").read_text(errors="replace")
        errors = [line for line in text.splitlines() if "ERROR" in line] or text.splitlines()
        return errors[-1].strip() if errors else "it said nothing"

    def _write(self) -> None:
        for name in ("etc", "var", "agi", "spool", "log", "sbin", "cache", "moh"):
            (self.workdir / name).mkdir(parents=True, exist_ok=True)
        self._run = self.workdir / "run"
        if len(str(self._run / "asterisk.ctl")) > _SOCKET_PATH_MAX:
            self._run = Path(tempfile.mkdtemp(prefix="ap-lab-"))
        self._run.mkdir(exist_ok=True)
        values = {
            "work": self.workdir,
            "etc": self._etc,
            "run": self._run,
            "modules": self.install.modules,
            "data": self.workdir / "data" if self._prompts else self.install.data,
            "sip_port": self.sip_port,
            "ari_port": self.ari_port,
            "rtp_start": self._rtp[0],
            "rtp_end": self._rtp[1],
            "agi": self._agi,
            "audiosocket": self._audiosocket,
            "customer_contact": self._contact("customer"),
            "agents": "\n".join(self._agent(name) for name in AGENTS),
            "extra_dialplan": self._extra,
            "extra_pjsip": self._extra_pjsip,
        }
        for template in files("asterisk_privacy.lab").joinpath("templates").iterdir():
            if template.name.endswith(".conf"):
                (self._etc / template.name).write_text(Template(template.read_text()).safe_substitute(values))
        for name, more in self._extra_files.items():
            with (self._etc / name).open("a") as file:
                file.write(more)
        for name in _EMPTY:
            (self._etc / f"{name}.conf").touch()
        for source in self._dialplan.glob("*.conf"):
            shutil.copy(source, self._etc / source.name)
        ari = self._etc / "ari_privacy.conf"
        ari.write_text(ari.read_text().replace("CHANGE-ME", self.ari_password))
        ari.chmod(0o600)
        _write_tone(self.workdir / "moh/tone.wav", MUSIC_HZ, 10.0)
        if self._prompts:
            self._write_prompts(self.workdir / "data")

    def _write_prompts(self, data: Path) -> None:
        """A data directory like the installed one, with sounds of its own."""
        (data / "sounds/en/digits").mkdir(parents=True, exist_ok=True)
        for entry in self.install.data.iterdir():
            if entry.name != "sounds" and not (data / entry.name).exists():
                (data / entry.name).symlink_to(entry)
        for prompt in (*_PROMPTS, *(f"digits/{digit}" for digit in range(10))):
            _write_tone(data / f"sounds/en/{prompt}.wav", PROMPT_HZ, 0.1)

    def _contact(self, name: str) -> str:
        port = self._contacts.get(name)
        return f"contact = sip:{name}@127.0.0.1:{port}" if port else ""

    def _agent(self, name: str) -> str:
        endpoint = f"[{name}](lab-phone,privacy-agent)\ncontext = from-agents\naors = {name}\n"
        return f"{endpoint}[{name}](lab-contact)\n{self._contact(name)}\n"


def _write_tone(path: Path, hz: int, seconds: float) -> None:
    """At 8 kHz, a whole number of periods, so that a loop has no click."""
    at = np.arange(round(seconds * 8000))
    samples = (8000 * np.sin(2 * np.pi * hz * at / 8000)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
