"""What signed checkpoints notice that the chain alone cannot: forgers who can write the whole database, compute every hash anew, and know
this program. Each works on the real file with plain SQL, guards lifted; the sentence must name what and where."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from raw_database import Raw

from asterisk_privacy.registry.audit import entry_hash
from asterisk_privacy.registry.checkpoint import Checkpoint, read_file, read_line
from asterisk_privacy.registry.checkpoints import Broken, NotWritten
from asterisk_privacy.registry.migrations.m0001_first import GENESIS
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import AuditReport
from asterisk_privacy.registry.signing import Signer, Verifier
from asterisk_privacy.registry.verify import Copy

SIGNER = Signer.generate()


class Trail:
    """Twelve entries, of which 4, 8 and 12 announce checkpoints, and two more behind them."""

    def __init__(self, registry: Registry, raw: Raw, folder: Path) -> None:
        registry._engine.chain = ""  # the first one, as in a file; what is different in a node's is in test_chains.py
        self.registry, self.raw, self.file = registry, raw, folder / "checkpoints.jsonl"
        for n in range(1, 4):
            self._listens(3)
            assert registry.soundness.checkpoint(SIGNER, self.file).number == n
        self._listens(2)
        self.elsewhere = folder / "elsewhere.jsonl"
        shutil.copy(self.file, self.elsewhere)
        public = folder / "checkpoint.pub"
        public.write_text(SIGNER.public_pem)
        self.verifier = Verifier.load(public)
        assert self.verify().ok and self.verify().entries == 14

    def _listens(self, count: int) -> None:
        for n in range(count):
            self.registry.audit("anna", "listen", f"r{n}", {"purpose": "training"})

    def verify(self, elsewhere: bool = False) -> AuditReport:
        copies = [Copy("FILE", *read_file(self.file), own=True)]
        return self.registry.verify_audit([*copies, Copy("ELSEWHERE", *read_file(self.elsewhere))] if elsewhere else copies, self.verifier)

    def attack(self, *statements: str) -> None:
        """By somebody with the database's own command: guards lifted, then put back, so that their absence gives nothing away."""
        self.raw.run([(statement, ()) for statement in statements], unguarded=True)
        prev, seq, mended = GENESIS, 0, []  # every hash anew, and the head
        for seq, at, actor, action, subject, detail in self.raw("SELECT seq, at, actor, action, subject, detail FROM audit ORDER BY seq"):
            digest = entry_hash(prev, seq, at, actor, action, subject, detail)
            mended.append(("UPDATE audit SET prev = ?, hash = ? WHERE seq = ?", (prev, digest, seq)))
            prev = digest
        self.raw.run([*mended, ("UPDATE audit_head SET entries = ?, hash = ?", (seq, prev))], unguarded=True)

    def strip(self, keep: int) -> None:
        """The file without the checkpoints after `keep`."""
        self.file.write_text("".join(self.file.read_text().splitlines(keepends=True)[:keep]))


@pytest.fixture
def trail(registry: Registry, raw: Raw, tmp_path: Path) -> Trail:
    return Trail(registry, raw, tmp_path)


