"""Several audit chains in one trail: what happens to one of them is seen, and named with its chain and entry. On PostgreSQL only: a file
has one chain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from raw_database import Raw
from registry_samples import PROOF, T0, Clock

from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.audit import entry_hash, genesis
from asterisk_privacy.registry.checkpoint import read_file
from asterisk_privacy.registry.checkpoints import Broken
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.signing import Signer, Verifier, key_id
from asterisk_privacy.registry.verify import Copy

SIGNER = Signer.generate()
VERIFIER = Verifier({key_id(SIGNER.key.public_key()): SIGNER.key.public_key()})
NAMES = ("pbx-1", "pbx-2", "pbx-3")


class Nodes:
    """Three nodes that share a registry: four entries each, then a checkpoint by the first, then two more each."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.raw, self.file, self.clock = server, Raw(server), folder / "checkpoints.jsonl", Clock()
        self.of = {name: Registry.open(replace(server, node=name), clock=self.clock) for name in NAMES}
        self.one = self.of["pbx-1"]
        self.listens(4)
        self.one.soundness.checkpoint(SIGNER, self.file)
        self.listens(2)
        report = self.one.verify_audit(self.copies(), VERIFIER)
        assert report.ok and report.since == 6, report
        assert {c.chain: c.entries for c in report.chains} == {"": 4, **dict.fromkeys(NAMES, 6)}

    def listens(self, count: int) -> None:
        for n in range(count):
            for name, registry in self.of.items():
                registry.audit(name, "listen", f"r{n}", {})

    def copies(self) -> list[Copy]:
        return [Copy("FILE", *read_file(self.file), own=True)]

    def attack(self, *statements: str) -> None:
        """By somebody who can lift the guards, and computes every hash anew, heads included."""
        self.raw.run([(statement, ()) for statement in statements], unguarded=True)
        rows = self.raw("SELECT chain, seq, at, actor, action, subject, detail FROM audit ORDER BY chain, seq")
        last: dict[object, tuple[int, str]] = {}
        mended: list[tuple[str, tuple[object, ...]]] = []
        for chain, seq, at, actor, action, subject, detail in rows:
            prev = last[chain][1] if chain in last else genesis(str(chain))
            digest = entry_hash(prev, int(str(seq)), int(str(at)), str(actor), str(action), str(subject), str(detail))
            mended.append(("UPDATE audit SET prev = ?, hash = ? WHERE chain = ? AND seq = ?", (prev, digest, chain, seq)))
            last[chain] = (int(str(seq)), digest)
        mended += [("UPDATE audit_head SET entries = ?, hash = ? WHERE chain = ?", (*head, chain)) for chain, head in last.items()]
        self.raw.run(mended, unguarded=True)

    def seen(self, *words: str) -> None:
        """By `audit verify`, and by whoever is to sign the next checkpoint."""
        report = self.one.verify_audit(self.copies(), VERIFIER)
        assert not report.ok and all(word in " | ".join(report.faults) for word in words), report.faults
        with pytest.raises(Broken, match="no checkpoint was signed"):
            self.one.soundness.checkpoint(SIGNER, self.file)


@pytest.fixture
def nodes(server: Server, tmp_path: Path) -> Iterator[Nodes]:
    made = Nodes(server, tmp_path)
    yield made
    for registry in made.of.values():
        registry.close()


PLAIN = {
    "changed": ("UPDATE audit SET actor = 'x' WHERE chain = 'pbx-2' AND seq = 5", "chain pbx-2: entry 5 was changed"),
    "a gap": ("DELETE FROM audit WHERE chain = 'pbx-2' AND seq = 5", "chain pbx-2: entry 5 is missing"),
    "cut": ("DELETE FROM audit WHERE chain = 'pbx-2' AND seq > 4", "chain pbx-2: the head counts 6 entries, but only 4 are there"),
    "no head": ("DELETE FROM audit_head WHERE chain = 'pbx-2'", "chain pbx-2: the head record is missing; 6 entries are there"),
    "the first": ("UPDATE audit SET actor = 'x' WHERE chain = '' AND seq = 4", "the first chain: entry 4"),
    "names swapped": (
        "UPDATE audit SET chain = 'x' WHERE chain = 'pbx-2'; UPDATE audit SET chain = 'pbx-2' WHERE chain = 'pbx-3'; "
        "UPDATE audit SET chain = 'pbx-3' WHERE chain = 'x'; UPDATE audit_head SET chain = 'x' WHERE chain = 'pbx-2'; "
        "UPDATE audit_head SET chain = 'pbx-2' WHERE chain = 'pbx-3'; UPDATE audit_head SET chain = 'pbx-3' WHERE chain = 'x'",
        "chain pbx-2: entry 1 does not follow the entry before it",
    ),
    "moved": (
        "UPDATE audit SET chain = 'pbx-3', seq = 7 WHERE chain = 'pbx-2' AND seq = 6",
        "chain pbx-2: the head counts 6 entries, but only 5 are there",
    ),
}


