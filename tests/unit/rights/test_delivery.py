"""A copy is whole, private and nowhere else; or it is not there."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.rights.delivery import deliver_to

NAMES = ["copy", "copy.zip"]


@pytest.mark.parametrize("name", NAMES)
def test_private_whatever_the_umask(tmp_path: Path, name: str) -> None:
    before = os.umask(0)
    try:
        with deliver_to(tmp_path / name) as delivery:
            delivery.put("a/audio.flac", b"x" * 100)
            delivery.finish()
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("name", NAMES)
def test_by_an_error_it_is_gone(tmp_path: Path, name: str) -> None:
    with pytest.raises(OperatorError, match="no key"), deliver_to(tmp_path / name) as delivery:
        delivery.put("a/audio.flac", b"x" * 100)
        raise OperatorError("no key")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_there_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(OperatorError, match="not overwritten"), deliver_to(tmp_path / name):
        pass
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OperatorError, match="not overwritten"), deliver_to(tmp_path / name):
        pass
    assert not (tmp_path / "elsewhere").exists() and (tmp_path / name).is_symlink()


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_can_be_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(OperatorError, match="cannot be made"), deliver_to(tmp_path / "nowhere" / name):
        pass


@pytest.mark.parametrize("inner", ["../outside", "/etc/passwd", "a/../../b"])
def test_no_name_leads_outside(tmp_path: Path, inner: str) -> None:
    with pytest.raises(ValueError, match="no name"), deliver_to(tmp_path / "copy") as delivery:
        delivery.put(inner, b"")


@pytest.mark.parametrize(("name", "sizes"), [("copy", [20_000]), ("copy.zip", [8_000] * 4), ("copy.zip", [16_300])])
def test_a_full_disk_leaves_nothing(tmp_path: Path, name: str, sizes: list[int]) -> None:
    """A limit on the size of files says what a full disk would, in mid-file or only at the end, when the zip's directory is written. In a
    process of its own, since it cannot be taken back."""
    program = f"""
import os
from pathlib import Path
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.rights.delivery import deliver_to
try:
    with deliver_to(Path({str(tmp_path / name)!r})) as delivery:
        for number, size in enumerate({sizes}):
            delivery.put(f"{{number}}.flac", os.urandom(size))
except OperatorError as error:
    print(error)
"""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))

    done = subprocess.run([sys.executable, "-c", program], preexec_fn=limit, capture_output=True, text=True, check=False)
    assert "nothing of it was left behind" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_audio_is_not_squeezed_twice(tmp_path: Path) -> None:
    with deliver_to(tmp_path / "copy.zip") as delivery:
        delivery.put("audio.flac", b"x" * 1000)
        delivery.put("facts.txt", b"x" * 1000)
    with zipfile.ZipFile(tmp_path / "copy.zip") as archive:
        assert [i.compress_type for i in archive.infolist()] == [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]
