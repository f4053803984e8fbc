"""Who can read a secret, or write to what the recorder obeys: refused, with the command that mends it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest
from as_user import STRANGER, let_pass, unprivileged
from click.testing import CliRunner
from policies import SALES

from asterisk_privacy import file_access
from asterisk_privacy.access.accounts import AccountBook, save
from asterisk_privacy.asterisk.tap_names import load_secret
from asterisk_privacy.cli.check_config import check_config
from asterisk_privacy.daemon.ari_access import ari_access
from asterisk_privacy.daemon.config import load
from asterisk_privacy.errors import ConfigError, OperatorError
from asterisk_privacy.file_access import Exposed
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.numbers import load_key
from asterisk_privacy.registry.signing import Signer, Verifier
from asterisk_privacy.store import bucket_keys
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="giving files to others takes root")
OTHER = 64_010
"""A user and a group of nobody's."""


def _ari(path: Path) -> object:
    config = path.with_name("config.toml")
    config.write_text(f'[asterisk]\nari_password_file = "{path}"\n{SALES}')
    return ari_access(load(config))


def _bucket(path: Path) -> object:
    return bucket_keys.load(path, {})


def _password(path: Path) -> object:
    return Server("postgresql://db/x", "pbx-1", password_file=path).password({})


SECRETS: dict[str, tuple[Callable[[Path], object], str]] = {
    "ARI's password": (_ari, "word\n"),
    "number key": (load_key, "ab" * 32),
    "taps' secret": (load_secret, "s" * 40),
    "identity": (Identity.load_all, Identity.generate().secret),
    "checkpoint key": (Signer.load, Signer.generate().private_pem),
    "registry's password": (_password, "word\n"),
    "bucket's access key": (_bucket, "[default]\naws_access_key_id = a\naws_secret_access_key = b\n"),
    "accounts": (lambda path: AccountBook(path).all(), '{"accounts": {}}'),
}
TRUSTED: dict[str, tuple[Callable[[Path], object], str]] = {
    "recipients": (Recipients.load, Identity.generate().public),
    "checkpoints' public key": (Verifier.load, Signer.generate().public_pem),
    "config.toml": (load, SALES),
}
ALL = {**SECRETS, **TRUSTED}


def refused(reads: Callable[[Path], object], path: Path, *words: str) -> None:
    with pytest.raises(OperatorError) as error:
        reads(path)
    assert "\n" not in str(error.value) and all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize("name", ALL)
def test_what_others_can_read_or_write_is_refused(tmp_path: Path, name: str) -> None:
    reads, text = ALL[name]
    path = tmp_path / "file"
    path.write_text(text)
    for mode in (0o600, 0o640, 0o400, 0o440):
        path.chmod(mode)
        reads(path)
    for mode in (0o644, 0o444, 0o604):
        path.chmod(mode)
        if name in SECRETS:
            refused(reads, path, str(path), "everybody on this machine can read it", "chmod 0640")
        else:
            reads(path)
    for mode in (0o602, 0o622, 0o646):
        path.chmod(mode)
        refused(reads, path, str(path), "chmod")
    path.chmod(0o600)
    tmp_path.chmod(0o777)
    refused(reads, path, f"chmod go-w {tmp_path}")
    tmp_path.chmod(0o1777)  # as /tmp: only its owner can move a file there
    reads(path)
    tmp_path.chmod(0o700)


@needs_root
@pytest.mark.parametrize("name", ALL)
def test_a_group_reads_and_does_not_write(tmp_path: Path, name: str) -> None:
    reads, text = ALL[name]
    path = tmp_path / "file"
    path.write_text(text)
    os.chown(path, -1, pwd.getpwnam("daemon").pw_gid)
    path.chmod(0o640)
    reads(path)
    path.chmod(0o660)
    refused(reads, path, "others can change it (mode 0660)", f"chmod go-w {path}")


