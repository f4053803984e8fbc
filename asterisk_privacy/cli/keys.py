"""`keys`: make the reviewers' key pair, the key for number hashes, and the key that signs checkpoints."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import click

from asterisk_privacy import file_access
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.signing import Signer
from asterisk_privacy.store.identity import Identity

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def keys() -> None:
    """Keys: who can listen to recordings, how numbers are hashed, and what vouches for the audit trail.

    Recordings are sealed to public keys (age1...). The recorder has only those. Whoever holds the secret key can listen.
    """


@keys.command()
@click.option("--identity", type=_FILE, default=Path("identity.txt"), show_default=True, help="New file (0600) for the secret key.")
@click.option("--recipients", type=_FILE, default=Path("recipients.txt"), show_default=True, help="Add the public key to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def generate(identity: Path, recipients: Path, as_json: bool) -> None:
    """Make a key pair for a reviewer.

    Do this on the reviewer's own machine, and take only the recipients file to the recorder
    (/etc/asterisk-privacy/recipients.txt). The identity file must NOT stay on the recorder's machine: who breaks
    into the recorder could then listen to everything. Keep a second copy of it in a safe place, for if it is
    lost, nobody can ever hear the recordings again. An existing identity file is never overwritten.
    """
    if identity.absolute() == recipients.absolute():
        raise OperatorError(f"{identity}: cannot be the identity file and the recipients file at once; name two files")
    made = Identity.generate()
    _write_secret(identity, f"# secret key of a reviewer: keep it off the recorder's machine\n# public key: {made.public}\n{made.secret}\n")
    _append_line(recipients, made.public)
    if as_json:
        echo(json.dumps({"public": made.public, "identity": str(identity), "recipients": str(recipients)}))
        return
    echo(made.public)
    echo(f"Secret key in {identity}: keep it, and a copy in a safe place; it must not stay on the recorder's machine.", err=True)
    echo(f"Public key added to {recipients}: that one goes to the recorder.", err=True)


@keys.command()
@click.argument("identity", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(identity: Path, as_json: bool) -> None:
    """Print the public key of each secret key in the file IDENTITY. The secret keys are not shown."""
    publics = [found.public for found in Identity.load_all(identity)]
    echo(json.dumps({"public": publics}) if as_json else "\n".join(publics), lines=True)


@keys.command("generate-number-key")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def generate_number_key(file: Path, as_json: bool) -> None:
    """Write the key for number hashes to FILE (32 random bytes in hexadecimal, new file, mode 0600).

    Run as root it has mode 0640 and the group of its directory, so that the recorder can read it.

    It stays on the recorder's machine: the registry keeps only a keyed hash of a caller's number, and this is its key.
    Lost, and old recordings can no longer be found by number.
    """
    _write_secret(file, secrets.token_hex(32) + "\n", for_recorder=True)
    echo(json.dumps({"number_key": str(file)}) if as_json else f"Number key written to {file}")


@keys.command("generate-checkpoint-key")
@click.argument("file", type=_FILE)
@click.option("--public", type=_FILE, help="New file for the public key; without it FILE with the ending .pub.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def generate_checkpoint_key(file: Path, public: Path | None, as_json: bool) -> None:
    """Write the key that signs checkpoints of the audit trail to FILE (ed25519, PEM, new file, mode 0600).

    Run as root it has mode 0640 and the group of its directory, so that the recorder can read it.

    Each night the recorder signs how long the audit trail is and where its chain ends. Keep a copy of the public key, and of the
    checkpoints, on another machine: there `audit verify` shows whether anything was cut or rewritten here since, whoever did it.
    After a change of key, add the new public key below the old one: that still vouches for what it signed.

    \b
    Example:
      asterisk-privacy keys generate-checkpoint-key /etc/asterisk-privacy/checkpoint.key
    """
    public = public or file.with_suffix(".pub")
    if public.absolute() == file.absolute():
        raise OperatorError(f"{file}: cannot be the private key and the public key at once; name two files")
    if public.exists():
        raise OperatorError(f"{public}: exists already and a key is never overwritten; name another file with --public")
    made = Signer.generate()
    _write_secret(file, made.private_pem, for_recorder=True)
    _append_line(public, made.public_pem.rstrip())
    if as_json:
        echo(json.dumps({"key": made.key_id, "private": str(file), "public": str(public)}))
        return
    echo(made.key_id)
    echo(f"Private key in {file}: for the recorder's nightly run alone.", err=True)
    echo(f"Public key in {public}: keep a copy of it on another machine.", err=True)


def _write_secret(path: Path, text: str, for_recorder: bool = False) -> None:
    """A new file that is 0600 from its first moment and safe on the disk when this returns. `for_recorder`: made by root it is of its
    directory's owner and group, and that group may read it: the recorder's user is in it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            if for_recorder and os.geteuid() == 0 and path.absolute().parent.stat().st_gid != 0:
                file_access.hand_over(descriptor, path.absolute().parent)
                os.fchmod(descriptor, 0o640)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except FileExistsError as error:
        raise OperatorError(f"{path}: exists already and a key is never overwritten; name another file") from error
    except OSError as error:
        raise OperatorError(f"{path}: cannot write it ({error.strerror}); name a file in a directory of yours") from error


def _append_line(path: Path, line: str) -> None:
    try:
        is_new = not path.exists()
        with open(path, "a+b") as file:
            if is_new:
                file_access.hand_over(file.fileno(), path.absolute().parent)
                os.fchmod(file.fileno(), 0o644)  # public, whatever the umask says
            file.seek(0)
            before = file.read()
            file.write((b"\n" if before and not before.endswith(b"\n") else b"") + line.encode() + b"\n")
    except OSError as error:
        raise OperatorError(f"{path}: cannot add the public key ({error.strerror}); add this line by hand: {line}") from error
