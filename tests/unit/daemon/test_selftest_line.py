"""The line of `asterisk-privacy selftest` is there for its own call only, once, and seals to nobody else's key."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest
from as_it_lies import open_recording

from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.daemon.config import parse
from asterisk_privacy.daemon.runner import Tools
from asterisk_privacy.daemon.selftest import ARMED_SECONDS, NAME, SelftestLine
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.policy.purpose import Trigger
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

MINE = "Local/customer@privacy-selftest-00000007;1"
CONFIG = """
[store]
directory = "{folder}/recordings"
[purposes.proof]
title = "proof"
basis = "contract"
reasoning = "the contract"
trigger = "always"
retention = {{ until = "days", latest_days = 90 }}
[profiles.sales]
title = "Sales"
language = "nl"
announcement = "notice-proof"
purposes = ["proof"]
[profiles.selftest]
title = "somebody's own line of that name"
language = "en"
announcement = "notice-plain"
purposes = ["proof"]
"""


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return parse(CONFIG.format(folder=tmp_path))


@pytest.fixture
def tools(config: Config) -> Tools:
    """Of the parts only the vault and the watch for music are looked at here."""
    others: dict[str, Any] = {field.name: None for field in dataclasses.fields(Tools)}
    vault = Vault(config.store.directory, Recipients.of([Identity.generate().public]))
    return cast(Tools, Tools(**{**others, "vault": vault, "new_suspense": lambda: Suspense(10, 8)}))


def test_there_is_no_such_line_unless_it_was_asked_for(config: Config, tools: Tools) -> None:
    clock = Clock()
    line = SelftestLine(clock)
    assert line.take(NAME, MINE) is None
    line.arm(config, tools, Identity.generate().public)
    clock.now += ARMED_SECONDS
    assert line.take(NAME, MINE) is None


@pytest.mark.parametrize("channel", ["PJSIP/trunk-00000001", "Local/100@from-trunk-00000001;1", "Local/customer@privacy-selftest2", None])
def test_no_other_channel_has_it(config: Config, tools: Tools, channel: str | None) -> None:
    line = SelftestLine()
    line.arm(config, tools, Identity.generate().public)
    assert line.take(NAME, channel) is None
    assert line.take("sales", MINE) is None
    assert line.take(NAME, MINE) is not None
    assert line.take(NAME, MINE) is None  # once


def test_its_only_purpose_is_its_own_and_it_seals_to_its_own_key(config: Config, tools: Tools) -> None:
    mine, line = Identity.generate(), SelftestLine()
    line.arm(config, tools, mine.public)
    taken = line.take(NAME, MINE)
    assert taken is not None
    assert [(p.name, p.trigger, p.retention.latest_days) for p in taken.profile.purposes] == [(NAME, Trigger.FLAG, 1)]
    assert (taken.profile.announcement, taken.profile.language) == ("notice-proof", "nl")
    writer = taken.tools.vault.create("0" * 32)
    writer.seal()
    assert open_recording(taken.tools.vault.path("0" * 32), [mine])[1] == 8000
    assert tools.vault is not taken.tools.vault


def test_which_announcement(config: Config, tools: Tools) -> None:
    line = SelftestLine()
    assert line.arm(config, tools, Identity.generate().public, "selftest").announcement == "notice-plain"
    with pytest.raises(ValueError, match="no profile 'x'"):
        line.arm(config, tools, Identity.generate().public, "x")
    with pytest.raises(ValueError):
        line.arm(config, tools, "age1nonsense")
