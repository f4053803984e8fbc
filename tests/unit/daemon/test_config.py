from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from asterisk_privacy.daemon.config import SECTIONS, Address, Config, Unfinished, load, parse
from asterisk_privacy.errors import ConfigError
from asterisk_privacy.policy.purpose import Basis, Trigger
from asterisk_privacy.policy.retention import Days, UntilCaseClosed

MINIMAL = """
[purposes.complaint]
title = "handling your complaint"
basis = "legitimate-interest"
reasoning = "both sides need to know what was said"
trigger = "flag"
retention = { until = "case-closed", plus_days = 30, latest_days = 730 }

[profiles.sales]
title = "Sales"
language = "nl"
announcement = "notice-optout"
purposes = ["complaint"]
refuse_key = "3"
"""


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert all("\n" not in line for line in caught.value.problems)
    return caught.value.problems


def mistake(text: str) -> str:
    [line] = mistakes(text)
    return line


def test_purposes_and_profiles_are_enough() -> None:
    config = parse(MINIMAL)
    purpose = config.book.purposes["complaint"]
    assert (purpose.basis, purpose.trigger, purpose.retention) == (Basis.LEGITIMATE_INTEREST, Trigger.FLAG, UntilCaseClosed(730, 30))
    assert config.book.profiles["sales"].purposes == (purpose,)
    assert config == Config(config.book)
    assert (config.asterisk.ari_url, config.asterisk.app) == ("http://127.0.0.1:8088", "asterisk-privacy")
    assert (config.fastagi.listen, config.capture.dialled) == (Address("127.0.0.1", 4573), Address("127.0.0.1", 9092))
    assert (config.ring.max_minutes, config.purger.at, config.store.unfinished) == (180, time(3, 30), "seal")


def test_every_setting_can_be_set() -> None:
    config = parse(
        MINIMAL
        + """
        [asterisk]
        ari_url = "https://[2001:db8::1]:8089"
        ari_user = "u"
        ari_password_file = "/p"
        app = "privacy-2"
        [fastagi]
        listen = "[::1]:1"
        [capture]
        listen = "0.0.0.0:65535"
        advertise = "pbx.example:9092"
        quarantine_ms = 200
        resume_debounce_ms = 0
        blind_ms = 500
        [ring]
        max_minutes = 600
        max_total_mib = 550
        [keys]
        grace_seconds = 0
        [dialplan]
        sounds = "/s"
        [store]
        directory = "/d"
        recipients = "/r"
        unfinished = "remove"
        [registry]
        path = "/q"
        number_key = "/n"
        [purger]
        at = "23:59"
        brake_percent = 100
        brake_at_least = 1
        [control]
        socket = "/c"
        """
    )
    assert config.asterisk.ari_password_file == Path("/p")
    assert str(config.fastagi.listen) == "[::1]:1"
    assert config.capture.dialled == Address("pbx.example", 9092)
    assert config.capture.resume_debounce_ms == 0
    assert (config.ring.max_total_mib, config.keys.grace_seconds, config.dialplan.sounds) == (550, 0, Path("/s"))
    assert (config.store.unfinished, config.registry.number_key) == (Unfinished.REMOVE, Path("/n"))
    assert (config.purger.at, config.purger.brake_percent, config.control.socket) == (time(23, 59), 100, Path("/c"))


