"""The colours of the style sheet, as they are written: in both schemes every pair that meets on a page can be told apart (WCAG 2.2 AA)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import asterisk_privacy

STYLE = Path(asterisk_privacy.__file__).parent / "review" / "static" / "style.css"
TEXT = 4.5  # success criterion 1.4.3
SHAPE = 3.0  # 1.4.11: borders of fields, the focus, what a picture is made of
PAIRS = (
    [(ink, ground, TEXT) for ink in ("ink", "muted", "accent", "accent-strong") for ground in ("paper", "card", "accent-tint")]
    + [(kind, f"{kind}-tint", TEXT) for kind in ("good", "warn", "bad")]
    + [(kind, "card", TEXT) for kind in ("good", "warn", "bad")]
    + [("on-accent", "accent", TEXT), ("on-accent", "accent-strong", TEXT)]
    + [("edge", "card", SHAPE), ("edge", "paper", SHAPE), ("focus", "card", SHAPE), ("focus", "paper", SHAPE)]
    + [(leg, "talk", SHAPE) for leg in ("customer", "agent")]
    + [("focus", ground, SHAPE) for ground in ("talk", "gap", "hold", "pause", "wiped", "told")]
    + [(f"{kind}-ink", kind, SHAPE) for kind in ("gap", "hold", "pause", "wiped", "told")]
)


def schemes() -> dict[str, dict[str, str]]:
    """The custom properties of :root, light, and dark on top of them."""
    blocks = re.findall(r":root \{(.*?)\n *\}", STYLE.read_text(encoding="utf-8"), re.DOTALL)
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    assert light.keys() == dark.keys(), "a colour without its counterpart in the other scheme"
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance of #rrggbb."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_itself() -> None:
    assert ratio("#000000", "#ffffff") == pytest.approx(21)
    assert ratio("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_pair_can_be_told_apart(scheme: str) -> None:
    colours = schemes()[scheme]
    poor = [f"{ink} on {ground}: {found:.2f}" for ink, ground, least in PAIRS if (found := ratio(colours[ink], colours[ground])) < least]
    assert not poor


def test_every_colour_has_a_name_and_every_name_a_colour() -> None:
    style = STYLE.read_text(encoding="utf-8")
    rules = style.split("*, *::before")[1]
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b", rules)
    used = set(re.findall(r"var\(--([a-z-]+)\)", style))
    assert used <= schemes()["light"].keys() | {"sans", "mono", "shadow"}
