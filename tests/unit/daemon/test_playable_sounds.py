"""Whether Asterisk can play what is to be heard."""

from __future__ import annotations

import os
import shutil
import wave
from pathlib import Path

import pytest
from as_user import let_pass
from whole_daemon import POLICY, installed

from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.sounds import wrong_sounds
from asterisk_privacy.setup.asterisk_user import AsteriskUser, asterisk_user
from asterisk_privacy.setup.tree import Tree

SOUNDS = Path(__file__).resolve().parents[3] / "dialplan/sounds"
NOBODY = AsteriskUser(65534, 65534, frozenset(), "a test")


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    copied = tmp_path / "sounds"
    shutil.copytree(SOUNDS, copied)
    return copied


def configured(folder: Path, sounds: Path, policy: str = POLICY) -> Config:
    return load(installed(folder, policy, f'[dialplan]\nsounds = "{sounds}"\n'))


def told(config: Config, asterisk: AsteriskUser | None = None) -> list[str]:
    return list(wrong_sounds(config, asterisk))


def as_wave(path: Path, rate: int, channels: int, frames: int = 800) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(2 * channels * frames))


def test_what_is_shipped_is_fine(tmp_path: Path, sounds: Path) -> None:
    assert told(configured(tmp_path, sounds)) == []


@pytest.mark.parametrize("name", ["notice-optout", "refused"])
def test_one_that_is_missing(tmp_path: Path, sounds: Path, name: str) -> None:
    (sounds / "nl" / f"{name}.wav").unlink()
    (line,) = told(configured(tmp_path, sounds))
    assert line.startswith(f"[profiles.sales] announcement: {sounds}/nl/{name} is missing")


def test_what_nobody_is_asked_for_may_be_missing(tmp_path: Path, sounds: Path) -> None:
    (sounds / "nl/agreed.wav").unlink()
    assert told(configured(tmp_path, sounds)) == []


def test_a_language_without_a_directory(tmp_path: Path, sounds: Path) -> None:
    shutil.rmtree(sounds / "nl")
    lines = told(configured(tmp_path, sounds))
    assert len(lines) == 2 and all(f"there is no directory {sounds}/nl" in line for line in lines)


def test_a_tone_for_agents(tmp_path: Path, sounds: Path) -> None:
    (sounds / "tones/keep.wav").unlink()
    (line,) = told(configured(tmp_path, sounds))
    assert line.startswith(f"[dialplan] sounds: {sounds}/tones/keep is missing")


@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (8000, 2)])
def test_a_wave_file_that_asterisk_refuses(tmp_path: Path, sounds: Path, rate: int, channels: int) -> None:
    path = sounds / "nl/notice-optout.wav"
    as_wave(path, rate, channels)
    (line,) = told(configured(tmp_path, sounds))
    assert "8000 Hz, one voice, 16 bits: sox" in line
    path.with_suffix(".alaw").write_bytes(bytes(800))  # Asterisk takes what it can play
    assert told(configured(tmp_path, sounds)) == []


def test_nothing_in_it(tmp_path: Path, sounds: Path) -> None:
    as_wave(sounds / "nl/notice-optout.wav", 8000, 1, frames=0)
    (line,) = told(configured(tmp_path, sounds))
    assert "is empty" in line
    (sounds / "nl/notice-optout.wav").write_bytes(b"not a wave file")
    (line,) = told(configured(tmp_path, sounds))
    assert "is not as Asterisk plays it" in line


def test_an_absolute_path(tmp_path: Path, sounds: Path) -> None:
    """Its `refused` is looked for beside it, as the dialplan does."""
    own = tmp_path / "own"
    shutil.copytree(sounds / "nl", own)
    config = configured(tmp_path, sounds, POLICY.replace('"notice-optout"', f'"{own}/notice-optout"'))
    assert told(config) == []
    (own / "refused.wav").unlink()
    assert len(told(config)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="as another user than the one that looks")
def test_one_that_asterisks_user_cannot_read(tmp_path: Path, sounds: Path) -> None:
    config = configured(tmp_path, sounds)
    let_pass(tmp_path)
    readable = told(config, NOBODY)
    (sounds / "nl/notice-optout.wav").chmod(0o640)
    more = [line for line in told(config, NOBODY) if line not in readable]
    assert len(more) == 1 and "cannot be read by Asterisk, which runs as user 65534" in more[0]
    (sounds / "nl/notice-optout.wav").chmod(0o644)
    (sounds / "nl").chmod(0o700)
    assert sum("cannot be read by Asterisk" in line for line in told(config, NOBODY) if line not in readable) == 2


def test_sounds_on_another_machine_are_not_looked_at(tmp_path: Path) -> None:
    path = installed(tmp_path, more='[dialplan]\nsounds = "/nowhere"\n')
    path.write_text(path.read_text().replace("http://127.0.0.1:1", "https://192.0.2.5:8089"))
    assert told(load(path)) == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"etc/asterisk/asterisk.conf": "[options]\nrunuser = pbx ; not root\nrungroup = telephony\n"}, (500, 600)),
        ({"etc/systemd/system/asterisk.service": "[Service]\nUser=pbx\n"}, (500, 501)),
        ({"etc/systemd/system/asterisk.service.d/x.conf": "[Service]\nUser=pbx\n"}, (500, 501)),
        ({"etc/default/asterisk": 'AST_USER="pbx"\nAST_GROUP="telephony"\n'}, (500, 600)),
        ({"etc/passwd": "asterisk:x:112:120::/var/lib/asterisk:/bin/false\n"}, (112, 120)),
        ({}, None),
    ],
)  # fmt: skip
def test_as_whom_asterisk_runs(tmp_path: Path, files: dict[str, str], expected: tuple[int, int] | None) -> None:
    there = {"etc/passwd": "pbx:x:500:501::/:/bin/false\n", "etc/group": "pbx:x:501:\ntelephony:x:600:other\naudio:x:29:pbx\n", **files}
    for name, text in there.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = asterisk_user(Tree(tmp_path), "/etc/asterisk")
    assert (None if found is None else (found.uid, found.gid)) == expected
    assert expected is None or expected[0] == 112 or (found is not None and 29 in found.groups)