@needs_root
def test_a_group_in_which_nobody_else_is_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """umask 002, and a group for each user."""
    user = pwd.getpwnam("daemon")
    path = tmp_path / "file"
    path.write_text("x")
    os.chown(path, user.pw_uid, user.pw_gid)
    path.chmod(0o660)
    assert file_access.read(path, "", secret=True) == b"x"
    monkeypatch.setattr(pwd, "getpwall", lambda: [*[user], pwd.struct_passwd(("eve", "x", OTHER, user.pw_gid, "", "/", "/"))])
    refused(lambda path: file_access.read(path, "", secret=True), path, "others can change it")


@needs_root
def test_of_a_group_without_a_name_nobody_knows_who_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    path.chmod(0o660)
    os.chown(path, 0, 54_321)
    refused(lambda path: file_access.read(path, "", secret=True), path, "others can change it")
    os.chown(path, 54_321, 54_321)  # a container's user, with the group of the same number
    assert file_access.read(path, "", secret=True) == b"x"


@needs_root
def test_links_are_followed_and_whoever_can_turn_them_is_seen(tmp_path: Path) -> None:
    """As Kubernetes mounts a secret: a link to a link in a directory of its own."""
    real, mounted = tmp_path / "real", tmp_path / "mounted"
    for folder in (real, mounted):
        folder.mkdir()
    (real / "key").write_text("ab" * 32)
    (mounted / "..data").symlink_to(real)
    (mounted / "key").symlink_to("..data/key")
    assert load_key(mounted / "key") == bytes.fromhex("ab" * 32)
    real.chmod(0o777)
    refused(load_key, mounted / "key", f"chmod go-w {mounted}/..data")
    real.chmod(0o700)
    mounted.chmod(0o777)
    refused(load_key, mounted / "key", f"chmod go-w {mounted}")
    mounted.chmod(0o1777)
    load_key(mounted / "key")


def test_secrets_of_a_container_are_for_all_to_read_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text("ab" * 32)
    path.chmod(0o444)
    refused(load_key, path, "everybody")
    monkeypatch.setattr(file_access, "MOUNTED_SECRETS", tmp_path)
    load_key(path)
    path.chmod(0o446)
    refused(load_key, path, "others can change it")


