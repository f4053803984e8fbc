"""Nodes that share a registry, as a table: what differs between them stands out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from asterisk_privacy.cli.common import local
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.registry.clocks import MOST_APART
from asterisk_privacy.registry.nodes import NodeState

HEADINGS = ("node", "state", "version", "since", "calls", "last purge", "uploads wait", "alarms", "clock")
Node = Mapping[str, object]


def print_nodes(nodes: Sequence[Node]) -> None:
    """`nodes`: each as the daemon reports it (daemon/neighbours.py, `as_report`)."""
    print_table(HEADINGS, [_line(node) for node in nodes])
    for words in differences(nodes):
        echo(words)


def differences(nodes: Sequence[Node]) -> Iterator[str]:
    """What needs a look, a sentence each."""
    for node in nodes:
        if node["state"] == NodeState.SILENT:
            yield f"{node['name']} silent since {_when(node['seen'])}"
        if node["state"] == NodeState.UP and off(node):
            yield f"{node['name']}: its clock is {_clock(node)} the registry server's"
    versions = Counter(str(node["version"]) for node in nodes if node["state"] in (NodeState.UP, NodeState.SILENT))
    if len(versions) > 1:
        yield "versions differ: " + ", ".join(f"{count} with {version}" for version, count in sorted(versions.items()))


def off(node: Node) -> bool:
    ahead = node["ahead_seconds"]
    return isinstance(ahead, int | float) and abs(ahead) > MOST_APART.total_seconds()


def _line(node: Node) -> tuple[str, ...]:
    state = {
        NodeState.SILENT.value: f"silent since {_when(node['seen'])}",
        NodeState.STOPPED.value: f"stopped {_when(node['seen'])}",
        NodeState.RETIRED.value: f"retired {_when(node['retired'])}",
    }.get(str(node["state"]), "up")
    living = node["state"] != NodeState.RETIRED
    return (
        str(node["name"]),
        state,
        str(node["version"]),
        _when(node["started"]) if living else "",
        str(node["calls"]) if node["state"] == NodeState.UP else "",
        _when(node["purged"]),
        str(node["uploads_waiting"]),
        str(node["alarms"]),
        _clock(node).removesuffix(" of") if off(node) else "",
    )


def _clock(node: Node) -> str:
    ahead = node["ahead_seconds"]
    assert isinstance(ahead, int | float)
    return f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'}"


def _when(text: object) -> str:
    return local(datetime.fromisoformat(text)) if isinstance(text, str) else ""
