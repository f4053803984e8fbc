"""Who the recorder is to ARI and AMI: the user of the configuration, and the password in its file."""

from __future__ import annotations

from pathlib import Path

from asterisk_privacy.asterisk.ami import AmiAccess
from asterisk_privacy.asterisk.ari import AriAccess
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError


def ari_access(config: Config) -> AriAccess:
    """OperatorError if the password's file cannot be read."""
    return AriAccess(config.asterisk.ari_url, config.asterisk.ari_user, _secret(config.asterisk.ari_password_file, "ARI"))


def ami_access(config: Config) -> AmiAccess:
    """OperatorError if the password's file cannot be read."""
    ami = config.ami
    return AmiAccess(ami.address.host, ami.address.port, ami.user, _secret(ami.password_file, "AMI"))


def _secret(path: Path, whose: str) -> str:
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path}: {error}; write the {whose} user's password there, readable by this user only") from error
    if not secret:
        raise OperatorError(f"{path}: is empty; write the {whose} user's password there")
    return secret
