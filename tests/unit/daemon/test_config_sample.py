"""examples/config.toml is the reference that admins copy: it loads, it is complete, and it tells the defaults as they are."""

from __future__ import annotations

import dataclasses
import itertools
import re
import tomllib
from pathlib import Path

from asterisk_privacy.daemon.config import SECTIONS, Config, load, parse
from asterisk_privacy.policy.purpose import Basis, Trigger
from asterisk_privacy.policy.retention import Days, UntilCaseClosed, UntilReviewed

SAMPLE = Path(__file__).parents[3] / "examples" / "config.toml"
COMMENTED_SETTING = re.compile(r"^#([a-z_]+ = )", re.MULTILINE)


def test_the_sample_covers_the_four_kinds_of_calls() -> None:
    config = load(SAMPLE)
    purposes = config.book.purposes
    assert set(purposes) == {"complaint", "training", "proof", "quality"}
    assert (purposes["complaint"].trigger, type(purposes["complaint"].retention)) == (Trigger.FLAG, UntilCaseClosed)
    assert (purposes["training"].one_in, purposes["training"].retention) == (20, UntilReviewed(35))
    assert (purposes["proof"].trigger, purposes["proof"].basis, type(purposes["proof"].retention)) == (Trigger.ALWAYS, Basis.CONTRACT, Days)
    assert (purposes["quality"].basis, purposes["quality"].agree_key) == (Basis.CONSENT, "1")
    assert {name: profile.language for name, profile in config.book.profiles.items()} == {"sales": "nl", "quality": "en", "orders": "de"}
    assert {purpose for profile in config.book.profiles.values() for purpose in profile.purposes} == set(purposes.values())


def test_what_the_sample_announces_is_shipped_and_names_its_keys() -> None:
    for profile in load(SAMPLE).book.profiles.values():
        sound = SAMPLE.parents[1] / "dialplan/sounds" / profile.language / f"{profile.announcement}.wav"
        assert sound.is_file()
        spoken = sound.with_suffix(".txt").read_text()
        keys = {profile.refuse_key, *(p.agree_key for p in profile.purposes)} - {None}
        assert {c for c in spoken if c.isdigit()} == keys


def test_the_sample_sets_nothing_but_the_book() -> None:
    config = load(SAMPLE)
    assert config == Config(config.book)


def test_uncommented_the_sample_is_complete_and_tells_the_true_defaults() -> None:
    text, count = COMMENTED_SETTING.subn(r"\1", SAMPLE.read_text())
    assert parse(text) == load(SAMPLE)
    document = tomllib.loads(text)
    written = {(table, key) for table in SECTIONS for key in document[table]}
    assert written == {(table, f.name) for table, kind in SECTIONS.items() for f in dataclasses.fields(kind)}
    assert count == len(written)


def test_every_setting_has_its_line_of_explanation() -> None:
    lines = SAMPLE.read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if COMMENTED_SETTING.match(line):
            assert before.startswith("# "), line
