"""The review page's forms for tools/fuzz.py: a real page with accounts, rows and files, asked over HTTP by people who are signed in.

Of the bytes the first says who asks, the second which form of which recording, the third how it says its encoding, and whether the token
stands in front. The rest is the body, or fields: of each a byte for its name, one for the length of its value, and that.
"""

from __future__ import annotations

import asyncio
import http.client
import shutil
import sys
import tempfile
import unicodedata
from pathlib import Path
from urllib.parse import urlencode, urlsplit

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / "unit" / folder) for folder in ("review", "cli", ".")]

from review_browser import Browser  # noqa: E402
from review_site import ReviewSite  # noqa: E402

FORM = "application/x-www-form-urlencoded"
KINDS = (
    FORM, f"{FORM}; charset=utf-8", f"{FORM}; charset=UTF-8", f"{FORM}; charset=raw_unicode_escape", f"{FORM}; charset=utf-16",
    f"{FORM}; charset=x", f"{FORM}; charset", "multipart/form-data; boundary=x", "text/plain", "",
)  # fmt: skip
FIELDS = ("purpose", "reason", "outcome", "until", "reference", "kind", "csrf", "x")
VALUES = ("training", "proof", "complaint", "weekly", "2026-12-01", "K-1", "9999-12-31", "x" * 600, "\\ud800", "\x00", "\u202e")
ACTS = ("listen", "reviewed", "lesson", "case", "objection")
PEOPLE = ("rita", "otto", "anna")
REFUSED = "recording.listen-refused"

_folder = Path("review-forms").absolute()  # libFuzzer ends without any clearing up: the next run does it
shutil.rmtree(_folder, ignore_errors=True)
(_folder / "site").mkdir(parents=True)
tempfile.tempdir = str(_folder)
_site = ReviewSite(_folder / "site").__enter__()
_recordings = (*_site.ids.values(), "0" * 32)


async def _sign_in(name: str) -> tuple[str, str]:
    async with Browser(_site) as one:
        await one.sign_in(name)
        await one.get("/")
        assert one.csrf, name
        return "; ".join(f"{key}={value}" for key, value in one.cookies.items()), one.csrf


_people = [asyncio.run(_sign_in(name)) for name in PEOPLE]
_connection = http.client.HTTPConnection(urlsplit(_site.url).netloc)


def one_form(data: bytes) -> None:
    """No mistake of ours, whatever a form holds; who tried to hear something is in the trail; nothing works on the page that answers."""
    who, what, how = (*data[:3], 0, 0, 0)[:3]
    cookie, csrf = _people[who % len(_people)]
    act, recording = ACTS[what % len(ACTS)], _recordings[what // len(ACTS) % len(_recordings)]
    kind, with_token = KINDS[how // 2 % len(KINDS)], how < 200
    body = (f"csrf={csrf}&".encode() if with_token else b"") + (_fields(data[3:]) if how % 2 else data[3:])
    before = _last()[0]
    status, answer, text = _asked(f"/recordings/{recording}/{act}", kind, cookie, body)
    assert status < 500, (status, text)
    assert status in (303, 400, 403, 404, 409, 410, 413), status
    if act == "listen" and status in (403, 404, 409, 410) and with_token:
        number, action = _last()
        assert number == before + 1 and action == REFUSED, "a refused listen is not in the trail"
    shown = text if "text/html" in answer else ""
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\r\n\t"]


def _fields(data: bytes) -> bytes:
    fields, at = list[tuple[str, bytes]](), 0
    while at + 1 < len(data):
        name, length = FIELDS[data[at] % len(FIELDS)], data[at + 1]
        value = VALUES[length % len(VALUES)].encode() if length >= 240 else data[at + 2 : at + 2 + length]
        at += 2 + (0 if length >= 240 else length)
        fields.append((name, value))
    return urlencode(fields).encode()


def _last() -> tuple[int, str]:
    (entry,) = _site.registry.audit_entries(1)
    return entry.seq, entry.action


def _asked(path: str, kind: str, cookie: str, body: bytes) -> tuple[int, str, str]:
    headers = {"Cookie": cookie, **({"Content-Type": kind} if kind else {})}
    try:
        _connection.request("POST", path, body, headers)
        got = _connection.getresponse()
        return got.status, got.headers.get("Content-Type", ""), got.read().decode()
    except (http.client.HTTPException, OSError):  # it was shown the door in mid-request: that is what too long a body gets
        _connection.close()
        return 400, "", ""
