from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cli_samples import NOW, Place

from asterisk_privacy.cli.campaign import campaign

FAULT = """
[purposes.fault]
title = "finding a fault on the line"
basis = "legitimate-interest"
reasoning = "The provider needs to hear the fault; a handful of designated calls is enough."
trigger = "campaign"
retention = { until = "days", latest_days = 14 }
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    file = tmp_path / "config.toml"
    file.write_text(file.read_text().replace('["complaint"]', '["complaint", "fault"]') + FAULT)
    yield made
    made.registry.close()


def moment(hours: float) -> str:
    return f"{datetime.now() + timedelta(hours=hours):%Y-%m-%dT%H:%M}"


def opened(place: Place, *more: str) -> int:
    usual = ("open", "--from", moment(-1), "--to", moment(24), "--count", "2", "--provider", "Telco", "--reason", "echo")
    return place.run(campaign, *usual, *more).exit_code


def test_open_list_close(place: Place) -> None:
    assert opened(place, "--extensions", "anna, bert", "--profiles", "sales") == 0
    assert opened(place, "--profiles", "sales", "--purpose", "fault") == 0
    newest, first = place.json(campaign, "list")
    assert (first["id"], first["state"], first["taken"], first["count"]) == (1, "active", 0, 2)
    assert (first["extensions"], first["profiles"], newest["extensions"]) == (["anna", "bert"], ["sales"], [])
    assert place.run(campaign, "close", "1").exit_code == 0
    assert place.json(campaign, "list")[1]["state"] == "closed"
    assert "Telco" in place.run(campaign, "list").stdout
    closed_again = place.run(campaign, "close", "1")
    assert closed_again.exit_code == 3 and "campaign 1: does not exist or is closed already" in closed_again.stderr
    place.registry.begin_call("c" * 32, "sales", NOW, None, None, "in")
    assert place.registry.join_campaign("fault", "c" * 32, "sales", "PJSIP/carl", NOW)
    assert place.json(campaign, "list")[0]["taken"] == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((), "nothing is designated"),
        (("--profiles", "support"), "only sales lists fault"),
        (("--profiles", "sales", "--to", moment(-2)), "--to is not after --from"),
        (("--profiles", "sales", "--from", moment(-4), "--to", moment(-2)), "the window is over already"),
        (("--profiles", "sales", "--purpose", "complaint"), 'no purpose complaint has trigger = "campaign"'),
        (("--profiles", "sales", "--count", "0"), "0 is not in the range"),
    ],
)
def test_mistakes(place: Place, more: tuple[str, ...], told: str) -> None:
    usual = ("open", "--from", moment(-1), "--to", moment(24), "--count", "2", "--provider", "Telco", "--reason", "echo")
    result = place.run(campaign, *usual, *more)
    assert result.exit_code == 2 and told in result.stderr
    assert place.json(campaign, "list") == []


def test_hand_over_only_what_a_campaign_took(place: Place) -> None:
    recording = place.record(1)
    refused = place.run(campaign, "hand-over", recording, "--to", "Telco")
    assert refused.exit_code == 3 and "was not made for a campaign" in refused.stderr
