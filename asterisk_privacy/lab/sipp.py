"""Customers and agents made with sipp: for the demo and for load, where a call is a list of steps.

    agent = SippAgent("agent", work, install, port=5072, server_port=..., steps=[Talk(3), Hold(2), Talk(1), Key("*1"), WaitForBye()])
    customer = SippCaller("customer", work, install, extension="100", server_port=..., steps=[Talk(3.5), Held(1.5), Talk(3), HangUp()])
    agent.start(); customer.start()
    assert customer.wait() == 0

A BYE from the other side ends the scenario well at any Talk, Held, Hold or WaitForBye. One process per object, none left after
`stop()`. Needs no privileges. Asterisk's side is as for `lab.phone`: no auth, endpoints known by the user part of From.
"""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final, Self

from asterisk_privacy.audio import ulaw
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.sip import Message
from asterisk_privacy.lab.unpack import Install

_SOUND_SECONDS: Final = 10
_LONGEST: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Talk:
    """Say something for so long (default: what this party says in talk)."""

    seconds: float
    freq: float | None = None


@dataclass(frozen=True, slots=True)
class Held(Talk):
    """Be on hold for so long: go on saying what must never be kept (the moments are the script's: sipp is told nothing)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """re-INVITE, say the holding tone for so long, re-INVITE with a=sendrecv."""

    seconds: float
    direction: str = "sendonly"


@dataclass(frozen=True, slots=True)
class Key:
    """Press keys by SIP INFO, one after the other."""

    keys: str


@dataclass(frozen=True, slots=True)
class HangUp:
    pass


@dataclass(frozen=True, slots=True)
class WaitForBye:
    pass


Step = Talk | Hold | Key | HangUp | WaitForBye


@dataclass(frozen=True, slots=True)
class Traced:
    at: float
    """Seconds since the epoch, as sipp wrote them (milliseconds)."""
    sent: bool
    message: Message

    def __str__(self) -> str:
        return f"{self.at:.3f} {'->' if self.sent else '<-'} {self.message}"


class _Xml(Template):
    delimiter = "%"


def _fragment(kind: str, **values: object) -> str:
    text = files("asterisk_privacy.lab").joinpath("templates").joinpath(f"sipp-{kind}.xml").read_text()
    return _Xml(text).substitute(values)


Sound = float | Path
"""A tone in Hz, or a file of G.711 mu-law at 8 kHz, played over and over."""


@dataclass(frozen=True, slots=True)
class _Voice:
    talk: Sound
    waiting: Sound
    """What this party says while somebody holds."""


class _Sipp(ABC):
    """A sipp process that runs one scenario, `calls` times."""

    def __init__(
        self,
        name: str,
        work: Path,
        install: Install,
        *,
        port: int,
        server_port: int,
        steps: Sequence[Step],
        voice: _Voice,
        calls: int,
        rate: float,
        at_once: int = 0,
    ) -> None:
        self.name = name
        self.port = port
        self.work = work / f"sipp-{name}"
        self._argv = [*install.sipp, f"127.0.0.1:{server_port}", "-nostdin", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-m", str(calls)]
        self._argv += ["-r", str(rate), "-timeout_error", "-trace_msg", "-trace_err", *(["-p", str(port)] if port else [])]
        self._argv += ["-l", str(at_once)] if at_once else []
        self._steps = steps
        self._voice = voice
        self._process: subprocess.Popen[bytes] | None = None
        if "," in str(self.work):
            raise OperatorError(f"sipp cannot play sounds from {self.work}: choose a directory without a comma")

    @abstractmethod
    def _opening(self) -> tuple[str, str]:
        """(set-up part of the scenario, this side's From or To value)."""

    def start(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        (self.work / "scenario.xml").write_text(self.scenario())
        argv = [*self._argv, "-sf", str(self.work / "scenario.xml"), "-message_file", str(self.work / "messages.log")]
        argv += ["-error_file", str(self.work / "errors.log"), "-message_overwrite", "true", "-error_overwrite", "true"]
        with (self.work / "screen.log").open("wb") as screen:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, cwd=self.work, env=os.environ | {"TZ": "UTC"}
            )

    def wait(self, timeout: float = 60.0) -> int:
        """sipp's exit status: 0 when every call went as written. TimeoutExpired is the caller's to handle."""
        if self._process is None:
            raise OperatorError(f"sipp {self.name} was not started")
        return self._process.wait(timeout)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def errors(self) -> str:
        """What sipp complained about; "" when all went well."""
        path = self.work / "errors.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        told = ("The following events occurred:", "jumping to label")  # the second is how a Talk ends
        return "\n".join(line for line in lines if line and not any(part in line for part in told))

    def trace(self) -> list[Traced]:
        path = self.work / "messages.log"
        return parse_trace(path.read_text(errors="replace")) if path.exists() else []

    def scenario(self) -> str:
        """The XML; writes the sounds that it plays."""
        opening, local = self._opening()
        body, cseq, label = [opening, self._sound(self._voice.talk)], 10, 0
        playing = self._voice.talk

        def play(sound: Sound) -> None:
            nonlocal playing
            if sound != playing:
                body.append(self._sound(sound))
                playing = sound

        def wait(seconds: float) -> None:
            nonlocal label
            label += 1
            body.append(_fragment("wait", milliseconds=round(seconds * 1000), next=f"step{label}"))

        def request(kind: str, **values: object) -> None:
            nonlocal cseq
            cseq += 1
            body.append(_fragment(kind, cseq=cseq, local=local, name=self.name, **values))

        for step in self._steps:
            match step:
                case Held():
                    play(step.freq or self._voice.waiting)
                    wait(step.seconds)
                case Talk():
                    play(step.freq or self._voice.talk)
                    wait(step.seconds)
                case Hold():
                    request("reinvite", direction=step.direction)
                    play(self._voice.waiting)
                    wait(step.seconds)
                    request("reinvite", direction="sendrecv")
                    play(self._voice.talk)
                case Key():
                    for key in step.keys:
                        request("key", key=key)
                case HangUp():
                    values = {"cseq": cseq + 1, "local": local}
                    body.append(_fragment("hangup", **values))
                case WaitForBye():
                    pass  # where every scenario ends that does not hang up itself
        return "\n".join(
            ['<?xml version="1.0" encoding="UTF-8"?>', f'<scenario name="{self.name}">', *body, _fragment("end"), "</scenario>", ""]
        )

    def _sound(self, sound: Sound) -> str:
        path = sound if isinstance(sound, Path) else self.work / f"{sound:g}.ul"
        if not isinstance(sound, Path) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ulaw.encode(tones.tone(sound, _SOUND_SECONDS)).tobytes())
        return _fragment("sound", file=path)