RENUMBERED = "UPDATE audit SET seq = seq - 1 WHERE seq > {0}"
INSERTED = "INSERT INTO audit VALUES (6, 1, 'piet', 'listen', 'r9', '{}', '', '', '')"
ATTACKS = {
    "changed": (["UPDATE audit SET actor = 'nobody' WHERE seq = 6"], "checkpoint 2", "entry 5 to 8 was changed, removed or inserted"),
    "removed": (["DELETE FROM audit WHERE seq = 6", RENUMBERED.format(6)], "checkpoint 2", "entry 5 to 8 was changed, removed or inserted"),
    "reordered": (
        [
            "UPDATE audit SET subject = 'rX' WHERE seq = 10",
            "UPDATE audit SET seq = 99 WHERE seq = 10",
            "UPDATE audit SET seq = 10 WHERE seq = 11",
            "UPDATE audit SET seq = 11 WHERE seq = 99",
        ],
        "checkpoint 3",
        "entry 9 to 12 was changed, removed or inserted",
    ),
    "inserted": (
        ["UPDATE audit SET seq = seq + 100 WHERE seq > 5", INSERTED, "UPDATE audit SET seq = seq - 99 WHERE seq > 100"],
        "checkpoint 2",
        "entry 5 to 8 was changed, removed or inserted",
    ),
    "cut": (["DELETE FROM audit WHERE seq > 10"], "checkpoint 3", "12 entries, but only 10 are there: the tail was cut off after entry 10"),
    "cut to nothing": (["DELETE FROM audit"], "checkpoint 1", "but only 0 are there: the tail was cut off after entry 0"),
    "first entry": (["UPDATE audit SET actor = 'nobody' WHERE seq = 1"], "checkpoint 1", "entry 1 to 4 was changed, removed or inserted"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_with_every_hash_computed_anew_it_is_still_seen(trail: Trail, attack: str) -> None:
    statements, who, where = ATTACKS[attack]
    trail.attack(*statements)
    report = trail.verify()
    assert not report.ok and who in report.why and where in report.why, report.faults
    assert report.first_bad is None  # the chain alone found nothing
    with pytest.raises(Broken, match="no checkpoint was signed"):
        trail.registry.soundness.checkpoint(SIGNER, trail.file)


def test_nothing_is_signed_over_a_trail_whose_checkpoints_were_made_to_fit(trail: Trail) -> None:
    """By somebody who knows that each night looks only from the last checkpoint on; without the key."""
    trail.attack("UPDATE audit SET actor = 'nobody' WHERE seq = 6")
    trail.attack("UPDATE checkpoints SET head = (SELECT hash FROM audit WHERE seq = entries)")
    for file in (trail.file, trail.file.with_name("another")):
        with pytest.raises(Broken, match="does not fit its signature: it was forged or changed; no checkpoint was signed"):
            trail.registry.soundness.checkpoint(SIGNER, file)


def test_nothing_is_signed_once_a_checkpoint_was_taken_out_of_the_registry(trail: Trail) -> None:
    trail.attack("DELETE FROM checkpoints WHERE number = 3")
    with pytest.raises(Broken, match=r"checkpoint 3 is in .* and not in the registry"):
        trail.registry.soundness.checkpoint(SIGNER, trail.file)


def test_what_came_after_the_last_checkpoint_is_not_vouched_for_yet(trail: Trail) -> None:
    """Said in the report: so many entries since."""
    trail.attack("DELETE FROM audit WHERE seq = 14")
    report = trail.verify()
    assert report.ok and report.last_checkpoint is not None and report.entries - report.last_checkpoint.entries == 1


STRIPPED = {
    "from the registry": (["DELETE FROM checkpoints WHERE number = 3"], 3, "checkpoint 3 is in FILE and not in the registry"),
    "from its middle": (["DELETE FROM checkpoints WHERE number = 2"], 3, "checkpoint 2 is in FILE and not in the registry"),
    "from the file": ([], 2, "checkpoint 3 is in the registry and not in FILE"),
    "from both": (["DELETE FROM checkpoints WHERE number = 3"], 2, "entry 12 tells of checkpoint 3, which is in none of"),
    "from both, all": (["DELETE FROM checkpoints"], 0, "entry 4 tells of checkpoint 1, which is in none of"),
    "with the entries that tell of it": (
        ["DELETE FROM audit WHERE seq > 11", "DELETE FROM checkpoints WHERE number = 3"],
        3,
        "counts 12 entries, but only 11 are there",
    ),
}


@pytest.mark.parametrize("attack", STRIPPED)
def test_stripped_checkpoints_are_missed(trail: Trail, attack: str) -> None:
    statements, keep, sentence = STRIPPED[attack]
    trail.attack(*statements)
    trail.strip(keep)
    report = trail.verify()
    assert not report.ok and any(sentence in fault for fault in report.faults), report.faults


def test_all_of_it_rewritten_is_seen_with_a_copy_that_was_kept_elsewhere_and_only_then(trail: Trail) -> None:
    trail.attack("DELETE FROM audit WHERE seq > 7", "DELETE FROM checkpoints WHERE number > 1")
    trail.strip(1)
    assert trail.verify().ok  # honest about what it cannot see
    report = trail.verify(elsewhere=True)
    sentences = ("checkpoint 2 of ", "counts 8 entries, but only 7 are there: the tail was cut off after entry 7")
    assert not report.ok and all(s in report.faults[0] for s in sentences), report.faults
    assert any("checkpoint 3 is in ELSEWHERE and not in the registry" in fault for fault in report.faults)


@pytest.mark.parametrize("field", ["number", "entries", "head", "at", "key", "signature"])
def test_a_forged_checkpoint_is_seen(trail: Trail, field: str) -> None:
    """Each field of the last one, in the registry and in the file alike."""
    true = trail.registry.verify_audit().last_checkpoint
    assert true is not None
    other = {"number": 4, "entries": 11, "head": "0" * 64, "at": "2026-01-01T00:00:00+00:00", "key": "0" * 16, "signature": "AAAA"}
    forged = replace(true, **{field: other[field]})
    trail.strip(2)
    with trail.file.open("a") as file:
        file.write(forged.line + "\n")
    trail.attack("DELETE FROM checkpoints WHERE number = 3", f"INSERT INTO checkpoints VALUES {tuple(asdict(forged).values())}")
    report = trail.verify()
    assert not report.ok and report.faults[0].startswith(f"checkpoint {forged.number} in the registry "), report.faults
    assert "was forged" in report.faults[0]


def test_a_checkpoint_signed_by_another_key_is_seen(trail: Trail) -> None:
    """Whoever cuts the tail and signs afresh needs the private key."""
    trail.attack("DELETE FROM audit WHERE seq > 11", "DELETE FROM checkpoints WHERE number = 3")
    trail.strip(2)
    trail.registry.soundness.checkpoint(Signer.generate(), trail.file)
    report = trail.verify()
    assert not report.ok and "not in the public key file: it was forged" in report.faults[0], report.faults


def test_with_the_stolen_key_only_a_copy_elsewhere_shows_it(trail: Trail) -> None:
    trail.attack("DELETE FROM audit WHERE seq > 11", "DELETE FROM checkpoints WHERE number = 3")
    trail.strip(2)
    trail.registry.soundness.checkpoint(SIGNER, trail.file)
    assert trail.verify().ok
    report = trail.verify(elsewhere=True)
    assert any("checkpoint 3 in the registry and ELSEWHERE is not one but two" in fault for fault in report.faults), report.faults
    assert any("counts 12 entries and another hash" in fault for fault in report.faults)


@pytest.mark.parametrize("line", ["{}", "scribbles", '{"number": "3"}', '{"number": 3, "entries": 1}'])
def test_a_line_that_is_none_is_named(trail: Trail, line: str) -> None:
    lines = trail.file.read_text().splitlines()
    trail.file.write_text("\n".join([lines[0], line, *lines[1:], ""]))
    report = trail.verify()
    assert any(f"{trail.file} line 2 is not a checkpoint" in fault for fault in report.faults), report.faults


def test_a_torn_line_is_written_again_and_no_fault(trail: Trail) -> None:
    trail.file.write_text(trail.file.read_text()[:-20])
    assert not trail.verify().ok
    trail.registry.soundness.checkpoint(SIGNER, trail.file)
    assert trail.verify().ok, trail.verify().faults
    assert len(read_file(trail.file)[0]) == 4


def test_a_file_that_cannot_be_written_is_caught_up_with(trail: Trail) -> None:
    trail.file.rename(trail.file.with_suffix(".away"))
    trail.file.mkdir()
    with pytest.raises(NotWritten, match="in the registry only"):
        trail.registry.soundness.checkpoint(SIGNER, trail.file)
    trail.file.rmdir()
    trail.file.with_suffix(".away").rename(trail.file)
    assert not trail.verify().ok
    assert trail.registry.soundness.checkpoint(SIGNER, trail.file).number == 5
    assert trail.verify().ok and [c.number for c in read_file(trail.file)[0]] == [1, 2, 3, 4, 5]
    assert trail.file.stat().st_mode & 0o777 == 0o600


def test_a_line_of_the_journal_will_do() -> None:
    checkpoint = Checkpoint(1, 2, "ab", "2026-01-01T00:00:00+00:00", "cd", "ef")
    assert read_line(f"Nov 22 03:30:01 pbx asterisk-privacy[7]: INFO audit checkpoint {checkpoint.line}") == checkpoint


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_openssl_agrees(trail: Trail, tmp_path: Path) -> None:
    """So that nobody needs this program to check a checkpoint, as docs/privacy-officer.md says."""
    told = json.loads(trail.file.read_text().splitlines()[2])
    (tmp_path / "signature").write_bytes(base64.b64decode(told.pop("signature")))
    (tmp_path / "message").write_text(json.dumps(told, sort_keys=True, separators=(",", ":")))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "checkpoint.pub", "-rawin", "-in", "message", "-sigfile", "signature"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "message").write_text(json.dumps({**told, "entries": 99}, sort_keys=True, separators=(",", ":")))
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_a_change_of_key_keeps_the_old_one_vouching(trail: Trail, tmp_path: Path) -> None:
    new = Signer.generate()
    trail.registry.soundness.checkpoint(new, trail.file)
    (tmp_path / "both.pub").write_text(SIGNER.public_pem + new.public_pem)
    trail.verifier = Verifier.load(tmp_path / "both.pub")
    assert trail.verify().ok


def test_keys_that_are_none(tmp_path: Path, says: Callable[..., None]) -> None:
    path = tmp_path / "k"
    says(lambda: Signer.load(path), "no such file", "generate-checkpoint-key")
    path.write_text("scribbles")
    path.chmod(0o640)
    says(lambda: Signer.load(path), "is not a private key in PEM")
    says(lambda: Verifier.load(path), "holds no ed25519 key")
    path.write_text(SIGNER.private_pem)
    says(lambda: Verifier.load(path), "holds a private key, which verifying does not need")
    path.chmod(0o644)
    says(lambda: Signer.load(path), "everybody on this machine can read it")
