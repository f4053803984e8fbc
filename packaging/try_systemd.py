#!/usr/bin/env python3
"""try_systemd.py SUITE: the package of dist/SUITE under a real systemd: a Debian of its own, booted in namespaces, whose recorder works for
a lab's Asterisk beside it. make test-systemd, as root; needs mmdebstrap.

It shows what tests of the daemon alone cannot: that the hardening of the units leaves what is needed, and that systemd understands
ready, reload, watchdog, stop and failure as they are meant."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from guest import Guest, must, until

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, Pbx, free_port
from asterisk_privacy.lab.sipp import HangUp, Key, SippAgent, SippCaller, Step, Talk, WaitForBye
from asterisk_privacy.lab.unpack import Install, Shown, locate
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.opening import open_recording
from asterisk_privacy.store.pieces import measured

_DIALPLAN_LINES = """
[from-outside](+)
exten => 901,1,GosubIf($[${DIALPLAN_EXISTS(privacy-start,s,1)}]?privacy-start,s,1(flag))
 same => n,Dial(PJSIP/agent,30,tkK)
 same => n,Hangup()
"""
_CONFIG = """
[asterisk]
ari_url = "{ari}"
[dialplan]
sounds = "{sounds}"
[review]
listen = "127.0.0.1:{review}"
[keys]
grace_seconds = 2
[purposes.complaint]
title = "handling complaints"
basis = "legitimate-interest"
reasoning = "to settle what was said"
trigger = "flag"
retention = {{ until = "case-closed", latest_days = 700 }}
[profiles.flag]
title = "flag"
language = "en"
announcement = "short"
purposes = ["complaint"]
"""


class Recorder:
    """The unit asterisk-privacy in the guest, and what is asked of it, in order."""

    unit = "asterisk-privacy"

    def __init__(self, guest: Guest, pbx: Pbx, work: Path, phone: int, identity: Identity) -> None:
        self.guest, self.pbx, self.work, self.phone, self.identity = guest, pbx, work, phone, identity
        self.config = guest.root / "etc/asterisk-privacy/config.toml"
        self.recordings = guest.root / "var/lib/asterisk-privacy/recordings"

    def systemctl(self, verb: str) -> subprocess.CompletedProcess[str]:
        return self.guest("systemctl", verb, self.unit)

    def send(self, signal: str) -> None:
        self.guest("systemctl", "kill", "--kill-whom=main", f"--signal={signal}", self.unit)

    def told(self, what: str) -> str:
        return self.guest.unit(self.unit, what)

    def status(self, *path: str) -> object:
        said = self.guest("asterisk-privacy", "status", "--json", user=self.unit).stdout
        found: object = json.loads(said) if said else {}
        for name in path:
            found = found.get(name, {}) if isinstance(found, dict) else {}
        return found

    def connected(self) -> bool:
        return self.status("ari", "connected") is True

    def calls(self) -> object:
        return self.status("calls", "now")

    def sealed(self) -> list[Path]:
        return sorted(self.recordings.rglob("*.flac.age"), key=lambda p: p.stat().st_mtime_ns)

    def open(self) -> int:
        return len([*self.recordings.rglob("*.part")])

    @contextlib.contextmanager
    def a_call(self, name: str, seconds: float, *steps: Step) -> Iterator[None]:
        """A customer and the agent talk, to the end, whatever happens to the recorder; `steps` are the agent's."""
        work, server, install = self.work / name, self.pbx.sip_port, self.pbx.install
        agent = SippAgent("agent", work, install, port=self.phone, server_port=server, steps=(*steps, WaitForBye()), answer_after=0.2)
        caller = SippCaller("customer", work, install, extension="901", server_port=server, steps=(Talk(seconds), HangUp()))
        with agent, caller:
            yield
            must("the call went on to its end", caller.wait(seconds + 30.0) == 0, caller.errors)

    def starts(self) -> None:
        started = self.systemctl("start")
        must("it starts and says so (Type=notify)", started.returncode == 0 and self.told("ActiveState") == "active", started.stderr)
        until("it is connected to Asterisk", self.connected)
        process = f"/proc/{self.told('MainPID')}"
        limits = self.guest("cat", f"{process}/limits").stdout
        must("no core file", any(line.split()[4:6] == ["0", "0"] for line in limits.splitlines() if line.startswith("Max core")), limits)
        must("no privilege", "CapEff:\t0000000000000000" in self.guest("cat", f"{process}/status").stdout)
        tested = self.guest("asterisk-privacy", "selftest", user=self.unit)
        must("selftest: announced, held, kept, decrypted, measured, deleted", tested.returncode == 0, tested.stdout + tested.stderr)

    def reloads(self) -> None:
        until("its call is over", lambda: self.calls() == 0)
        with self.a_call("reload", 90.0, Talk(3.0), Key("*1")):
            until("a call is there", lambda: self.calls() == 1)
            good = self.config.read_text() + "\n[ring]\nmax_minutes = 60\n"
            self.config.write_text(good)
            reloaded = self.systemctl("reload")
            must("reload in mid-call", reloaded.returncode == 0, reloaded.stderr)
            self.config.write_text(good + "\n[nonsense]\n")
            must("reload of a wrong configuration fails", self.systemctl("reload").returncode != 0)
            holds = (self.told("ActiveState"), self.calls())
            must("and what was read before still holds", holds == ("active", 1), holds)
            self.config.write_text(good)
        until("what the agent kept is sealed", lambda: len(self.sealed()) == 1)
        self.both_voices_in(self.sealed()[0])

    def restarts_and_stops(self) -> None:
        with self.a_call("restart", 30.0, Talk(2.5), Key("*1")):
            until("a call is kept", lambda: self.open() == 1)
            restarted = self.systemctl("restart")
            must("restart in mid-call", restarted.returncode == 0 and self.told("ActiveState") == "active", restarted.stderr)
            until("the call is taken up", lambda: self.calls() == 1 and self.open() == 1)
            time.sleep(4.0)  # something is said that can be kept; the last second is not proven when it stops
            stopped = self.systemctl("stop")
            must("stop in mid-call", stopped.returncode == 0 and self.told("Result") == "success", self.told("Result"))
            must("what may be kept is sealed", len(self.sealed()) == 3 and not self.open(), self.sealed())

    def comes_back(self) -> None:
        self.systemctl("start")
        before = self.told("MainPID")
        self.send("KILL")
        until("killed, it is started again", lambda: self.told("MainPID") not in {"0", before} and self.connected(), 40)
        self.send("STOP")
        until("hung, the watchdog ends it and it is started again", lambda: self.told("NRestarts") == "2" and self.connected(), 90)

    def stays_down(self) -> None:
        self.systemctl("stop")
        good = self.config.read_text()
        self.config.write_text(good + "\n[nonsense]\n")
        self.systemctl("start")
        time.sleep(12.0)  # RestartSec is 10
        must("a wrong configuration is not tried for ever", self.told("ActiveState") == "failed", self.told("ActiveState"))
        self.config.write_text(good)
        must("put right, it starts", self.systemctl("start").returncode == 0)

    def hears_the_wire(self) -> None:
        """The way of docs/admin.md, there and back."""
        dropin = f"/etc/systemd/system/{self.unit}.service.d/wire.conf"
        self.systemctl("stop")
        good = self.config.read_text()
        self.config.write_text(good + '\n[capture]\nhow = "wire"\n')
        must("without its drop-in the wire is refused", self.systemctl("start").returncode != 0)
        must("with the exit code of what cannot be now", self.told("ExecMainStatus") == "3", self.told("ExecMainStatus"))
        said = self.guest("journalctl", f"_PID={self.told('ExecMainPID')}", "-o", "cat", "--no-pager").stdout.splitlines()
        must("and one line of what to do", len(said) == 1 and "wire.conf" in said[0], said)
        self.systemctl("stop")
        shipped = "/usr/share/asterisk-privacy/examples/wire.conf"
        self.guest("install", "-D", "-m", "0644", shipped, dropin)
        self.guest("systemctl", "daemon-reload")
        started = self.systemctl("start")
        must("with it the recorder starts", started.returncode == 0 and self.told("ActiveState") == "active", started.stderr)
        until("it is connected to Asterisk", self.connected)
        must("it has a ring of packets", len(self.packet_sockets()) == 1, self.packet_sockets())
        threads = self.guest("sh", "-c", f"cat /proc/{self.told('MainPID')}/task/*/status").stdout.splitlines()
        held = {line for line in threads if line.startswith(("CapInh:", "CapPrm:", "CapEff:", "CapAmb:"))}
        must("and no thread of it a right to another", len(held) == 4 and all(line.endswith("\t" + "0" * 16) for line in held), held)
        before = len(self.sealed())
        with self.a_call("wire", 8.0, Talk(3.0), Key("*1")):
            until("a call is there", lambda: self.calls() == 1)
            until("both are heard on the wire", lambda: self.status("capture", "wire") == 2)
        until("what the agent kept is sealed", lambda: len(self.sealed()) == before + 1)
        must("no snoop was needed, no packet lost", [self.status("capture", f"wire_{n}") for n in ("unfit", "lost")] == [0, 0])
        self.both_voices_in(self.sealed()[-1])
        tested = self.guest("asterisk-privacy", "selftest", user=self.unit)
        must("what is not on the wire is heard through snoops: selftest", tested.returncode == 0, tested.stdout + tested.stderr)
        self.config.write_text(good)
        self.guest("rm", dropin)
        self.guest("systemctl", "daemon-reload")
        must("taken away again, it starts as before", self.systemctl("restart").returncode == 0)
        until("it is connected to Asterisk", self.connected)
        must("with no ring", not self.packet_sockets(), self.packet_sockets())

    def packet_sockets(self) -> set[str]:
        """Inodes of those that the daemon holds open (packet(7), /proc/net/packet)."""
        lines = self.guest("cat", "/proc/net/packet").stdout.splitlines()[1:]
        files = self.guest("ls", "-l", f"/proc/{self.told('MainPID')}/fd").stdout
        return {line.split()[-1] for line in lines if f"socket:[{line.split()[-1]}]" in files}

    def both_voices_in(self, sealed: Path) -> None:
        with open(sealed, "rb") as file:
            content = measured(file)
        heard = open_recording(sealed, content, [self.identity])[0]
        levels = [tones.level(heard[8000:16000, leg], hz) for leg, hz in ((0, tones.CUSTOMER), (1, tones.AGENT))]
        must("both voices are in it", all(level > -40 for level in levels), levels)

    def logs(self) -> None:
        journal = self.guest("journalctl", "-u", self.unit, "-o", "json", "--no-pager").stdout
        lines = [json.loads(line) for line in journal.splitlines()]
        ours = [line for line in lines if line.get("SYSLOG_IDENTIFIER") == self.unit and line.get("_PID") != "1"]
        must(
            "the journal has its lines, with their fields", any("CALL_ID" in line for line in ours), sorted({k for li in ours for k in li})
        )
        callers = [line["MESSAGE"] for line in ours if "sip:" in str(line["MESSAGE"]) or "PJSIP/customer" in str(line["MESSAGE"])]
        must("and no caller in them", not callers, callers)


