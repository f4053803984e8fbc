"""The signed checkpoint of each night: where its key is, and what the journal is told."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from asterisk_privacy.credentials import credential
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.settings import RegistrySettings
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.checkpoint import Checkpoint
from asterisk_privacy.registry.checkpoints import Broken
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.signing import Signer

log = logging.getLogger(__name__)

CREDENTIAL = "checkpoint.key"  # LoadCredential=checkpoint.key:... (systemd.exec)


def key_file(settings: RegistrySettings, environment: Mapping[str, str] = os.environ) -> Path:
    """systemd's credential if there is one: that file is readable by root only."""
    return credential(CREDENTIAL, environment) or settings.checkpoint_key


def sign_trail(registry: Registry, settings: RegistrySettings) -> Checkpoint:
    """OperatorError: no key, a broken trail (Broken), or a file that cannot be written (NotWritten). The journal gets it too."""
    made = registry.soundness.checkpoint(Signer.load(key_file(settings)), settings.checkpoints)
    log.info("audit checkpoint %s", made.line)
    return made


def nightly(registry: Registry, settings: RegistrySettings, health: Health) -> None:
    """Whoever has made no key has chosen to go without: that is said, and is no alarm."""
    if not key_file(settings).exists():
        log.info("audit trail: not signed; make a key with: asterisk-privacy keys generate-checkpoint-key %s", settings.checkpoint_key)
        return
    try:
        sign_trail(registry, settings)
    except Broken as error:
        health.alarm(Alarm.AUDIT_BROKEN, str(error))
    except OperatorError as error:
        health.alarm(Alarm.CHECKPOINT_FAILED, str(error))
