"""The right to listen is needed once, and is gone after that: each in a process of its own, since it does not come back."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

BEGIN = f"""
import socket, subprocess, sys, threading
sys.path.insert(0, {str(HERE)!r})
from asterisk_privacy.asterisk.wire import right
from asterisk_privacy.asterisk.wire.packets import PacketRing
from asterisk_privacy.errors import OperatorError

def refused():
    for kind, protocol in ((socket.SOCK_DGRAM, 0), (socket.SOCK_RAW, 0)):
        try:
            socket.socket(socket.AF_PACKET, kind, protocol)
        except PermissionError:
            continue
        return False
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError:
        return True
    return False

def held(thread="self"):
    sets = dict(line.split(":\\t") for line in open(f"/proc/{{thread}}/status").read().splitlines() if line.startswith("Cap"))
    return [name for name in ("CapInh", "CapPrm", "CapEff", "CapAmb") if int(sets[name], 16) & 1 << right.CAP_NET_RAW]
"""


@pytest.fixture(autouse=True)
def may() -> None:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()
    except OSError as error:
        pytest.skip(f"the right that is to be laid down is not there: needs root ({error.strerror})")


def run(script: str, *before: str) -> str:
    done = subprocess.run([*before, sys.executable, "-c", BEGIN + script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_the_right_a_ring_is_refused_in_one_line_that_says_what_to_do() -> None:
    told = run("""
right.lay_down()
try:
    PacketRing()
except OperatorError as error:
    print(error)
""")
    assert told.count("\n") == 1
    assert 'how = "wire"' in told
    assert "Operation not permitted" in told
    assert "wire.conf" in told
    assert 'how = "snoop"' in told


def test_once_it_is_laid_down_only_the_ring_that_is_open_works() -> None:
    assert "heard: True True" in run("""
from own_net import Ears, own_net
with own_net():
    ring = PacketRing()
    assert not refused() and held()
    right.lay_down()
    ears, sender = Ears(ring), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ring.only([5000])
    sender.sendto(b"voice", ("127.0.0.1", 5000))
    ears.read(1)
    print("heard:", ears.payloads == [b"voice"], refused())
    assert held() == []
    ring.close()
""")


def test_nor_can_a_thread_that_begins_later() -> None:
    assert (
        run("""
right.lay_down()
told = []
thread = threading.Thread(target=lambda: told.append((refused(), held("thread-self"))))
thread.start()
thread.join()
print(told)
""").strip()
        == "[(True, [])]"
    )


def test_only_this_right_is_laid_down() -> None:
    assert run("""
def effective():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("CapEff")]
    return int(line.split()[1], 16)
before = effective()
right.lay_down()
print(before ^ effective() == 1 << 13)
right.lay_down()
print(before ^ effective() == 1 << 13)
""").split() == ["True", "True"]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is not here")
def test_a_program_that_the_daemon_starts_does_not_get_it_back() -> None:
    """As systemd hands it over: ambient, and root's own rights do not count."""
    with_it = ("setpriv", "--securebits=+noroot", "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw")
    told = run(
        f"""
print(refused(), held())
again = {BEGIN!r} + "print(refused(), held())"
print(subprocess.run([sys.executable, "-c", again], capture_output=True, text=True).stdout.strip())
right.lay_down()
print(refused(), held())
print(subprocess.run([sys.executable, "-c", again], capture_output=True, text=True).stdout.strip())
""",
        *with_it,
    )
    has = "False ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']"
    assert told.splitlines() == [has, has, "True []", "True []"]


@pytest.mark.parametrize(("how", "left"), [("WIRE", "True []"), ("SNOOP", "False ['CapPrm', 'CapEff']")])
def test_the_daemon_lays_it_down_with_the_ring_and_where_no_ring_is_asked_for_leaves_it_alone(how: str, left: str) -> None:
    told = run(
        f"""
import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace
from asterisk_privacy.daemon.capturing import ring_of
from asterisk_privacy.daemon.settings import How

async def main():
    async with AsyncExitStack() as stack:
        ring = ring_of(SimpleNamespace(capture=SimpleNamespace(how=How.{how})), stack)
        print(ring is not None, refused(), held())
    if ring is not None:
        try:
            ring.only([5000])
        except OSError:
            print("closed")

asyncio.run(main())
"""
    )
    assert told.splitlines() == ([f"True {left}", "closed"] if how == "WIRE" else [f"False {left}"])