def review_page(guest: Guest, port: int, identity: Path) -> None:
    unit = "asterisk-privacy-review"
    credentials = "/etc/credstore.encrypted"
    guest("install", "-d", "-m", "0700", credentials)
    shutil.copy(identity, guest.root / "root/identity.txt")
    made = guest("systemd-creds", "encrypt", "--name=identity", "/root/identity.txt", f"{credentials}/asterisk-privacy-review.identity")
    must("the reviewer's key becomes a credential", made.returncode == 0, made.stderr)
    (guest.root / "root/identity.txt").unlink()
    started = guest("systemctl", "start", unit)
    must(
        "the review page starts", started.returncode == 0, started.stderr + guest("journalctl", "-u", unit, "--no-pager", "-n", "5").stdout
    )
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        must("and asks who one is", answer.status == 200 and b'type="password"' in answer.read())
    must("it stops", guest("systemctl", "stop", unit).returncode == 0 and guest.unit(unit, "Result") == "success")


def a_debian(suite: str, root: Path) -> None:
    script = f'. packaging/own_debian.sh && a_debian {suite} try "$0"'
    subprocess.run(["bash", "-ec", script, root], check=True)


def with_a_higher_version(package: Path, work: Path) -> Path:
    again, folder = work / "again.deb", work / "again"
    subprocess.run(["dpkg-deb", "-R", package, folder], check=True)
    control = folder / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", r"\g<0>+again", control.read_text(), flags=re.MULTILINE))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", folder, again], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder)
    return again


