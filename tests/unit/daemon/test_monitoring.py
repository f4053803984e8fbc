"""monitoring/: dashboard and alert rules speak of series that a running daemon really has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from whole_daemon import installed, whole_daemon

from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.nodes import Told
from asterisk_privacy.registry.registry import Registry

MONITORING = Path(__file__).parents[3] / "monitoring"
NAME = re.compile(r"\b(?:asterisk_privacy|process)_[a-z_0-9]+")
MATCHER = re.compile(r'\b([a-z_]+)\s*(=~?|!=)\s*"([^"]*)"')
SELECTOR = re.compile(r"\b((?:asterisk_privacy|process)_[a-z_0-9]+)(?:\{([^}]*)\})?")
FROM_PROMETHEUS = {"instance", "job"}  # labels that the scraper adds
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")

Seen = dict[str, list[dict[str, str]]]


async def scraped(folder: Path, server: Server) -> str:
    """Of a node that shares its registry with one that is silent: it tells all that there is."""
    path = installed(folder)
    path.write_text(path.read_text().replace("[registry]\n", f'[registry]\nurl = "{server.url}"\nnode = "pbx-1"\n'))
    with Registry.open(replace(server, node="pbx-2")) as other:
        other.nodes.tell(Told("1.0", utc_now(), 0, None, 0, 0))
    with psycopg.connect(server.url) as db:
        db.execute("UPDATE nodes SET seen_at = 0")
    async with whole_daemon(path) as running, aiohttp.ClientSession() as session:
        await running.purging.run()
        assert running.neighbours is not None
        running.neighbours._heard_since = -1e9  # as if it had heard of the others for days
        async with session.get(f"http://{running.service.config.metrics.listen}/metrics") as answer:
            return await answer.text()


async def told(folder: Path, server: Server) -> Seen:
    """Labels of every series, by name."""
    found: Seen = {}
    for family in text_string_to_metric_families(await scraped(folder, server)):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


def dashboard() -> dict[str, object]:
    found = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    assert isinstance(found, dict)
    return found


def rules() -> list[dict[str, str]]:
    return [rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def dashboard_queries() -> Iterator[str]:
    for panel in dashboard()["panels"]:  # type: ignore[attr-defined]
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (note["expr"] for note in dashboard()["annotations"]["list"])  # type: ignore[index]


def check(query: str, series: Seen) -> None:
    assert NAME.search(query) or "up{" in query, query
    for name, labels in SELECTOR.findall(query):
        assert name in series, f"{name} is not told: {query}"
        for label, operator, wanted in MATCHER.findall(labels):
            if label in FROM_PROMETHEUS:
                continue
            values = {told[label] for told in series[name]}
            for value in wanted.split("|") if operator == "=~" else [wanted]:
                assert value in values, f"{name} has no {label}={value}: {query}"


async def test_every_name_and_label_of_dashboard_and_rules_is_told(tmp_path: Path, server: Server) -> None:
    series = await told(tmp_path, server)
    for query in (*dashboard_queries(), *(rule["expr"] for rule in rules())):
        check(query, series)
    for rule in rules():
        for used in re.findall(r"\$labels\.([a-z_]+)", rule["annotations"]["description"]):  # type: ignore[index]
            assert used in rule["expr"] or any(used in labels for name in NAME.findall(rule["expr"]) for labels in series[name])


def test_every_rule_says_what_it_means() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")  # type: ignore[index]
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]  # type: ignore[index]
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) and all(name.startswith("AsteriskPrivacy") for name in names)


def test_no_two_panels_lie_on_each_other() -> None:
    taken: dict[tuple[int, int], str] = {}
    panels = dashboard()["panels"]
    for panel in panels:  # type: ignore[attr-defined]
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert cell not in taken, f"{panel['title']} lies on {taken[cell]}"
            taken[cell] = panel["title"]
    assert len({panel["id"] for panel in panels}) == len(panels)  # type: ignore[attr-defined, arg-type]


def promtool(*arguments: str, text: str | None = None) -> str:
    said = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout + said.stderr


@needs_promtool
def test_prometheus_takes_the_rules_and_they_fire(tmp_path: Path) -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", str(MONITORING / "alerts.yml"))
    promtool("test", "rules", str(Path(__file__).with_name("alerts_test.yml")))
    queries = {"groups": [{"name": "q", "rules": [{"record": "x", "expr": plain(query)} for query in dashboard_queries()]}]}
    (tmp_path / "dashboard.yml").write_text(yaml.safe_dump(queries))
    promtool("check", "rules", "--lint=none", str(tmp_path / "dashboard.yml"))


@needs_promtool
async def test_prometheus_finds_no_fault_with_names_and_types(tmp_path: Path, server: Server) -> None:
    assert promtool("check", "metrics", text=await scraped(tmp_path, server)) == ""


def plain(query: str) -> str:
    """Without Grafana's variables."""
    return query.replace("$instance", ".+")