def test_secrets_of_a_container_may_be_reached_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As /var/run/secrets in Kubernetes; and a link that leads out of the mount is no secret of the container."""
    for folder in ("run/secrets", "var", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "var/run").symlink_to("../run")
    for place in ("run/secrets/key", "etc/key"):
        (tmp_path / place).write_text("ab" * 32)
        (tmp_path / place).chmod(0o444)
    monkeypatch.setattr(file_access, "MOUNTED_SECRETS", tmp_path / "run/secrets")
    load_key(tmp_path / "var/run/secrets/key")
    monkeypatch.setattr(file_access, "MOUNTED_SECRETS", tmp_path / "var/run/secrets")
    load_key(tmp_path / "run/secrets/key")
    (tmp_path / "run/secrets/out").symlink_to("../../etc/key")
    refused(load_key, tmp_path / "run/secrets/out", "everybody")


@needs_root
def test_the_owner_must_be_root_or_who_reads(tmp_path: Path) -> None:
    """Root itself trusts the owner of what it names."""
    folder = tmp_path / "folder"
    folder.mkdir()
    theirs, roots = folder / "theirs", folder / "roots"
    for path in (theirs, roots):
        path.write_text("ab" * 32)
    load_key(theirs)

    def look() -> None:
        load_key(theirs)
        with pytest.raises(Exposed, match=f"belongs to user {OTHER}.*chown root"):
            load_key(folder / "other")
        load_key(roots)

    (folder / "other").write_text("ab" * 32)
    let_pass(tmp_path)
    os.chown(theirs, STRANGER, STRANGER)
    os.chown(folder, STRANGER, STRANGER)
    os.chown(roots, 0, STRANGER)
    roots.chmod(0o640)
    os.chown(folder / "other", OTHER, STRANGER)
    (folder / "other").chmod(0o640)
    from as_user import as_user

    as_user(STRANGER, STRANGER, look)


def checked(path: Path) -> tuple[int, list[str]]:
    result = CliRunner().invoke(check_config, ["--config", str(path)])
    return result.exit_code, [line for line in result.stderr.splitlines() if not line.startswith("Warning: ")]


TEXTS = {
    "ari.secret": "word\n",
    "taps": "s" * 40,
    "recipients.txt": Identity.generate().public,
    "number.key": "ab" * 32,
    "s3.key": SECRETS["bucket's access key"][1],
}


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """Every file that a configuration can name, each as it should be."""
    files = {
        "asterisk.ari_password_file": "ari.secret",
        "capture.secret_file": "taps",
        "store.recipients": "recipients.txt",
        "registry.path": "registry.sqlite",
        "registry.number_key": "number.key",
        "registry.checkpoint_key": "checkpoint.key",
        "registry.checkpoint_public_key": "checkpoint.pub",
        "registry.checkpoints": "checkpoints.jsonl",
        "s3.access_key": "s3.key",
        "review.identity": "identity.txt",
        "review.accounts": "accounts.json",
    }
    tables: dict[str, list[str]] = {}
    for place, name in files.items():
        table, key = place.split(".")
        tables.setdefault(table, []).append(f'{key} = "{tmp_path}/{name}"')
        (tmp_path / name).write_text(TEXTS.get(name, ""))
    path = tmp_path / "config.toml"
    tables["s3"].append('bucket = "recordings"')
    written = [f"[{table}]\n" + "\n".join(lines) + "\n" for table, lines in tables.items()]
    path.write_text("".join(written) + SALES)
    return path


SEEN = ["ari.secret", "taps", "registry.sqlite", "number.key", "checkpoint.key", "s3.key", "identity.txt", "accounts.json"]


@pytest.mark.parametrize("name", [*SEEN, "recipients.txt", "checkpoint.pub", "config.toml"])
def test_check_config_sees_what_serve_and_the_page_would_refuse(configured: Path, name: str) -> None:
    before = checked(configured)
    path = configured.with_name(name)
    for mode, seen in ((0o644, name in SEEN), (0o602, True)):
        path.chmod(mode)
        code, lines = checked(configured)
        assert code == (2 if name == "config.toml" and seen else 1)
        told = [line for line in lines if line not in before[1]]
        assert bool(told) is seen and all(str(path) in line and "chmod" in line for line in told), told


def test_a_directory_above_them_is_seen_too(configured: Path) -> None:
    configured.parent.chmod(0o777)
    code, lines = checked(configured)
    assert code == 2 and f"chmod go-w {configured.parent}" in lines[0], "config.toml is there too"
    configured.parent.chmod(0o700)


def test_what_is_wrong_further_up_is_told_once_and_stops_no_recorder(tmp_path: Path) -> None:
    far = tmp_path / "far"
    (far / "near").mkdir(parents=True)
    key, config = far / "near/number.key", far / "near/config.toml"
    key.write_text("ab" * 32)
    config.write_text(f'[registry]\nnumber_key = "{key}"\n{SALES}')
    assert not [line for line in checked(config)[1] if "chmod go-w" in line]
    far.chmod(0o777)
    load_key(key)
    code, lines = checked(config)
    assert code == 1 and len([line for line in lines if f"chmod go-w {far}" in line]) == 1


def test_accounts_are_read_again_when_their_mode_changed(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    save(path, {})
    book = AccountBook(path)
    book.all()
    path.chmod(0o644)
    with pytest.raises(OperatorError, match="everybody"):
        book.all()


def test_the_configuration_is_refused_as_one(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0o606)
    with pytest.raises(ConfigError, match="chmod go-w"):
        load(path)


def test_a_user_of_this_machine_reads_what_is_his(tmp_path: Path) -> None:
    """And in a directory of his own that others may enter."""
    (tmp_path / "number.key").write_text("ab" * 32)

    def read() -> None:
        tmp_path.chmod(0o755)
        load_key(tmp_path / "number.key")

    unprivileged(tmp_path, read)
