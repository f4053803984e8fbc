"""Names of taps are ours alone, and every bit of them counts."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from asterisk_privacy.asterisk.tap_names import TapNames, load_secret
from asterisk_privacy.errors import OperatorError


def test_ours_are_known_and_never_the_same() -> None:
    names = TapNames()
    made = [names.new() for _ in range(1000)]
    assert all(map(names.is_ours, made))
    assert len({m.bytes[:8] for m in made}) == 1000
    assert {(m.version, m.variant) for m in made} == {(8, uuid.RFC_4122)}


def test_one_changed_bit_makes_a_stranger() -> None:
    names = TapNames()
    name = names.new()
    for bit in range(128):
        assert not names.is_ours(uuid.UUID(int=name.int ^ 1 << bit)), bit


def test_other_peoples_names() -> None:
    names = TapNames()
    assert not any(names.is_ours(uuid.uuid4()) for _ in range(1000))
    assert not names.is_ours(TapNames().new())
    assert not names.is_ours(uuid.UUID(int=0))


def test_who_shares_the_secret_knows_the_names() -> None:
    assert TapNames(b"x" * 32).is_ours(TapNames(b"x" * 32).new())
    assert not TapNames(b"x" * 32).is_ours(TapNames(b"y" * 32).new())


def test_the_secrets_file(tmp_path: Path) -> None:
    path = tmp_path / "tap.secret"
    path.write_text("k" * 44 + "\n")
    path.chmod(0o640)
    assert load_secret(path) == b"k" * 44


@pytest.mark.parametrize(("text", "mode", "said"), [(None, 0, "no such file"), ("short", 0o600, "32"), ("k" * 44, 0o644, "everybody")])
def test_a_secrets_file_that_will_not_do(tmp_path: Path, text: str | None, mode: int, said: str) -> None:
    path = tmp_path / "tap.secret"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(OperatorError, match=said) as caught:
        load_secret(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