@pytest.mark.parametrize(
    ("table", "line", "place", "shown"),
    [
        ("capture", "quarantine_ms = 199", "quarantine_ms", "from 200 to 5000"),
        ("capture", "quarantine_ms = 5001", "quarantine_ms", "from 200 to 5000"),
        ("capture", "quarantine_ms = true", "quarantine_ms", "true is not a whole number"),
        ("capture", "quarantine_ms = 1000.0", "quarantine_ms", "1000.0 is not a whole number"),
        ("capture", 'quarantine_ms = "1s"', "quarantine_ms", "write for instance quarantine_ms = 1000, the default"),
        ("capture", "resume_debounce_ms = 1001", "resume_debounce_ms", "from 0 to 1000"),
        ("capture", "resume_debounce_ms = -1", "resume_debounce_ms", "from 0 to 1000"),
        ("capture", "resume_debounce_ms = 1000", "resume_debounce_ms", "not shorter than the quarantine"),
        ("ring", "max_minutes = 0", "max_minutes", "from 1 to 600"),
        ("ring", "max_minutes = 601", "max_minutes", "from 1 to 600"),
        ("ring", "max_total_mib = 164", "max_total_mib", "cannot hold one call of 180 minutes; write 165 or more"),
        ("keys", "grace_seconds = -1", "grace_seconds", "from 0 to 3600"),
        ("purger", "brake_percent = 0", "brake_percent", "from 1 to 100"),
        ("purger", "brake_percent = 101", "brake_percent", "from 1 to 100"),
        ("purger", "brake_at_least = 0", "brake_at_least", "from 1"),
        ("purger", 'at = "24:00"', "at", '"HH:MM"'),
        ("purger", 'at = "3:30"', "at", 'at = "03:30"'),
        ("purger", "at = 03:30:00", "at", '03:30:00 is not a time of day as "HH:MM"'),
        ("fastagi", 'listen = "127.0.0.1"', "listen", '"ADDRESS:PORT"'),
        ("fastagi", 'listen = "127.0.0.1:0"', "listen", '"ADDRESS:PORT"'),
        ("fastagi", 'listen = "127.0.0.1:65536"', "listen", '"ADDRESS:PORT"'),
        ("fastagi", 'listen = "999.0.0.1:80"', "listen", '"ADDRESS:PORT"'),
        ("fastagi", 'listen = "[::zz]:80"', "listen", '"ADDRESS:PORT"'),
        ("fastagi", "listen = 4573", "listen", '"ADDRESS:PORT"'),
        ("fastagi", 'listen = ""', "listen", '"ADDRESS:PORT"'),
        ("fastagi", 'listen = "127.0.0.1:9092"', "listen", "is taken by fastagi.listen"),
        ("fastagi", 'listen = "0.0.0.0:9092"', "listen", "is taken by fastagi.listen"),
        ("capture", 'listen = "0.0.0.0:9092"', "advertise", "Asterisk cannot dial 0.0.0.0:9092"),
        ("capture", f'advertise = "{"a" * 72}:9092"', "advertise", "is longer than Asterisk takes"),
        ("capture", 'advertise = "[::]:9092"', "advertise", "Asterisk cannot dial"),
        ("asterisk", 'ari_url = "127.0.0.1:8088"', "ari_url", "not the address of an Asterisk"),
        ("asterisk", 'ari_url = "http://[::1"', "ari_url", "not the address of an Asterisk"),
        ("asterisk", 'ari_url = "http://h:99999"', "ari_url", "not the address of an Asterisk"),
        ("asterisk", 'ari_url = ""', "ari_url", "at least one character"),
        ("asterisk", 'app = "a,b"', "app", "a word of letters"),
        ("asterisk", 'ari_pasword_file = "/x"', "ari_pasword_file", "did you mean ari_password_file?"),
        ("asterisk", "verbose = 3", "verbose", "known here: ari_url, ari_user"),
        ("dialplan", 'sounds = "sounds"', "sounds", "an absolute path"),
        ("dialplan", 'sounds = "/a/../b"', "sounds", "an absolute path"),
        ("dialplan", 'sounds = "/a\\u0000b"', "sounds", "an absolute path"),
        ("store", 'unfinished = "delete"', "unfinished", 'write one of "seal", "remove"'),
        ("store", 'unfinished = "sealed"', "unfinished", 'did you mean "seal"?'),
        ("store", "unfinished = ['seal']", "unfinished", "a list is unknown"),
        ("registry", 'path = "/var/lib/asterisk-privacy/recordings/registry.sqlite"', "path", "lies among the recordings"),
        ("registry", 'number_key = "/etc/asterisk-privacy/ari.secret"', "number_key", "is also asterisk.ari_password_file"),
        ("control", f'socket = "/{"x" * 107}"', "socket", "at most 107 bytes, this one 108"),
    ],
)
def test_wrong_values_name_their_place_and_the_way_out(table: str, line: str, place: str, shown: str) -> None:
    problem = mistake(f"{MINIMAL}\n[{table}]\n{line}\n")
    assert problem.partition(": ")[0].endswith(f"] {place}")
    assert shown in problem
    assert "; " in problem


def test_a_password_in_the_url_is_not_repeated() -> None:
    problem = mistake(f'{MINIMAL}\n[asterisk]\nari_url = "http://bob:hunter2@pbx:8088"')
    assert "hunter2" not in problem
    assert "ari_password_file" in problem


def test_all_mistakes_of_a_file_come_at_once() -> None:
    assert mistakes(
        """
        rings = 1
        ring = 3
        [capture]
        quarantine_ms = "1s"
        adverties = "x:1"
        [purposes.complaint]
        title = ""
        basis = "consnt"
        trigger = "sample"
        agree_key = 1
        retension = { until = "days" }
        [purposes.duty]
        title = "as the law demands"
        basis = "legal-obligation"
        reasoning = "financial supervision"
        trigger = "always"
        retention = { until = "dayz", latest_days = 3, plus = 4 }
        [profiles.x]
        title = "X"
        language = "fr"
        announcement = "notice"
        purposes = ["complaint", "dutty", "duty"]
        refuse_key = "3"
        """
    ) == (
        f"[rings]: unknown key; remove it; known here: {', '.join(SECTIONS)}, purposes, profiles, tenants",
        "[capture] adverties: unknown key; did you mean advertise?",
        '[capture] quarantine_ms: "1s" is not a whole number from 200 to 5000; write for instance quarantine_ms = 1000, the default',
        "[ring]: 3 is not a table; write [ring] and its settings below it",
        "[purposes.complaint] retension: unknown key; did you mean retention?",
        '[purposes.complaint] basis: "consnt" is unknown; did you mean "consent"?',
        '[purposes.complaint] reasoning: is missing; write reasoning = "why this basis holds"',
        '[purposes.complaint] agree_key: 1 is not text in quotes; write agree_key = "1"',
        "[purposes.duty] retention.plus: unknown key; did you mean plus_days?",
        '[purposes.duty] retention.until: "dayz" is not one of "days", "reviewed", "evaluation", "discussed", "given-date", '
        '"case-closed", "court-final";'
        ' write until = "days" for a fixed period',
        '[profiles.x] purposes: there is no purpose "dutty"; write [purposes.dutty], or take it off this list',
        "[purposes.complaint] title: is empty; write the purpose in words that a caller understands",
        '[purposes.complaint] one_in: is missing, and the trigger "sample" needs it; write one_in = 20 to take one call in twenty',
        "[profiles.x] language: there are no sounds for 'fr'; write one of nl, en, de",
        "[profiles.x] refuse_key: the purpose duty rests on a legal obligation, which a caller cannot refuse;"
        " leave refuse_key out, or write a profile of its own for that purpose",
    )


