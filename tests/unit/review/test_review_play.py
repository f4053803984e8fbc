"""`review play` and `review next`: who may hear what, that it is written down first, and that what sounds is the recording."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from review_site import PASSWORD, ReviewSite, sound

from asterisk_privacy.cli.main import main
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.store.identity import Identity

needs_pyaudio = pytest.mark.skipif(
    importlib.util.find_spec("pyaudio") is None,
    reason="PyAudio is not installed (apt install portaudio19-dev libasound2-dev gcc; pip install '.[playback]')",
)
ALSA = """
pcm.null {{ type null }}
pcm.!default {{ type file slave.pcm "null" file "{to}" format "raw" }}
"""
SHORT = sound(1500)
TODAY = datetime.now(UTC)


AS_ROOT = "from asterisk_privacy.access import actor; from asterisk_privacy.cli import main; actor.is_root = lambda: True; main.main()"
"""Else SUDO_USER would not count where another user runs the tests."""


class Terminal:
    def __init__(self, site: ReviewSite) -> None:
        self.site = site
        self.folder = site.folder
        (self.folder / "identity.txt").write_text(site.identity.secret + "\n")
        self.sounds_to(str(self.folder / "sounded.raw"))

    def sounds_to(self, to: str) -> None:
        (self.folder / "alsa.conf").write_text(ALSA.format(to=to))

    @property
    def sounded(self) -> bytes:
        path = self.folder / "sounded.raw"
        return path.read_bytes() if path.exists() else b""

    @property
    def files(self) -> list[str]:
        return ["--config", str(self.folder / "config.toml"), "--identity", str(self.folder / "identity.txt")]

    def ask(self, *arguments: str, who: str = "rita") -> Result:
        """In this process: what is not to be heard."""
        return CliRunner().invoke(main, ["review", *arguments, *self.files], env={"SUDO_USER": who})

    def play(self, *arguments: str, who: str = "rita", typed: str = "") -> subprocess.CompletedProcess[str]:
        """In a process of its own: ALSA reads its configuration once."""
        environment = {**os.environ, "SUDO_USER": who, "ALSA_CONFIG_PATH": str(self.folder / "alsa.conf"), "HOME": str(self.folder)}
        command = [sys.executable, "-c", AS_ROOT, "review", *arguments, *self.files]
        return subprocess.run(command, input=typed, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def trail(self, name: str) -> list[tuple[str, dict[str, str]]]:
        """What was written down about this recording by a terminal, the oldest first."""
        rows = self.site.registry.audit_entries(None, subject=self.site.ids[name])
        return [(row.action, dict(row.detail)) for row in reversed(rows) if row.actor.startswith("cli:") and "via" in row.detail]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    site = ReviewSite(tmp_path, now=TODAY)
    site.record("short", ["training"], days=20, samples=SHORT)
    site.record("both-short", ["training", "complaint"], samples=SHORT)
    yield Terminal(site)
    site.registry.close()


# ---- who may not


@pytest.mark.parametrize(
    ("who", "name", "purpose", "said", "why"),
    [
        ("anna", "own", "training", "no such recording, or it is not for you", "unknown"),
        ("anna", "passed-on", "training", "no such recording, or it is not for you", "unknown"),
        ("rita", "complaint", "complaint", "no such recording, or it is not for you", "unknown"),
        ("rita", "both", "complaint", "Your role does not listen for this purpose", "not-yours"),
        ("rita", "sample", "quality", "does not serve this purpose", "not-served"),
        ("udo", "sample", "training", "no such recording, or it is not for you", "unknown"),
        ("rita", "held", "training", "A legal hold names those who may listen", "held"),
        ("rita", "restricted", "training", "restricted (GDPR art. 18)", "restricted"),
    ],
)
def test_refused_in_one_line_and_written_down(terminal: Terminal, who: str, name: str, purpose: str, said: str, why: str) -> None:
    ended = terminal.ask("play", terminal.site.ids[name], "--purpose", purpose, "--reason", "weekly", who=who)
    assert ended.exit_code == 3 and said in ended.stderr and len(ended.stderr.splitlines()) == 1
    [(action, detail)] = terminal.trail(name)
    assert (action, detail["why"], detail["via"]) == ("recording.listen-refused", why, "terminal")
    assert terminal.sounded == b""


def test_without_an_account_nobody_listens(terminal: Terminal) -> None:
    terminal.site.change_account("rita", disabled=True)
    for who in ("stranger", "rita"):
        ended = terminal.ask("play", terminal.site.ids["sample"], "--purpose", "training", "--reason", "x", who=who)
        assert ended.exit_code == 3 and f"review account add {who}" in ended.stderr
    assert PASSWORD not in ended.stderr


def test_a_reason_must_be_given(terminal: Terminal) -> None:
    ended = terminal.ask("play", terminal.site.ids["sample"], "--purpose", "training", "--reason", "  ")
    assert ended.exit_code == 2 and "say why" in ended.stderr and terminal.trail("sample") == []


def test_without_pyaudio_the_way_out_is_said(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    ended = terminal.ask("play", terminal.site.ids["sample"], "--reason", "weekly")
    assert ended.exit_code == 3 and "asterisk-privacy[playback]" in ended.stderr and "Traceback" not in ended.stderr
    assert [action for action, _ in terminal.trail("sample")] == ["recording.listen", "recording.listen-failed"]


def test_a_key_that_does_not_fit(terminal: Terminal) -> None:
    (terminal.folder / "identity.txt").write_text(Identity.generate().secret + "\n")
    ended = terminal.ask("play", terminal.site.ids["sample"], "--reason", "weekly")
    assert ended.exit_code == 3 and "Traceback" not in ended.stderr and len(ended.stderr.splitlines()) == 1
    assert terminal.trail("sample")[-1] == ("recording.listen-failed", {"why": "AgeError", "via": "terminal"})


# ---- who may


@needs_pyaudio
def test_what_sounds_is_the_recording_and_then_the_outcome_is_asked(terminal: Terminal) -> None:
    ended = terminal.play("play", terminal.site.ids["short"], typed="weekly review\ngood opening\n")
    assert ended.returncode == 0, ended.stderr
    assert terminal.sounded[: SHORT.nbytes] == SHORT.astype("<i2").tobytes()
    assert set(terminal.sounded[SHORT.nbytes :]) <= {0}  # the device fills its last buffer
    assert terminal.trail("short") == [
        ("recording.listen", {"purpose": "training", "reason": "weekly review", "via": "terminal"}),
    ]
    row = terminal.site.registry.recording(terminal.site.ids["short"])
    assert row is not None
    [done] = [one for one in row.history if one.kind is Milestone.REVIEWED]
    assert (done.by, done.note) == ("cli:rita", "good opening")
    assert "h hold" in ended.stdout and "0:01 / 0:01" in ended.stdout


@needs_pyaudio
def test_it_stands_in_the_trail_before_the_first_byte(terminal: Terminal) -> None:
    """The device is a pipe to a program that looks into the registry when the first byte comes."""
    script = terminal.folder / "device"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, sqlite3, sys\n"
        "sys.stdin.buffer.read(1)\n"
        f"db = sqlite3.connect('file:{terminal.folder}/registry.sqlite?mode=ro', uri=True)\n"
        'found = db.execute("SELECT action, detail FROM audit WHERE subject = ? ORDER BY seq DESC",\n'
        f"    ({terminal.site.ids['short']!r},)).fetchone()\n"
        f"open('{terminal.folder}/seen.json', 'w').write(json.dumps(found))\n"
        "while sys.stdin.buffer.read(65536): pass\n"
    )
    script.chmod(0o755)
    terminal.sounds_to(f"|{script}")
    ended = terminal.play("play", terminal.site.ids["short"], "--reason", "weekly", "--outcome", "")
    assert ended.returncode == 0, ended.stderr
    action, detail = json.loads((terminal.folder / "seen.json").read_text())
    assert action == "recording.listen" and json.loads(detail)["reason"] == "weekly"
    assert "Not reviewed yet" in ended.stdout


@needs_pyaudio
def test_the_next_one_is_the_oldest_that_is_his(terminal: Terminal) -> None:
    site = terminal.site
    site.registry.milestone(site.ids["overdue"], Milestone.REVIEWED, TODAY, "review:wim", "heard")
    ended = terminal.play("next", "--reason", "weekly", "--outcome", "discussed")
    assert ended.returncode == 0 and site.ids["short"] in ended.stdout, ended.stderr
    row = site.registry.recording(site.ids["short"])
    assert row is not None and any(one.kind is Milestone.REVIEWED for one in row.history)


@needs_pyaudio
def test_keys_in_a_real_terminal(terminal: Terminal) -> None:
    long = terminal.site.record("long", ["training"], samples=np.tile(sound(), (150, 1)))
    command = [sys.executable, "-c", AS_ROOT, "review", "play", long, *terminal.files]
    environment = {"SUDO_USER": "rita", "ALSA_CONFIG_PATH": str(terminal.folder / "alsa.conf"), "TERM": "xterm", "COLUMNS": "100"}
    pid, leader = pty.fork()
    if pid == 0:
        os.execve(sys.executable, command, {**os.environ, **environment})
    said = b""
    try:
        for wanted, typed in (
            ("Why", b"weekly\r"),
            ("\u25b6", b" "),
            ("\u275a\u275a", b"\x1b[A"),
            ("1.25x", b"q"),
            ("Outcome", b"good opening\r"),
            ("Reviewed.", b""),
        ):
            while wanted.encode() not in said:
                assert select.select([leader], [], [], 60)[0], (wanted, said[-500:])
                said += os.read(leader, 1 << 16)
            os.write(leader, typed)
        assert os.waitpid(pid, 0)[1] == 0
    finally:
        os.close(leader)
    assert 0 < len(terminal.sounded) < 150 * sound().nbytes
    row = terminal.site.registry.recording(long)
    assert row is not None and [one.note for one in row.history] == ["good opening"]


def test_nothing_awaits_whom_it_is_not_for(terminal: Terminal) -> None:
    for who in ("udo", "otto", "ines"):
        ended = terminal.ask("next", "--reason", "weekly", who=who)
        assert (ended.exit_code, ended.stdout) == (0, "Nothing awaits your review.\n")


@needs_pyaudio
def test_which_purpose_is_asked_where_there_are_several(terminal: Terminal) -> None:
    ended = terminal.play("play", terminal.site.ids["both-short"], who="wim", typed="complaint\ncase 17\n\n")
    assert ended.returncode == 0, ended.stderr
    assert terminal.trail("both-short")[0][1]["purpose"] == "complaint"
