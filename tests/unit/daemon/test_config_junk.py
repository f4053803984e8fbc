"""Whatever stands in the file: a Config or a ConfigError, never anything else."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asterisk_privacy.daemon.config import parse
from asterisk_privacy.errors import ConfigError

SAMPLE = Path(__file__).parents[3] / "examples" / "config.toml"
LINES = [line.removeprefix("#") for line in SAMPLE.read_text().splitlines() if re.match(r"#?[a-z_]+ = |\[", line)]
SETTINGS = [number for number, line in enumerate(LINES) if not line.startswith("[")]

text = st.text(max_size=12) | st.sampled_from(
    ["", "3", "*", "days", "consent", "a:1", "[::]:1", "/", "/\0", "12:30", "[1.2.3.4]:5", "²:²", "http://[::1", "http://h:99999"]
)
scalars = st.one_of(
    text.map(lambda value: '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'),
    st.integers().map(str),
    st.integers(0, 10**6).map(lambda digits: "0x" + "f" * (digits % 5000 + 1)),
    st.floats().map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.times().map(lambda value: value.replace(tzinfo=None).isoformat()),
    st.datetimes(min_value=datetime.datetime(1000, 1, 1)).map(lambda value: value.isoformat()),
)
keys = st.sampled_from(["until", "latest_days", "plus_days", "link_within_days", "x"])
lists = st.lists(scalars, max_size=3).map(lambda items: f"[{', '.join(items)}]")
tables = st.dictionaries(keys, scalars | lists, max_size=4).map(lambda d: "{ " + ", ".join(f"{k} = {v}" for k, v in d.items()) + " }")
values = scalars | lists | tables


def attempt(document: str, reached: Counter[str]) -> None:
    try:
        parse(document)
    except ConfigError as error:
        assert error.problems
        for line in error.problems:
            assert line.isprintable(), line
            assert "; " in line, line
        reached["syntax" if error.problems[0].startswith("config.toml") else "refused"] += 1
    else:
        reached["accepted"] += 1


def test_junk_values() -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(st.dictionaries(st.sampled_from(SETTINGS), values, min_size=1, max_size=6))
    def check(junk: dict[int, str]) -> None:
        lines = [f"{line.partition(' = ')[0]} = {junk[n]}" if n in junk else line for n, line in enumerate(LINES)]
        attempt("\n".join(lines), reached)

    check()
    assert reached["refused"] > 100, reached
    assert reached["syntax"] == 0, reached


def test_junk_keys_and_tables() -> None:
    reached: Counter[str] = Counter()
    names = st.text(min_size=1, max_size=8).map(lambda name: '"' + "".join(f"\\U{ord(c):08x}" for c in name) + '"')
    places = st.sampled_from(["", "purposes.", "profiles.", "ring.", "purposes.complaint.", "profiles.sales."])

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.lists(st.tuples(places, names, values), min_size=1, max_size=3))
    def check(junk: list[tuple[str, str, str]]) -> None:
        attempt("\n".join(f"{place}{name} = {value}" for place, name, value in junk), reached)

    check()
    assert reached["refused"] > 50, reached


def test_junk_text() -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=50, deadline=None, derandomize=True)
    @given(st.text(max_size=40) | st.lists(st.sampled_from([*LINES, "[", "= 3", '"""'])).map("\n".join))
    def check(junk: str) -> None:
        attempt(junk, reached)

    check()
    assert reached["syntax"] > 10, reached


def test_the_lines_taken_from_the_sample_are_the_sample() -> None:
    assert len(SETTINGS) > 50
    parse("\n".join(LINES))
