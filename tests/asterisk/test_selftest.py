"""`asterisk-privacy selftest` on a real Asterisk: all is well where it is, and each thing that can be wrong has a line of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sites import FLAG, profile, short_sounds, wait_until_quiet

from asterisk_privacy.cli.selftest import selftest
from asterisk_privacy.lab.pbx import DIALPLAN
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import State

pytestmark = pytest.mark.asterisk

POLICY = FLAG + profile("support", '"complaint"') + profile("mute", '"complaint"', announcement="nowhere")


@pytest.fixture(scope="module")
def site(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("selftest")
    settings = {"keys.grace_seconds": "0"}
    with Site(work, install, POLICY, settings=settings, sounds=short_sounds(work / "sounds", DIALPLAN / "sounds")) as running:
        yield running


def run(site: Site, *options: str, code: int) -> dict[str, Any]:
    """By step: what came of it."""
    result = CliRunner().invoke(selftest, ["--config", str(site.config), "--json", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    told = json.loads(result.stdout)
    assert result.exit_code == told["exit_code"] == code, result.output
    assert all(step["told"] for step in told["steps"] if step["result"] in ("wrong", "cannot"))
    return {step["step"]: step for step in told["steps"]}


def wrong(steps: dict[str, Any]) -> dict[str, str]:
    return {name: step["told"] for name, step in steps.items() if step["result"] in ("wrong", "cannot")}


def tried(steps: dict[str, Any]) -> set[str]:
    return {name for name, step in steps.items() if step["result"] != "not tried"}


@contextmanager
def changed(file: Path, old: str, new: str, site: Site, reload: str) -> Iterator[None]:
    was = file.read_text()
    assert old in was
    file.write_text(was.replace(old, new))
    site.pbx.cli(reload)
    yield
    file.write_text(was)
    site.pbx.cli(reload)


def test_all_is_well_and_nothing_is_left(site: Site) -> None:
    steps = run(site, code=0)
    assert len(steps) == 15 and {step["result"] for step in steps.values()} == {"fine"}
    wait_until_quiet(site)
    (row,) = site.recordings()
    assert row.state is State.PURGED and row.evidence and [p.name for p in row.purposes] == ["selftest"]
    assert [path for path in (site.state / "recordings").rglob("*") if path.is_file()] == []
    assert site.status()["alarms"] == {}


def test_it_says_the_same_to_people(site: Site) -> None:
    result = CliRunner().invoke(selftest, ["--config", str(site.config), "--profile", "mute"], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("FAIL"))
    assert "announcement" in lines[at] and "nowhere (en) could not be played" in lines[at + 1]
    assert any(line.startswith("ok") and "the dialplan gets the recorder's answer" in line for line in lines)


def test_a_module_that_is_missing(site: Site) -> None:
    site.pbx.cli("module unload app_audiosocket.so")
    try:
        found = wrong(run(site, code=1))
    finally:
        site.pbx.cli("module load app_audiosocket.so")
    assert "app_audiosocket" in found["modules"] and "module load" in found["modules"]
    assert "deleted" not in found


def test_contexts_that_are_not_included(site: Site) -> None:
    with changed(site.pbx.workdir / "etc/extensions.conf", "#include extensions_privacy.conf", "", site, "dialplan reload"):
        steps = run(site, code=1)
    assert set(wrong(steps)) == {"dialplan"} and "asterisk-privacy setup" in wrong(steps)["dialplan"]
    assert "agi" not in tried(steps)


def test_keys_that_are_not_included(site: Site) -> None:
    with changed(site.pbx.workdir / "etc/features.conf", "#include features_privacy.conf", "", site, "module reload features"):
        steps = run(site, code=1)
    assert set(wrong(steps)) == {"key"} and "features.conf" in wrong(steps)["key"]
    assert {"talk"} <= tried(steps) and "sealed" not in tried(steps)


def test_keys_in_a_conference_that_are_not_included(site: Site) -> None:
    file = site.pbx.workdir / "etc/confbridge.conf"
    with changed(file, "#tryinclude confbridge_privacy.conf", "", site, "module reload app_confbridge.so"):
        steps = run(site, code=1)
    assert set(wrong(steps)) == {"room"} and "confbridge.conf" in wrong(steps)["room"]


def test_without_conferences_there_is_nothing_to_try(site: Site) -> None:
    site.pbx.cli("module unload app_confbridge.so")
    try:
        assert run(site, code=0)["room"]["told"].startswith("there are none")
    finally:
        site.pbx.cli("module load app_confbridge.so")


def test_another_password(site: Site) -> None:
    secret = site.etc / "ari.secret"
    was = secret.read_text()
    secret.write_text("wrong\n")
    try:
        steps = run(site, code=1)
    finally:
        secret.write_text(was)
    assert set(wrong(steps)) == {"ari"} and "make the password in ari.conf" in wrong(steps)["ari"]


def test_another_address_for_agi(site: Site) -> None:
    site.pbx.cli("dialplan set global PRIVACY_AGI 127.0.0.1:1")
    try:
        steps = run(site, code=1)
    finally:
        site.pbx.cli("dialplan reload")
    assert set(wrong(steps)) == {"agi"} and "PRIVACY_AGI" in wrong(steps)["agi"]


def test_a_profile_that_is_not_there(site: Site) -> None:
    assert "no profile 'sales'" in wrong(run(site, "--profile", "sales", code=1))["agi"]


def test_without_the_recorder(site: Site) -> None:
    site.stop_daemon()
    try:
        steps = run(site, code=3)
    finally:
        site.start_daemon()
    assert set(wrong(steps)) == {"recorder"} and "systemctl status asterisk-privacy" in wrong(steps)["recorder"]
    assert {"ari", "modules", "dialplan"} <= tried(steps)
