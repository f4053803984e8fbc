"""[review] of the configuration: what is wrong is said at once, and what is not written has a safe meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from asterisk_privacy.daemon.config import load, parse
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.errors import ConfigError

SAMPLE = (Path(__file__).parents[3] / "examples" / "config.toml").read_text()


def test_roles_that_are_not_written(tmp_path: Path) -> None:
    config = load(Path(__file__).parents[3] / "examples" / "config.toml")
    assert config.review.purposes(config.book).purposes == {
        Role.REVIEWER: frozenset({"training", "quality"}),  # not proof: nobody but who is named
        Role.INCIDENT_HANDLER: frozenset({"complaint"}),
    }
    case_closed = 'until = "case-closed", plus_days = 30, link_within_days = 30'
    assert case_closed in SAMPLE
    text = SAMPLE.replace(case_closed, 'until = ["reviewed", "discussed"]')
    config = parse(text)
    assert config.review.purposes(config.book).purposes[Role.REVIEWER] == {"training", "quality"}  # an agent keeps complaints


def test_roles_that_are_written_replace_only_themselves() -> None:
    config = parse(SAMPLE + '[review.roles.reviewer]\npurposes = ["quality"]\n[review.roles.privacy-officer]\npurposes = ["proof"]\n')
    assert config.review.purposes(config.book).purposes == {
        Role.REVIEWER: frozenset({"quality"}),
        Role.INCIDENT_HANDLER: frozenset({"complaint"}),
        Role.PRIVACY_OFFICER: frozenset({"proof"}),
    }
    config = parse(SAMPLE + "[review.roles.reviewer]\npurposes = []\n")
    assert config.review.purposes(config.book).purposes[Role.REVIEWER] == frozenset()


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"])
def test_this_machine_needs_no_proxy(listen: str) -> None:
    assert str(parse(SAMPLE + f'listen = "{listen}"\n').review.listen) == listen


WRONG = [
    ('listen = "0.0.0.0:8480"', "[review] listen: 0.0.0.0:8480 can be reached by others, in clear; put a proxy"),
    ('listen = "192.0.2.7:8480"', "[review] listen: 192.0.2.7:8480 can be reached by others"),
    ('listen = "reviews.example.org:8480"', "[review] listen: reviews.example.org:8480 can be reached by others"),
    ('listen = "[::]:8480"', "[review] listen: [::]:8480 can be reached by others"),
    ('proxy_header = "X-Remote-User"', "[review] proxy_header: has no meaning without a proxy; write behind_proxy = true"),
    ('behind_proxy = true\nproxy_header = "X Remote"', '[review] proxy_header: "X Remote" is not the name of a header'),
    ('proxy_addresses = ["10.0.0.1/8"]', "[review] proxy_addresses: '10.0.0.1/8' is no address or network"),
    ('identity = "identity.txt"', '[review] identity: "identity.txt" is not an absolute path'),
    ('accounts = "/var/lib/asterisk-privacy/registry.sqlite"', "is also registry.path"),
    ('accounts = "/var/lib/asterisk-privacy/recordings/a"', "lies among the recordings"),
    ("idle_minutes = 0", "[review] idle_minutes: 0 is not a whole number from 1 to 240"),
    ("[review.roles.boss]\npurposes = []", "[review] roles.boss: there is no such role; write one of"),
    ('[review.roles.reviewer]\npurposes = ["praktice"]', "[review] roles.reviewer.purposes: there is no purpose 'praktice'"),
    ('[review.roles.reviewer]\npurpose = ["training"]', "[review] roles.reviewer.purpose: unknown key"),
]


@pytest.mark.parametrize(("text", "complaint"), WRONG)
def test_what_is_wrong_is_said(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(SAMPLE + text + "\n")
    assert len(caught.value.problems) == 1 and complaint in caught.value.problems[0]


def test_behind_a_proxy_it_may_listen_anywhere() -> None:
    review = parse(SAMPLE + 'behind_proxy = true\nlisten = "0.0.0.0:8480"\nproxy_addresses = ["10.0.0.0/8", "::1"]\n').review
    assert review.behind_proxy and not review.listen.is_loopback