def upgraded_and_removed(guest: Guest, package: Path, work: Path) -> None:
    """What ran runs again after an upgrade, what was stopped stays stopped, and nothing records once the package is gone."""
    recorder, page = "asterisk-privacy", "asterisk-privacy-review"
    shutil.copy(with_a_higher_version(package, work), guest.root / "root/again.deb")
    shutil.copy(package, guest.root / "root/first.deb")
    must("both run", all(guest("systemctl", "start", unit).returncode == 0 for unit in (recorder, page)))
    before = {unit: guest.unit(unit, "MainPID") for unit in (recorder, page)}
    done = guest("dpkg", "-i", "/root/again.deb")
    must("the upgrade goes through", done.returncode == 0, done.stderr)
    for unit in (recorder, page):
        until(f"{unit} runs again", lambda unit=unit: guest.unit(unit, "ActiveState") == "active")  # type: ignore[misc]
        must("as another process", guest.unit(unit, "MainPID") not in {"0", before[unit]})
    guest("systemctl", "stop", page)
    guest("dpkg", "-i", "--force-downgrade", "/root/first.deb")
    until("upgraded again, the recorder runs", lambda: guest.unit(recorder, "ActiveState") == "active")
    must("and the page that was stopped is stopped", guest.unit(page, "ActiveState") == "inactive")
    guest("systemctl", "start", page)
    pid = guest.unit(recorder, "MainPID")
    removed = guest("dpkg", "-r", recorder)
    must("it is removed", removed.returncode == 0, removed.stderr)
    must("and neither runs", not any(guest.unit(unit, "ActiveState") == "active" for unit in (recorder, page)))
    must("nor does its process", guest("test", "-e", f"/proc/{pid}").returncode != 0)
    must("it was stopped in order", "Stopped" in guest("journalctl", "-u", recorder, "-n", "5", "--no-pager").stdout)


