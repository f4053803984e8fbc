"""What the recorder itself still lacks on this machine, one line each with the command to run."""

from __future__ import annotations

import tomllib

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.setup.pieces import SAFE_LINE
from asterisk_privacy.setup.shipped import SHARE, shipped
from asterisk_privacy.setup.tree import Tree

RECIPIENTS = "/etc/asterisk-privacy/recipients.txt"
NUMBER_KEY = "/etc/asterisk-privacy/number.key"
SOUNDS = str(SHARE / "sounds")


def left_to_do(tree: Tree, config: str) -> list[str]:
    text = tree.read(config)
    if text is None:
        return [f"Write {config}: what may be recorded, and why; begin with a copy of {_sample()}", *_files(tree, {}), *LAST]
    try:
        tables = tomllib.loads(text.decode())
    except ValueError:  # check-config says what is wrong
        tables = {}
    return [*_files(tree, tables), *LAST]


LAST = (
    f"Put one line before Dial(), Queue() or ConfBridge() of each line that may be recorded: same => n,{SAFE_LINE}",
    "Then: asterisk-privacy check-config && systemctl enable --now asterisk-privacy && asterisk-privacy selftest",
)


def _files(tree: Tree, tables: dict[str, object]) -> list[str]:
    recipients = _setting(tables, "store", "recipients", RECIPIENTS)
    number_key = _setting(tables, "registry", "number_key", NUMBER_KEY)
    sounds = _setting(tables, "dialplan", "sounds", SOUNDS)
    found = []
    if tree.read(recipients) is None:
        found.append(
            f"Put the public keys of those who may listen into {recipients}: made with `asterisk-privacy keys generate`, "
            f"on their own machine"
        )
    if tree.read(number_key) is None:
        found.append(f"Make the key for numbers: asterisk-privacy keys generate-number-key {number_key}")
    if not tree.is_directory(sounds):
        found.append(f"Copy the announcements: mkdir -p {sounds} && cp -r {_place('dialplan/sounds')}/. {sounds}/")
    if found:
        found.append("Let the daemon, and no one else, read them: systemd-tmpfiles --create asterisk-privacy.conf")
    return found


def _setting(tables: dict[str, object], table: str, key: str, otherwise: str) -> str:
    values = tables.get(table)
    value = values.get(key) if isinstance(values, dict) else None
    return value if isinstance(value, str) and value.startswith("/") else otherwise


def _sample() -> str:
    return _place("examples/config.toml")


def _place(name: str) -> str:
    try:
        return str(shipped(name))
    except OperatorError:
        return f"{name} of the source"
