"""A warning wherever voices, numbers or a password would cross a network in clear; none on one machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from whole_daemon import installed, whole_daemon

from asterisk_privacy.asterisk.tap_names import TapNames
from asterisk_privacy.daemon.config import parse
from asterisk_privacy.daemon.reach import is_loopback, plain_tcp
from asterisk_privacy.daemon.settings import How
from asterisk_privacy.errors import ConfigError, OperatorError

POLICY = """
[purposes.proof]
title = "proof"
basis = "contract"
reasoning = "-"
trigger = "always"
retention = { until = "days", latest_days = 30 }
[profiles.line]
title = "Line"
language = "en"
announcement = "notice-optout"
purposes = ["proof"]
refuse_key = "3"
"""


def warned(settings: str) -> list[str]:
    return [line.partition(":")[0] for line in plain_tcp(parse(settings + POLICY))]


def test_on_one_machine_there_is_nothing_to_warn_of() -> None:
    assert warned("") == []
    assert (
        warned('[asterisk]\nari_url = "http://localhost:8088"\n[capture]\nlisten = "127.0.0.2:9092"\n[fastagi]\nlisten = "[::1]:4573"\n')
        == []
    )


WIRE = '[capture]\nhow = "wire"\n[asterisk]\nari_url = "{}"\n'


SOUNDS = Path(__file__).resolve().parents[3] / "dialplan/sounds"


@pytest.mark.parametrize("here", ["http://127.0.0.1:8088", "https://localhost:8089", "http://[::1]:8088"])
def test_the_wire_of_this_machine(here: str) -> None:
    assert parse(WIRE.format(here) + POLICY).capture.how is How.WIRE


@pytest.mark.parametrize("there", ["http://192.0.2.7:8088", "https://pbx.example:8089", "http://[2001:db8::1]:8088"])
def test_the_wire_of_another_machine_cannot_be_heard(there: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(WIRE.format(there) + POLICY)
    [line] = refused.value.problems
    assert line.startswith("[capture] how: ") and there in line and 'write how = "snoop"' in line
    assert parse(WIRE.format(there).replace('"wire"', '"snoop"') + POLICY).capture.how is How.SNOOP


def test_a_wrong_address_is_one_mistake_with_the_wire_too() -> None:
    with pytest.raises(ConfigError) as refused:
        parse(WIRE.format("http://bob:hunter2@pbx.example:8088") + POLICY)
    [line] = refused.value.problems
    assert line.startswith("[asterisk] ari_url: ") and "hunter2" not in line


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        ('[capture]\nlisten = "192.0.2.7:9092"', ["[capture] listen"]),
        ('[capture]\nlisten = "127.0.0.1:9092"\nadvertise = "recorder.example:9092"', ["[capture] advertise"]),
        ('[capture]\nlisten = "0.0.0.0:9092"\nadvertise = "127.0.0.1:9092"', ["[capture] listen"]),
        ('[fastagi]\nlisten = "[::]:4573"', ["[fastagi] listen"]),
        ('[asterisk]\nari_url = "http://pbx.example:8088"', ["[asterisk] ari_url"]),
        ('[asterisk]\nari_url = "http://[2001:db8::1]:8088"', ["[asterisk] ari_url"]),
        ('[asterisk]\nari_url = "https://pbx.example:8089"', []),
        (
            '[asterisk]\nari_url = "http://pbx.example:8088"\n[fastagi]\nlisten = "10.0.0.2:4573"\n[capture]\nlisten = "10.0.0.2:9092"',
            ["[capture] listen", "[fastagi] listen", "[asterisk] ari_url"],
        ),
    ],
)
def test_what_leaves_the_machine_in_clear(settings: str, places: list[str]) -> None:
    assert warned(settings + "\n") == places


def test_a_network_that_is_nobody_elses() -> None:
    settings = '[asterisk]\nnetwork = "private"\nari_url = "http://10.0.0.1:8088"\n[capture]\nlisten = "10.0.0.2:9092"\n'
    assert warned(settings) == []
    assert len(warned(settings.replace("private", "open"))) == 2


def test_all_addresses_are_named_so() -> None:
    (line,) = plain_tcp(parse('[fastagi]\nlisten = "0.0.0.0:4573"\n' + POLICY))
    assert "all addresses of this machine" in line


@pytest.mark.parametrize(
    ("host", "own"), [("127.255.0.1", True), ("::1", True), ("localhost", True), ("", False), ("localhost.evil", False)]
)
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own


async def test_the_daemon_takes_the_secret_of_the_file_and_warns_at_its_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = tmp_path / "tap.secret"
    secret.write_text("s" * 40)
    secret.chmod(0o600)
    path = installed(tmp_path, more=f'[dialplan]\nsounds = "{SOUNDS}"\n')
    more = f'[capture]\nadvertise = "192.0.2.7:9092"\nsecret_file = "{secret}"\n'
    path.write_text(path.read_text().replace("[capture]\n", more))
    async with whole_daemon(path) as running:
        assert running.audio.names.is_ours(TapNames(b"s" * 40).new())
        assert [line.partition(":")[0] for line in running.service.health.advice] == ["[capture] advertise"]
    assert "advice: [capture] advertise: 192.0.2.7:9092: the voices" in caplog.text
    secret.unlink()
    with pytest.raises(OperatorError, match="no such file"):
        async with whole_daemon(path):
            pass
