"""What others can fill in is text and nothing else; both languages say the same things."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from review_browser import Browser
from review_site import EVIL, PAGES, ReviewSite

from asterisk_privacy.access.permission import Page, Refusal
from asterisk_privacy.call.commands import ConsentKind
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.policy.cases import CaseKind, Step
from asterisk_privacy.policy.purpose import Basis
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.policy.texts import DOCUMENTS
from asterisk_privacy.registry.requests import About, RequestKind
from asterisk_privacy.registry.rows import State
from asterisk_privacy.registry.subjects import LISTENING
from asterisk_privacy.review.pages import HERE, STATIC, TEXTS

TEMPLATES = sorted((HERE / "templates").glob("*.html"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewSite]:
    with ReviewSite(tmp_path_factory.mktemp("hostile"), xss=True) as site:
        yield site


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def check(html: str) -> str:
    """No element and no attribute of theirs; what they wrote is there as text."""
    parsed = Elements()
    parsed.feed(html)
    for tag, attributes in parsed.found:
        assert tag != "img" and not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        if tag == "script":
            assert re.fullmatch(r"/static/[\w.-]+\.js", attributes.get("src") or ""), attributes
        for name in ("href", "src", "action", "formaction"):
            value = attributes.get(name)
            assert value is None or re.match(r"/(?!/)|#|\?", value), (tag, value)
    return " ".join("".join(parsed.words).split())


@pytest.mark.parametrize("path", PAGES)
async def test_markup_in_every_field_stays_text(hostile: ReviewSite, path: str) -> None:
    async with Browser(hostile) as one:
        await one.sign_in(PAGES[path])
        answer = await one.get(path)
        assert answer.status == 200
        told = check(answer.text)
        if path != "/requests":  # open requests name nobody; a closed one shows its answer
            assert EVIL in told or path == "/register", path


@pytest.mark.parametrize("who", ["rita", "ines", "otto", "wim"])
async def test_markup_on_a_recordings_page_stays_text(hostile: ReviewSite, who: str) -> None:
    seen = 0
    async with Browser(hostile) as one:
        await one.sign_in(who)
        for name, recording in hostile.ids.items():
            answer = await one.get(f"/recordings/{recording}")
            if answer.status == 200:
                assert EVIL in check(answer.text), name
                seen += 1
            timeline = await one.get(f"/recordings/{recording}/timeline.json")
            assert "<script" not in timeline.text
    assert seen > 3


async def test_what_is_typed_into_forms_stays_text(site: ReviewSite) -> None:
    async with Browser(site) as wim:
        await wim.sign_in("wim")
        where = f"/recordings/{site.ids['both']}"
        for act, fields in (
            ("listen", {"purpose": "training", "reason": EVIL}),
            ("lesson", {"until": "2027-01-31", "reason": EVIL}),
            ("case", {"reference": EVIL, "kind": "complaint"}),
            ("reviewed", {"outcome": EVIL}),
            ("objection", {"purpose": EVIL, "reason": EVIL}),
            ("listen", {"purpose": EVIL, "reason": EVIL}),
        ):
            await wim.get(where)
            check((await wim.post(f"{where}/{act}", **fields)).text)
        assert EVIL in check((await wim.get(where)).text)
        assert EVIL in check((await wim.get("/cases")).text)
        check((await wim.sign_in(EVIL, "x")).text)


def test_both_languages_say_the_same_things() -> None:
    english, dutch = TEXTS["en"], TEXTS["nl"]
    assert list(english) == list(dutch)
    for key, text in english.items():
        fields = {name for _, name, _, _ in Formatter().parse(text)} - {None}
        assert fields == {name for _, name, _, _ in Formatter().parse(dutch[key])} - {None}, key
        assert text.strip() and dutch[key].strip(), key


@pytest.mark.parametrize("language", TEXTS)
def test_every_word_that_a_page_can_need_is_there(language: str) -> None:
    texts = TEXTS[language]
    kinds = {
        "span": SpanKind,
        "consent": ConsentKind,
        "basis": Basis,
        "event": Milestone,
        "step": Step,
        "kind": CaseKind,
        "request": RequestKind,
        "about": About,
        "state": State,
        "menu": Page,
        "refusal": Refusal,
        "listened": set(LISTENING.values()),
        "register": (*DOCUMENTS, "announcement"),
        "urgency": ("open", "soon", "overdue", "closed"),
    }
    missing = {f"{prefix}-{value}" for prefix, values in kinds.items() for value in values} - set(texts)
    assert missing == set()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_uses_texts_that_are_there(template: Path) -> None:
    text = template.read_text()
    for key in re.findall(r"""\bt\(["']([a-z-]+)["'](?!\s*~)[,)\s]""", text):
        assert key in TEXTS["en"], key
    for prefix in re.findall(r"""\bt\(["']([a-z-]+-)["']\s*~""", text):
        assert any(key.startswith(prefix) for key in TEXTS["en"]), prefix
    assert "|safe" not in text.replace(" ", "") and "autoescape" not in text and " style=" not in text.partition("#}")[2]


def test_every_form_has_its_token() -> None:
    count = 0
    for template in TEMPLATES:
        for form in re.findall(r"<form[^>]*>.*?</form>", template.read_text(), re.DOTALL):
            if 'method="post"' in form:
                assert 'name="csrf"' in form, (template.name, form)
                count += 1
    assert count >= 7


def test_the_files_go_into_the_package() -> None:
    import configparser

    made = configparser.ConfigParser()
    made.read(HERE.parents[1] / "setup.cfg")
    patterns = made["options.package_data"]["asterisk_privacy"].split()
    for folder in (HERE / "templates", STATIC):
        kinds = {path.relative_to(HERE.parent).as_posix() for path in folder.iterdir() if path.is_file()}
        assert kinds and all(any(Path(path).match(pattern) for pattern in patterns) for path in kinds)