@pytest.mark.parametrize("attack", PLAIN)
def test_what_is_wrong_is_named_with_its_chain_and_entry(nodes: Nodes, attack: str) -> None:
    statement, words = PLAIN[attack]
    nodes.raw.run([(one, ()) for one in statement.split("; ")], unguarded=True)
    report = nodes.one.verify_audit(nodes.copies(), VERIFIER)
    assert not report.ok and report.why.startswith(words), report.faults
    assert next(c.chain for c in report.chains if not c.ok) == ("" if "first" in words else "pbx-2")


def test_where_a_head_is_missing_nothing_is_added_and_a_line_says_so(nodes: Nodes, says: Callable[..., None]) -> None:
    two = nodes.of["pbx-2"]
    nodes.raw("DELETE FROM audit_head WHERE chain = 'pbx-2'", unguarded=True)
    says(lambda: two.begin_call("c", "sales", T0, None, None, "in"), "the head record of chain pbx-2 is missing", "audit verify")
    says(
        lambda: nodes.one.soundness.checkpoint(SIGNER, nodes.file),
        "chain pbx-2: the head record is missing; 6 entries are there",
        "was signed",
    )
    nodes.raw("DELETE FROM audit_head WHERE chain = ''", unguarded=True)
    says(lambda: nodes.one.soundness.checkpoint(SIGNER, nodes.file), "the first chain: the head record is missing")
    assert two.calls() == []


ANEW = {
    "changed": (["UPDATE audit SET actor = 'x' WHERE chain = 'pbx-2' AND seq = 3"], "chain pbx-2: checkpoint 1 (entry 4) has another hash"),
    "cut": (["DELETE FROM audit WHERE chain = 'pbx-2' AND seq > 3"], "chain pbx-2: checkpoint 1 (entry 4) counts 4 entries, but only 3"),
    "gone whole": (
        ["DELETE FROM audit WHERE chain = 'pbx-2'", "DELETE FROM audit_head WHERE chain = 'pbx-2'"],
        "chain pbx-2: entry 2 tells that it began, and none of its entries is there: the whole chain was deleted",
    ),
    "emptied": (
        [
            "DELETE FROM audit WHERE chain = 'pbx-2'",
            f"UPDATE audit_head SET entries = 0, hash = '{genesis('pbx-2')}' WHERE chain = 'pbx-2'",
        ],
        "chain pbx-2: entry 2 tells that it began, and none of its entries is there: the whole chain was deleted",
    ),
    "gone with the entry that told of it": (
        [
            "DELETE FROM audit WHERE chain = 'pbx-2' OR chain = '' AND seq = 2",
            "DELETE FROM audit_head WHERE chain = 'pbx-2'",
            "UPDATE audit SET seq = seq - 1 WHERE chain = '' AND seq > 2",
        ],
        "checkpoint 1 (entry 3) names chain pbx-2 with 4 entries, and there is no such chain: it was deleted",
    ),
    "gone with all that tells of it": (
        [
            "DELETE FROM audit WHERE chain = 'pbx-2' OR chain = '' AND seq = 2",
            "DELETE FROM audit_head WHERE chain = 'pbx-2'",
            "UPDATE audit SET seq = seq - 1 WHERE chain = '' AND seq > 2",
            "UPDATE audit SET detail = '{\"number\":\"1\"}' WHERE chain = '' AND action = 'audit.checkpoint'",
        ],
        "checkpoint 1 of ",
    ),
    "renamed": (
        ["UPDATE audit SET chain = 'pbx-9' WHERE chain = 'pbx-2'", "UPDATE audit_head SET chain = 'pbx-9' WHERE chain = 'pbx-2'"],
        "chain pbx-9: no entry of the first chain tells that it began",
    ),
}


