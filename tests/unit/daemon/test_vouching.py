"""The checkpoint of each night: signed with whichever key there is, told to the journal, an alarm when it fails."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.settings import RegistrySettings
from asterisk_privacy.daemon.vouching import key_file, nightly
from asterisk_privacy.registry.checkpoint import read_line
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.signing import Signer


@pytest.fixture
def settings(tmp_path: Path) -> RegistrySettings:
    (tmp_path / "checkpoint.key").write_text(Signer.generate().private_pem)
    (tmp_path / "checkpoint.key").chmod(0o600)
    return RegistrySettings(
        path=tmp_path / "registry.sqlite", checkpoints=tmp_path / "checkpoints.jsonl", checkpoint_key=tmp_path / "checkpoint.key"
    )


def test_signed_and_told_to_the_journal(settings: RegistrySettings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    health = Health()
    with Registry.open(settings.path) as registry:
        nightly(registry, settings, health)
        report = registry.verify_audit()
    assert not health.alarms and report.last_checkpoint == read_line(caplog.messages[-1]) == read_line(settings.checkpoints.read_text())


def test_no_key_is_said_and_is_no_alarm(settings: RegistrySettings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings.checkpoint_key.unlink()
    health = Health()
    with Registry.open(settings.path) as registry:
        nightly(registry, settings, health)
    assert not health.alarms and "generate-checkpoint-key" in caplog.text and not settings.checkpoints.exists()


def test_what_goes_wrong_is_an_alarm_of_its_own(settings: RegistrySettings) -> None:
    health = Health()
    with Registry.open(settings.path) as registry:
        nightly(registry, replace(settings, checkpoints=settings.path.parent / "missing" / "checkpoints.jsonl"), health)
        settings.checkpoint_key.write_text("scribbles")
        nightly(registry, settings, health)
        assert health.alarms == {Alarm.CHECKPOINT_FAILED: 2}
    settings.checkpoint_key.write_text(Signer.generate().private_pem)
    with sqlite3.connect(settings.path) as db:
        db.execute("DROP TRIGGER audit_update")
        db.execute("UPDATE audit SET actor = 'nobody'")
    with Registry.open(settings.path) as registry:
        nightly(registry, settings, health)
    assert health.alarms == {Alarm.CHECKPOINT_FAILED: 2, Alarm.AUDIT_BROKEN: 1}


def test_a_credential_of_systemd_goes_first(settings: RegistrySettings, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    assert key_file(settings, {}) == key_file(settings, {"CREDENTIALS_DIRECTORY": str(credentials)}) == settings.checkpoint_key
    (credentials / "checkpoint.key").write_text("")
    assert key_file(settings, {"CREDENTIALS_DIRECTORY": str(credentials)}) == credentials / "checkpoint.key"