def tried(suite: str, package: Path, install: Install, work: Path) -> None:
    root = work / "root"
    root.mkdir(mode=0o755)
    sys.stdout.write("== a Debian of its own\n")
    a_debian(suite, root)
    sounds, phone, review = work / "sounds", free_port(), free_port()
    shutil.copytree(DIALPLAN / "sounds", sounds)
    (sounds / "en/short.wav").write_bytes((DIALPLAN / "sounds/en/refused.wav").read_bytes())
    guest = Guest(root, sounds)
    guest.install(package)
    identity = Identity.generate()
    secret = work / "identity.txt"
    secret.write_text(identity.secret + "\n")
    pbx = Pbx(work / "pbx", install, contacts={"agent": phone}, extra_dialplan=_DIALPLAN_LINES)
    etc = root / "etc/asterisk-privacy"
    (etc / "config.toml").write_text(_CONFIG.format(ari=pbx.ari_url, sounds=sounds, review=review))
    (etc / "ari.secret").write_text(pbx.ari_password + "\n")
    (etc / "recipients.txt").write_text(identity.public + "\n")
    with pbx:
        try:
            guest.boot()
            made = guest("asterisk-privacy", "keys", "generate-number-key", "/etc/asterisk-privacy/number.key")
            must("keys are made", made.returncode == 0, made.stderr)
            owned = guest("systemd-tmpfiles", "--create", "asterisk-privacy.conf")
            must("and are the daemon's", owned.returncode == 0, owned.stderr)
            sys.stdout.write("== the recorder\n")
            asked = Recorder(guest, pbx, work, phone, identity)
            for question in (
                asked.starts, asked.reloads, asked.restarts_and_stops, asked.comes_back, asked.stays_down, asked.hears_the_wire, asked.logs,
            ):  # fmt: skip
                question()
            sys.stdout.write("== the review page\n")
            review_page(guest, review, secret)
            sys.stdout.write("== upgraded and removed while they run\n")
            upgraded_and_removed(guest, package, work)
        except OperatorError:
            sys.stdout.write(guest("journalctl", "-u", "asterisk-privacy*", "--no-pager", "-n", "40").stdout)
            raise
        finally:
            guest.halt()


def main() -> int:
    suite = sys.argv[1]
    packages = sorted(Path("dist", suite).glob("asterisk-privacy_*.deb"), key=lambda p: p.stat().st_mtime)
    try:
        if os.geteuid() != 0 or shutil.which("mmdebstrap") is None or not packages:
            raise OperatorError(
                f"this needs root, mmdebstrap (apt install mmdebstrap) and a package in dist/{suite} (packaging/build_in.sh)"
            )
        with TemporaryDirectory(prefix="ap-systemd-") as folder:
            Path(folder).chmod(0o755)
            tried(suite, packages[-1], locate(Shown()), Path(folder))
    except OperatorError as error:
        sys.stderr.write(f"try_systemd: {error}\n")
        return 1
    sys.stdout.write(f"== {suite}: {packages[-1].name} under systemd: as meant\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