@pytest.mark.parametrize("attack", ANEW)
def test_with_every_hash_computed_anew_it_is_still_seen(nodes: Nodes, attack: str) -> None:
    statements, words = ANEW[attack]
    nodes.attack(*statements)
    nodes.seen(words)


def test_what_a_checkpoint_names_and_when_again(nodes: Nodes) -> None:
    """Its own chain each time, others' when nobody has named them for a while: a thousand nodes sign each night."""

    def named(by: str) -> list[str]:
        nodes.of[by].soundness.checkpoint(SIGNER, nodes.file)
        [entry] = [e for e in nodes.one.audit_entries(9) if e.action == "audit.checkpoint" and e.chain == ""][:1]
        return [name for name in NAMES if f'"{name}"' in entry.detail.get("chains", "")]

    assert named("pbx-2") == ["pbx-2"]
    assert named("pbx-2") == [], "nothing new"
    nodes.clock.now += timedelta(hours=13)
    assert named("pbx-2") == ["pbx-1", "pbx-3"]
    assert nodes.one.verify_audit(nodes.copies(), VERIFIER).since == 0


def test_checkpoints_are_made_while_others_write(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes between the walk and the signature is walked too."""
    monkeypatch.setattr("asterisk_privacy.registry.checkpoints.MANY", 1)
    writing = threading.Thread(target=lambda: [nodes.of["pbx-2"].audit("x", "y", str(n), {}) for n in range(60)])
    writing.start()
    made = [nodes.one.soundness.checkpoint(SIGNER, nodes.file) for _ in range(3)]
    writing.join(30)
    nodes.clock.now += timedelta(hours=13)
    made.append(nodes.one.soundness.checkpoint(SIGNER, nodes.file))
    report = nodes.one.verify_audit(nodes.copies(), VERIFIER)
    assert report.ok and [c.number for c in made] == [2, 3, 4, 5] and report.since == 0, report.faults
    assert {c.chain: c.entries for c in report.chains}["pbx-2"] == 66


def test_a_node_that_is_gone_leaves_a_sound_trail(nodes: Nodes) -> None:
    nodes.of["pbx-3"].close()
    nodes.clock.now += timedelta(days=400)
    for registry in (nodes.one, nodes.of["pbx-2"]):
        registry.audit("x", "y", "z", {})
        registry.soundness.checkpoint(SIGNER, nodes.file)
    assert nodes.one.verify_audit(nodes.copies(), VERIFIER).ok
    with Registry.open(replace(nodes.server, node="pbx-4"), clock=nodes.clock) as renamed:
        renamed.begin_call("c", "sales", T0, None, None, "in")
        renamed.begin_recording("r", "c", T0, [PROOF], 1)
        assert renamed.verify_audit().ok
        first, second, *_ = renamed.audit_entries(None)[::-1][-3:]
        assert (first.chain, first.action, first.subject) == ("", "audit.chain", "pbx-4")
        assert (second.chain, second.seq) == ("pbx-4", 1)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit SELECT 1, at, actor, action, subject, detail, prev, hash, 'pbx-9' FROM audit WHERE chain = 'pbx-2' AND seq = 1",
        "INSERT INTO audit SELECT 7, at, actor, action, subject, detail, hash, hash, 'pbx-3' FROM audit WHERE chain = 'pbx-2' AND seq = 6",
        "INSERT INTO audit_head (chain, entries, hash) VALUES ('pbx-9', 0, '')",
        "INSERT INTO audit_head (chain, entries, hash) SELECT 'pbx-9', 6, hash FROM audit_head WHERE chain = 'pbx-2'",
        "UPDATE audit_head SET chain = 'pbx-9' WHERE chain = 'pbx-2'",
        "UPDATE audit_head SET hash = (SELECT hash FROM audit WHERE chain = 'pbx-3' AND seq = 6) WHERE chain = 'pbx-2'",
        "UPDATE audit SET chain = 'pbx-9' WHERE chain = 'pbx-2'",
        "DELETE FROM audit WHERE chain = 'pbx-2'",
        "DELETE FROM audit_head WHERE chain = 'pbx-2'",
    ],
)
def test_the_database_itself_refuses(nodes: Nodes, statement: str) -> None:
    with pytest.raises(nodes.raw.refusal):
        nodes.raw(statement)
    assert nodes.one.verify_audit(nodes.copies(), VERIFIER).ok
