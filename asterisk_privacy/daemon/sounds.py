"""Whether Asterisk can play what callers and agents are to hear: a sound that is missing is told by nothing else, and its calls go on."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from asterisk_privacy.call.commands import Tone
from asterisk_privacy.daemon.answers import notice_path
from asterisk_privacy.daemon.reach import is_loopback
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.policy.purpose import Profile
from asterisk_privacy.setup.asterisk_user import AsteriskUser

WAVES = {"wav": 8000, "wav16": 16000}  # Hz; Asterisk refuses any other rate, stereo, and other samples than 16 bits
OTHERS = (
    "WAV", "wav49", "gsm", "ulaw", "ul", "mu", "ulw", "pcm", "alaw", "al", "alw", "sln", "raw", "sln12", "sln16", "sln24", "sln32", "sln44",
    "sln48", "sln96", "sln192", "g722", "g719", "g723", "g723sf", "g729", "siren7", "siren14", "ilbc", "ogg", "opus",
)  # fmt: skip


def elsewhere(config: Config) -> bool:
    """Asterisk is on another machine, and so are the sounds that it plays."""
    return not is_loopback(urlsplit(config.asterisk.ari_url).hostname or "")


def wrong_sounds(config: Config, asterisk: AsteriskUser | None = None, *, in_unit: bool = False) -> Iterator[str]:
    """One line each. What lies on another machine is not looked at; without `asterisk` it is not asked whether Asterisk may read.
    `in_unit`: systemd may hide /tmp and /home from this process, so that a directory that is not seen may be there."""
    if elsewhere(config):
        return
    sounds, told = config.dialplan.sounds, set()
    for profile in config.book.profiles.values():
        top = Path(profile.announcement).parent if profile.announcement.startswith("/") else sounds
        if in_unit and not os.path.isdir(top):
            continue
        for sound in _of_a_line(profile, str(sounds)):
            why = _why_not(sound, asterisk)
            if why and sound not in told:
                told.add(sound)
                yield f"[profiles.{profile.name}] announcement: {sound}{why}; without it no call of this line is announced or recorded"
    if in_unit and not os.path.isdir(sounds):
        return
    tones = {tone.value: why for tone in Tone if (why := _why_not(sounds / "tones" / tone.value, asterisk))}
    for name, why in [*tones.items()][:1]:
        names = ", ".join(tones)
        yield f"[dialplan] sounds: {sounds}/tones/{name}{why}; agents do not hear what their key did (tones: {names})"


def _of_a_line(profile: Profile, sounds: str) -> Iterator[Path]:
    notice = Path(notice_path(profile, sounds))
    yield notice
    if profile.refuse_key:
        yield notice.with_name("refused")
    if any(purpose.agree_key for purpose in profile.purposes):
        yield notice.with_name("agreed")


def _why_not(sound: Path, asterisk: AsteriskUser | None) -> str:
    """Empty where Asterisk can play it, in one format or another, or where that cannot be seen from here."""
    whys = []
    try:
        for extension in (*WAVES, *OTHERS):
            path = sound.with_name(f"{sound.name}.{extension}")
            if path.is_file():
                why = _why_not_file(path, extension, asterisk)
                if not why:
                    return ""
                whys.append(f".{extension} {why}")
        if not whys and not sound.parent.is_dir():
            return f" is missing: there is no directory {sound.parent}"
    except PermissionError:
        return ""
    return whys[0] if whys else " is missing, with whatever extension"


def _why_not_file(path: Path, extension: str, asterisk: AsteriskUser | None) -> str:
    if asterisk is not None and not asterisk.can_read(path):
        return f"cannot be read by Asterisk, which runs as user {asterisk.uid}: chmod -R a+rX {path.parent}"
    if path.stat().st_size == 0:
        return "is empty"
    if extension not in WAVES:
        return ""
    rate = WAVES[extension]
    way_out = f"sox {path} -r {rate} -c 1 -b 16 -e signed-integer NEW.{extension}"
    try:
        with wave.open(str(path)) as file:
            fits = (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, 1, 2)
            empty = file.getnframes() == 0
    except (wave.Error, EOFError):
        fits, empty = False, False
    if not fits:
        return f"is not as Asterisk plays it, {rate} Hz, one voice, 16 bits: {way_out}"
    return "is empty" if empty else ""
