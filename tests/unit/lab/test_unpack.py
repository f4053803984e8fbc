"""Finding an Asterisk: what is there is taken at once, what is missing is said in one line. (The fetch itself runs in tests/asterisk.)"""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import aptroot, unpack


@pytest.fixture(autouse=True)
def no_system_asterisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "_system_asterisk", lambda: None)


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An unpacked tree with a loader that says a version, whatever it is asked to run."""
    root = tmp_path / "tree"
    program(root / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "echo Asterisk 22.10.1+dfsg+~cs6")
    (root / unpack.STAMP).write_text("asterisk 22\n")
    return root


def test_an_unpacked_tree_is_used_without_apt_or_network(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(unpack.ENV_ROOT, str(root))
    monkeypatch.setenv("PATH", "/nonexistent:/bin")
    install = unpack.locate()
    assert (install.root, install.version) == (root, "22.10.1")
    assert install.asterisk[1:] == ("--library-path", f"{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib", f"{root}/usr/sbin/asterisk")
    assert install.sipp[-1] == f"{root}/usr/bin/sipp"
    assert install.modules == root / "usr/lib/x86_64-linux-gnu/asterisk/modules"


def test_a_directory_of_someone_elses_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "precious").touch()
    monkeypatch.setenv(unpack.ENV_ROOT, str(tmp_path))
    with pytest.raises(OperatorError, match="is not empty"):
        unpack.locate()
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]


def test_no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(unpack.ENV_ROOT, raising=False)
    with pytest.raises(OperatorError, match="no apt-get to fetch one with: install asterisk 20"):
        unpack.locate()


def test_no_network_leaves_nothing_behind_but_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(unpack.ENV_ROOT, str(tmp_path / "lab"))
    monkeypatch.setenv(aptroot.ENV_MIRROR, "file:///nonexistent/debian")  # unreachable at once; apt tries a host again and again
    with pytest.raises(OperatorError) as told:
        unpack.locate()
    assert "\n" not in str(told.value)
    assert "cannot fetch asterisk from file:///nonexistent/debian" in str(told.value)
    assert aptroot.ENV_MIRROR in str(told.value)
    assert [p.name for p in tmp_path.iterdir()] == [".lab.lock"]


def test_an_interrupted_run_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / ".lab.new-dead"
    (stale / "root").mkdir(parents=True)
    monkeypatch.setenv(unpack.ENV_ROOT, str(tmp_path / "lab"))

    def fill(work: Path, tree: Path, packages: object, progress: object) -> list[str]:
        assert not stale.exists()
        program(tree / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "echo Asterisk 22.1")
        return ["asterisk 22.1"]

    monkeypatch.setattr(aptroot, "fill", fill)
    assert unpack.locate().version == "22.1"
    assert (tmp_path / "lab" / unpack.STAMP).read_text() == "asterisk 22.1\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lab.lock", "lab"]


def test_two_at_once_unpack_only_once(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "lab"
    monkeypatch.setenv(unpack.ENV_ROOT, str(target))
    monkeypatch.setattr(aptroot, "fill", lambda *_: pytest.fail("unpacked a second time"))
    waiting = threading.Event()
    found: list[unpack.Install] = []
    with (tmp_path / ".lab.lock").open("w") as other:  # the other run, in the middle of it
        fcntl.flock(other, fcntl.LOCK_EX)
        run = threading.Thread(target=lambda: found.append(unpack.locate(lambda *_: waiting.set())))
        run.start()
        assert waiting.wait(5)
        root.rename(target)
    run.join(5)
    assert found[0].root == target


@pytest.mark.parametrize(
    ("lines", "mirror"),
    [
        (["http://a/debian-security/ Debian Debian-Security", "http://a/debian/ Debian Debian"], "http://a/debian/"),
        (["http://b/debian $(ORIGIN) $(LABEL)"], "http://b/debian"),  # before the first apt-get update
        (["http://x/ other other", "http://c/mirror/ Debian Debian"], "http://c/mirror/"),
        (["cdrom:[Debian]/ Debian Debian", "http://u/ubuntu/ Ubuntu Ubuntu"], None),
    ],
)
def test_the_mirror_is_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], mirror: str | None) -> None:
    program(tmp_path / "apt-get", "\n".join(f"echo '{line}'" for line in lines))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv(aptroot.ENV_MIRROR, raising=False)
    if mirror is None:
        with pytest.raises(OperatorError, match=aptroot.ENV_MIRROR):
            aptroot.mirror()
    else:
        assert aptroot.mirror() == mirror
