"""How a page is made: template, language, menu. Autoescape is on; what a caller or an agent can influence is text and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from asterisk_privacy.access.permission import Page, home, may_open
from asterisk_privacy.escaping import printable
from asterisk_privacy.review import texts_en, texts_nl, texts_player
from asterisk_privacy.review.site import VISIT, Visit, site_of

HERE = Path(__file__).parent
STATIC = HERE / "static"
TEXTS = {"en": {**texts_en.TEXTS, **texts_player.EN}, "nl": {**texts_nl.TEXTS, **texts_player.NL}}
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b", re.ASCII)
URLS = {page: f"/{page.value}" for page in Page} | {Page.QUEUE: "/"}


def at(moment: datetime | None) -> str:
    """Local time to the minute."""
    return "" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"


def day(moment: datetime | date | None) -> str:
    if moment is None:
        return ""
    return f"{moment.astimezone() if isinstance(moment, datetime) else moment:%Y-%m-%d}"


def iso(moment: datetime | date | None) -> str:
    """For <time datetime="...">."""
    return "" if moment is None else moment.isoformat()


def dates(text: str) -> Markup:
    """A sentence whose dates are not torn at the end of a line."""
    return Markup(_DATE.sub(r"<time>\g<0></time>", str(escape(printable(text)))))


def clock(ms: int | None) -> str:
    """m:ss, or h:mm:ss."""
    if ms is None:
        return ""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finished,
    )
    made.filters.update(at=at, day=day, iso=iso, clock=clock, dates=dates)
    return made


def _finished(value: object) -> object:
    """Whatever a template shows, before it is escaped for HTML. Markup is the page's own."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


ENVIRONMENT = _environment()


def translator(language: str) -> Callable[..., str]:
    texts = TEXTS[language]

    def t(key: str, **values: object) -> str:
        return texts[key].format(**values)

    return t


def language_of(request: web.Request) -> str:
    """The first of the browser's languages that there are texts in; else the office's."""
    for part in request.headers.get("Accept-Language", "")[:200].split(","):
        tag = part.split(";")[0].strip().lower().split("-")[0]
        if tag in TEXTS:
            return tag
    office = site_of(request).config.office.language.value
    return office if office in TEXTS else "en"


def page(request: web.Request, template: str, code: int = 200, **values: object) -> web.Response:
    visit: Visit | None = request.get(VISIT)
    language = visit.language if visit is not None else language_of(request)
    t = translator(language)
    menu = [] if visit is None else [(p, URLS[p], t(f"menu-{p}")) for p in Page if may_open(visit.viewer, p)]
    common: dict[str, object] = {
        "t": t,
        "lang": language,
        "menu": menu,
        "here": request.path,
        "who": None if visit is None else visit.account.name,
        "home": None if visit is None or (first := home(visit.viewer)) is None else URLS[first],
        "csrf": "" if visit is None else visit.session.csrf,
        "notices": [] if visit is None else visit.session.take_notices(),
        "by_proxy": bool(site_of(request).config.review.proxy_header),
    }
    text = ENVIRONMENT.get_template(template).render(common | values)
    return web.Response(text=text, status=code, content_type="text/html")


def error_page(request: web.Request, status: int, key: str | None = None, **values: object) -> web.Response:
    """`key`: of the sentence, with or without "error-" in front; without it that of the status."""
    language = request[VISIT].language if VISIT in request else language_of(request)
    texts = TEXTS[language]
    sentence = (texts.get(f"error-{key or status}") or texts.get(key or "") or texts["error-other"]).format(**values)
    return page(request, "error.html", status, status=status, sentence=sentence)


def notice(request: web.Request, kind: str, sentence: str) -> None:
    """For the next page; `kind` is done or refused."""
    request[VISIT].session.notices.append((kind, sentence))


def say(request: web.Request, key: str, **values: object) -> str:
    language = request[VISIT].language if VISIT in request else language_of(request)
    return TEXTS[language][key].format(**values)
