from __future__ import annotations

from pathlib import Path

import pyrage
import pytest

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store import bech32
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients


def test_keys_are_those_of_another_implementation() -> None:
    theirs = pyrage.x25519.Identity.generate()
    ours = Identity.parse(str(theirs))
    assert ours.public == str(theirs.to_public())
    assert ours.secret == str(theirs)
    mine = Identity.generate()
    assert str(pyrage.x25519.Identity.from_str(mine.secret).to_public()) == mine.public


def test_a_secret_key_does_not_show_in_a_log() -> None:
    identity = Identity.generate()
    assert identity.secret not in repr(identity) and repr(identity.raw) not in repr(identity)


def test_identity_file_with_comments_and_several_keys(tmp_path: Path) -> None:
    one, two = Identity.generate(), Identity.generate()
    file = tmp_path / "identity.txt"
    file.write_text(f"# created: today\n{one.secret}\n\n  {two.secret}\r\n")
    assert Identity.load_all(file) == (one, two)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read"),
        ("# nothing\n", "no secret key"),
        ("age-encryption.org/v1\n-> scrypt x 18\n", "passphrase"),
        (Identity.generate().public, "AGE-SECRET-KEY-1"),
        (Identity.generate().secret[:-1] + "!", "line 1"),
    ],
    ids=range(5),  # the keys differ at each collection
)
def test_identity_file_errors_tell_the_way_out(tmp_path: Path, content: str | None, told: str) -> None:
    file = tmp_path / "identity.txt"
    if content is not None:
        file.write_text(content)
    with pytest.raises(OperatorError) as caught:
        Identity.load_all(file)
    assert str(file) in str(caught.value) and told in str(caught.value) and "\n" not in str(caught.value)
    if content and content.startswith("AGE-SECRET"):
        assert content[20:40] not in str(caught.value)  # a mistyped secret is still a secret


def test_recipients_file_with_comments_and_doubles(tmp_path: Path) -> None:
    one, two = Identity.generate().public, Identity.generate().public
    file = tmp_path / "recipients.txt"
    file.write_text(f"# HR\n{one}\n\n# privacy officer\n{two}\n{one}\n")
    assert Recipients.load(file).publics == (one, two)


LOW_ORDER = bech32.encode("age", bytes(32))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "keys generate"),
        ("", "no public key"),
        ("# age1 to come\n", "no public key"),
        (Identity.generate().secret, "secret key"),
        ("#ok\n" + Identity.generate().secret.lower(), "line 2: a secret key"),
        (Identity.generate().public[:-1], "line 1"),
        ("ssh-ed25519 AAAAC3", "age1"),
        (LOW_ORDER, "protects nothing"),
        (b"\xff\xfe\x00", "not a text"),
        ("\n".join(Identity.generate().public for _ in range(101)), "more than 100"),
    ],
    ids=range(10),
)
def test_recipients_file_errors_tell_the_way_out(tmp_path: Path, content: str | bytes | None, told: str) -> None:
    file = tmp_path / "recipients.txt"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(OperatorError) as caught:
        Recipients.load(file)
    message = str(caught.value)
    assert str(file) in message and told in message and "\n" not in message
    assert isinstance(content, bytes) or not content or "SECRET" not in content or content[20:40] not in message
