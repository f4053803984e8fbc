"""Who the recorder is to ARI: the user of the configuration, and the password in its file."""

from __future__ import annotations

from pathlib import Path

from asterisk_privacy import file_access
from asterisk_privacy.asterisk.ari import AriAccess
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError


def ari_access(config: Config) -> AriAccess:
    """OperatorError if the password's file cannot be read."""
    return AriAccess(config.asterisk.ari_url, config.asterisk.ari_user, _secret(config.asterisk.ari_password_file))


def _secret(path: Path) -> str:
    try:
        secret = file_access.read(path, "asterisk.ari_password_file", secret=True).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path}: {error}; write the ARI user's password there, readable by this user only") from error
    if not secret:
        raise OperatorError(f"{path}: is empty; write the ARI user's password there")
    return secret
