"""The list of modules against the dialplan that is shipped and against what is asked over ARI: none may be missing, none too many.

That the names of modules are right is asked of a real Asterisk: tests/asterisk/test_advice.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from asterisk_privacy.asterisk import modules

ROOT = Path(__file__).parents[3]
BUILT_IN = {"Answer", "Background", "Goto", "GotoIf", "Hangup", "Set", "Wait", "WaitDigit"}
SHIPPED = ("extensions_privacy.conf", "features_privacy.conf")
_APPLICATION = re.compile(
    r"^exten => [^,]+,\w+(?:\(\w+\))?,(\w+)|^ same => n(?:\(\w+\))?,(\w+)|,self,(\w+)|,app,(\w+)|\?(\w+)\(", re.MULTILINE
)
_FUNCTION = re.compile(r"[$#]\{([A-Z_]+)\(|Set\(([A-Z_]+)\(")


def contexts(name: str) -> Iterator[tuple[str, str]]:
    """Each context's name and lines, without comments."""
    lines = "\n".join(line for line in (ROOT / "dialplan" / name).read_text().splitlines() if not line.startswith(";"))
    for block in re.split(r"^\[", lines, flags=re.MULTILINE)[1:]:
        context, _, text = block.partition("]")
        yield context, text


def used(text: str) -> set[str]:
    """Applications as `Gosub`, functions as `CUT()`."""
    applications = {name for found in _APPLICATION.findall(text) for name in found if name}
    return applications | {f"{name}()" for found in _FUNCTION.findall(text) for name in found if name}


def test_each_application_and_function_of_the_dialplan_has_its_module() -> None:
    listed = {name for names in modules.DIALPLAN.values() for name in names}
    ours: set[str] = set()
    for file in SHIPPED:
        for context, text in contexts(file):
            if not context.startswith("privacy-selftest"):
                ours |= used(text)
    assert ours - BUILT_IN == listed


def test_those_of_the_selftest_too() -> None:
    theirs = set().union(*(used(text) for context, text in contexts(SHIPPED[0]) if context.startswith("privacy-selftest")))
    listed = {name for names in (*modules.DIALPLAN.values(), *modules.SELFTEST.values(), *modules.ROOMS.values()) for name in names}
    assert theirs - BUILT_IN <= listed
    assert {name for names in modules.SELFTEST.values() for name in names} <= theirs


def test_each_resource_that_is_asked_over_ari_has_its_module() -> None:
    rooms = [ROOT / "asterisk_privacy" / room for room in ("asterisk", "cli", "daemon", "selftest")]  # review has routes of its own
    source = "\n".join(path.read_text() for room in rooms for path in room.rglob("*.py"))
    asked = set(re.findall(r'"(?:GET|POST|PUT|DELETE)",\s*f?"([a-z]+)', source))
    assert {f"res_ari_{name}" for name in asked} <= set(modules.ARI)
    assert {"asterisk", "bridges", "channels", "endpoints", "events"} <= asked, "else they are asked in a way that this test does not see"


def test_each_has_words_for_what_needs_it() -> None:
    assert all(modules.used_by(name) for name in (*modules.MODULES, *modules.SELFTEST))
    assert modules.used_by("func_cut") == "CUT() of the dialplan"