def test_one_mistake_does_not_drag_others_along() -> None:
    """A consent purpose whose agree_key is misspelt is not also told that consent needs one, and so on."""
    assert len(mistakes(MINIMAL.replace('basis = "legitimate-interest"', 'basis = "consent"\nagre_key = "1"'))) == 1
    assert len(mistakes(MINIMAL.replace("retention =", "retenton ="))) == 1
    assert len(mistakes(MINIMAL.replace("until =", "unitl ="))) == 1
    assert len(mistakes(MINIMAL.replace('trigger = "flag"', 'trigger = "smple"\none_in = 20'))) == 1
    assert len(mistakes(MINIMAL.replace("purposes = [", "purpose = ["))) == 1
    assert len(mistakes(MINIMAL + "\n[capture]\nquarantine_ms = 9\nresume_debounce_ms = 1000")) == 1
    assert len(mistakes(MINIMAL + "\n[ring]\nmax_minutes = 0\nmax_total_mib = 1")) == 1


def test_settings_of_one_criterion_are_unknown_to_another() -> None:
    text = MINIMAL.replace('until = "case-closed"', 'until = "days"')
    assert mistake(text) == "[purposes.complaint] retention.plus_days: unknown key; remove it; known here: latest_days"
    assert parse(text.replace("plus_days = 30, ", "")).book.purposes["complaint"].retention == Days(730)


def test_retention_has_no_default() -> None:
    """Promise 5: no purpose without an end and a latest date."""
    assert "retention: is missing" in mistake(MINIMAL.replace("retention =", "#"))
    assert "retention.latest_days: is missing" in mistake(MINIMAL.replace(", latest_days = 730", ""))
    assert "retention.until: is not a list of at least two names" in mistake(MINIMAL.replace('"case-closed"', '["days"]'))
    assert "retention.until: is missing" in mistake(MINIMAL.replace('until = "case-closed", ', ""))


def test_an_empty_file_says_what_it_needs() -> None:
    assert [line.partition(":")[0] for line in mistakes("")] == ["[purposes]", "[profiles]"]


def test_odd_names_stay_on_one_line() -> None:
    problem = mistake(MINIMAL.replace("[profiles.sales]", '[profiles."a.b\\n[c]"]'))
    assert problem.startswith("[profiles.'a.b\\n[c]']: this name cannot pass")
    problem = mistake(MINIMAL.replace('["complaint"]', '["complaint", "a\\nb"]'))
    assert problem.endswith("write [purposes.'a\\nb'], or take it off this list")


def test_a_broken_purpose_does_not_hide_another_whose_name_begins_alike() -> None:
    empty = MINIMAL.partition("[profiles")[0].replace("handling your complaint", "").replace("complaint]", "complaint2]")
    lines = mistakes(f"purposes.complaint = 3\n{empty}")
    assert any(line.startswith("[purposes.complaint2] title: is empty") for line in lines)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[ring]\nmax_minutes = = 3", "line 2, column 15"),
        ("[ring]\n[ring]", "line 2"),
        ("a = " + "[" * 5000, "nested too deep"),
        ("a = " + "9" * 5000, "not TOML"),
    ],
)
def test_what_is_not_toml_names_the_line(text: str, says: str) -> None:
    problem = mistake(text)
    assert problem.startswith("config.toml: ")
    assert says in problem


def test_huge_numbers_do_not_break_the_message() -> None:
    problem = mistake(MINIMAL.replace("730", "0x" + "f" * 5000))
    assert "a number that large is not a whole number" in problem


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none.toml", "no such file; copy examples/config.toml there"), (tmp_path, "make it a file")):
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert str(path) in str(caught.value)
        assert says in str(caught.value)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# caf\xe9")
    with pytest.raises(ConfigError, match="byte 5 is not UTF-8"):
        load(latin)


def test_load_reads_what_parse_reads(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(MINIMAL)
    assert load(path) == parse(MINIMAL)
