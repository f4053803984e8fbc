"""What is asked of the running Asterisk about its set-up, and what `status` and `check-config --ask` then say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import ALWAYS, profile

from asterisk_privacy.asterisk import ari_events, modules, names
from asterisk_privacy.lab.pbx import DIALPLAN
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(60)]

HIDING = """
[hiding]
type=endpoint
context=from-agents
disallow=all
allow=ulaw
direct_media=yes
"""
HIDES = "pjsip.conf: endpoint hiding has direct_media=yes"


@pytest.fixture(scope="module")
def site(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    policy = ALWAYS + profile("orders", '"proof"', announcement="notice-plain")
    with Site(tmp_path_factory.mktemp("site"), install, policy, extra_pjsip=HIDING) as made:
        yield made


def ask(site: Site, config: Path | None = None) -> tuple[int, list[str]]:
    """Exit code, and what is wrong with Asterisk or why it cannot be asked."""
    command = [sys.executable, "-m", "asterisk_privacy", "check-config", "--ask", "--json", "--config", str(config or site.config)]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert b"Traceback" not in done.stderr
    told = json.loads(done.stdout)["asterisk"]
    return done.returncode, told.get("warnings", [told.get("error")])


def places(lines: list[str]) -> list[str]:
    return [line.partition(":")[0] for line in lines]


def advised(site: Site, count: int) -> list[str]:
    """By the daemon, in `status`, as of its last connection."""
    deadline = time.monotonic() + 10
    while len(said := list(site.status()["advice"])) != count and time.monotonic() < deadline:  # type: ignore[call-overload]
        time.sleep(0.1)
    return said


def test_every_context_of_the_include_is_looked_for() -> None:
    text = (DIALPLAN / "extensions_privacy.conf").read_text()
    own = [block for block in re.split(r"^\[", text, flags=re.MULTILINE)[1:] if re.search(r"^exten => s,1,", block, re.MULTILINE)]
    found = {block.partition("]")[0] for block in own} | names.NOT_AT_S.keys()
    assert {name for name in found if not name.startswith("privacy-selftest")} == set(names.CONTEXTS)


def test_asked_beside_the_daemon_which_notices_nothing(site: Site) -> None:
    before = site.status()
    code, said = ask(site)
    assert (code, len(said)) == (1, 1), said
    assert said[0].startswith(HIDES)
    after = site.status()
    assert after["alarms"] == before["alarms"] == {}
    for report in (before, after):
        ari = report["ari"]
        assert isinstance(ari, dict)
        assert (ari["connected"], ari["lost"], ari["unknown"], ari["malformed"]) == (True, 0, 0, 0)
    assert "0 calls processed" in site.pbx.cli("core show channels")
    assert "0 active channels" in site.pbx.cli("core show channels")


def test_an_endpoint_that_hides_its_holds(site: Site) -> None:
    path = site.pbx.workdir / "etc/pjsip.conf"
    text = path.read_text()
    path.write_text(text.replace("direct_media=yes", "direct_media=no\nsuppress_moh_on_sendonly=yes"))
    site.pbx.cli("module reload res_pjsip.so")
    try:
        (told,) = ask(site)[1]
        assert told.startswith("pjsip.conf: endpoint hiding has suppress_moh_on_sendonly=yes, so that Asterisk tells nobody of its holds")
        assert told.endswith("; set suppress_moh_on_sendonly=no")
    finally:
        path.write_text(text)
        site.pbx.cli("module reload res_pjsip.so")


def test_the_daemon_warns_of_the_same(site: Site) -> None:
    assert [line[: len(HIDES)] for line in advised(site, 1)] == [HIDES]


@pytest.fixture
def include(site: Site) -> Iterator[Path]:
    """The include as Asterisk reads it; put back afterwards."""
    path = site.pbx.workdir / "etc/extensions_privacy.conf"
    text = path.read_text()
    yield path
    path.write_text(text)
    site.pbx.cli("dialplan reload")


def test_without_the_include(site: Site, include: Path) -> None:
    include.write_text("; nothing\n")
    site.pbx.cli("dialplan reload")
    code, said = ask(site)
    assert (code, places(said)) == (1, ["extensions.conf", "pjsip.conf"]), said
    assert "none of the recorder's contexts" in said[0]
    site.stop_daemon()
    site.start_daemon()
    assert places(advised(site, 2)) == ["extensions.conf", "pjsip.conf"]


def test_with_an_older_include(site: Site, include: Path) -> None:
    include.write_text(include.read_text().replace("[privacy-key-object]", "[something-else]"))
    site.pbx.cli("dialplan reload")
    code, said = ask(site)
    assert (code, places(said)) == (1, ["extensions_privacy.conf", "pjsip.conf"]), said
    assert "lacks [privacy-key-object]," in said[0]


def test_a_dialplan_that_dials_another_recorder(site: Site) -> None:
    right = site.pbx.cli("dialplan show globals").partition("PRIVACY_AUDIOSOCKET=")[2].split()[0]
    site.pbx.cli("dialplan set global PRIVACY_AUDIOSOCKET 127.0.0.9:9092")
    try:
        code, said = ask(site)
        assert (code, places(said)) == (1, ["extensions.conf", "pjsip.conf"]), said
        assert said[0].endswith(f"set PRIVACY_AUDIOSOCKET={right}")
    finally:
        site.pbx.cli(f"dialplan set global PRIVACY_AUDIOSOCKET {right}")


def test_a_missing_module(site: Site) -> None:
    site.pbx.cli("module unload app_audiosocket.so")
    try:
        assert places(ask(site)[1]) == ["modules.conf", "pjsip.conf"]
    finally:
        site.pbx.cli("module load app_audiosocket.so")


def test_a_module_that_only_a_function_of_the_dialplan_needs(site: Site) -> None:
    site.pbx.cli("module unload func_cut.so")
    try:
        (told, _) = ask(site)[1]
        assert told == "modules.conf: func_cut.so is not running (CUT() of the dialplan); load it"
    finally:
        site.pbx.cli("module load func_cut.so")


def test_the_modules_are_those_that_asterisk_itself_names(install: Install) -> None:
    """Which application or function is whose, by the documentation that came with this release."""
    text = (install.data / "documentation/core-en_US.xml").read_text()
    whose = {}
    for kind, name, module in re.findall(r'<(application|function) name="(\w+)" language="en_US" module="([\w-]+)"', text):
        whose[f"{name.lower()}{'()' if kind == 'function' else ''}"] = module
    listed = {
        name: module for names in (modules.DIALPLAN, modules.SELFTEST, modules.ROOMS) for module, used in names.items() for name in used
    }
    assert {name: whose.get(name.lower()) for name in listed} == listed
    assert [m for m in modules.MODULES if not (install.modules / f"{m}.so").exists()] == []


def test_every_event_of_this_release_is_known(install: Install) -> None:
    models = json.loads((install.data / "rest-api/events.json").read_text())["models"]
    types = {name for model in ("Event", "Message") for name in models[model].get("subTypes", [])} - {"Event"}
    assert len(types) > 30
    unknown = [t for t in sorted(types) if ari_events.Unknown(t) in ari_events.parse(json.dumps({"type": t}), lambda _stamp: 1.0)]
    assert unknown == []


def test_a_name_that_another_daemon_has(site: Site) -> None:
    """As a second recorder on this Asterisk is configured: it has a control socket of its own."""
    second = site.etc / "second.toml"
    second.write_text(site.config.read_text().replace("control.sock", "second.sock"))
    code, said = ask(site, second)
    assert (code, places(said)) == (1, ["[asterisk] app", "pjsip.conf"]), said
    assert "asterisk-privacy is in use" in said[0]


def test_a_user_that_may_only_read(site: Site) -> None:
    path = site.pbx.workdir / "etc/ari_privacy.conf"
    text = path.read_text()
    path.write_text(text.replace("read_only = no", "read_only = yes"))
    site.pbx.cli("module reload res_ari.so")
    try:
        code, said = ask(site)
        assert (code, places(said)) == (1, ["ari.conf"]), said
    finally:
        path.write_text(text)
        site.pbx.cli("module reload res_ari.so")


def test_an_asterisk_that_cannot_be_asked(site: Site) -> None:
    wrong = site.etc / "wrong.secret"
    wrong.write_text("wrong\n")
    config = site.etc / "wrong.toml"
    config.write_text(site.config.read_text().replace("ari.secret", "wrong.secret"))
    code, (why,) = ask(site, config)
    assert code == 3
    assert "ari_password_file" in why
    config.write_text(site.config.read_text().replace(str(site.pbx.ari_port), "1"))
    code, (why,) = ask(site, config)
    assert code == 3
    assert "cannot be asked" in why