class SippCaller(_Sipp):
    """Calls `extension`, `calls` times in all, `rate` per second. Says 700 Hz, and 900 Hz while Held or holding. `port` 0: any."""

    def __init__(
        self,
        name: str,
        work: Path,
        install: Install,
        *,
        extension: str,
        server_port: int,
        steps: Sequence[Step],
        port: int = 0,
        calls: int = 1,
        rate: float = 1.0,
        at_once: int = 0,
        talk: Sound = tones.CUSTOMER,
        waiting: Sound = tones.CUSTOMER_HELD,
    ) -> None:
        """`at_once`: how many calls may go on at the same time; 0 leaves it to sipp."""
        voice = _Voice(talk, waiting)
        super().__init__(
            name, work, install, port=port, server_port=server_port, steps=steps, voice=voice, calls=calls, rate=rate, at_once=at_once
        )
        self._argv += ["-s", extension]

    def _opening(self) -> tuple[str, str]:
        local = f"<sip:{self.name}@[local_ip]:[local_port]>;tag=[pid]caller[call_number]"
        return _fragment("caller", local=local, name=self.name), local


class SippAgent(_Sipp):
    """Waits for `calls` calls on `port`, answers each after `answer_after` seconds. Says 1100 Hz, and 1000 Hz while holding."""

    def __init__(
        self,
        name: str,
        work: Path,
        install: Install,
        *,
        port: int,
        server_port: int,
        steps: Sequence[Step],
        answer_after: float = 0.5,
        calls: int = 1,
        talk: Sound = tones.AGENT,
        waiting: Sound = tones.AGENT_HOLDING,
    ) -> None:
        voice = _Voice(talk, waiting)
        super().__init__(name, work, install, port=port, server_port=server_port, steps=steps, voice=voice, calls=calls, rate=1.0)
        self._answer_after = answer_after

    def _opening(self) -> tuple[str, str]:
        local = "[$own];tag=[pid]agent[call_number]"
        return _fragment("agent", local=local, name=self.name, answer_after=round(self._answer_after * 1000)), local


def parse_trace(text: str) -> list[Traced]:
    """sipp's message file: a line of dashes with the time (UTC), "UDP message sent (n bytes):", a blank line, the message."""
    found: list[Traced] = []
    for block in text.split("-----------------------------------------------")[1:]:
        head, _, rest = block.strip("\n").partition("\n")
        what, _, message = rest.partition("\n\n")
        if "message" in what:
            lines = f"{message}\n\n".replace("\r\n", "\n").replace("\n", "\r\n")
            at = datetime.fromisoformat(head.split()[-1]).timestamp()
            found.append(Traced(at, "sent" in what, Message.parse(lines.encode())))
    return found
