"""The store as the configuration has it: the recorder's side, which writes and destroys, and the readers'."""

from __future__ import annotations

from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.shelf import LocalShelf, Shelf
from asterisk_privacy.store.vault import Vault


def vault_of(config: Config, recipients: Recipients | None = None) -> Vault:
    """Sealed to `recipients`, or else to those of the configuration. OperatorError when the store cannot be used by this user."""
    return Vault(config.store.directory, recipients or Recipients.load(config.store.recipients))


def shelf_of(config: Config) -> Shelf:
    """To read only."""
    return LocalShelf(config.store.directory)
