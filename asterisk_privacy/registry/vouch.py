"""Signs a checkpoint of a trail that is still the one that was signed before: what was tampered with is not vouched for.

Every night, so it walks only what is new; of the rest it looks at the entries to which a checkpoint was signed, and at the signatures.
"""

from __future__ import annotations

from pathlib import Path

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import checkpoints
from asterisk_privacy.registry.checkpoint import Checkpoint, read_file
from asterisk_privacy.registry.engine import Engine
from asterisk_privacy.registry.signing import Signer, Verifier, key_id
from asterisk_privacy.registry.verify import Copy, against_checkpoints


def vouch(engine: Engine, signer: Signer, beside: Path) -> Checkpoint:
    """Broken when the trail is not sound, NotWritten when only the file `beside` fails: it is caught up with the next time."""
    try:
        written, _ = read_file(beside)  # a torn line is nothing to stop for; `audit verify` tells of others
    except (FileNotFoundError, OperatorError):  # whether it can be written is seen when it is
        written = []
    public = signer.key.public_key()
    faults = against_checkpoints(engine, Copy(str(beside), written), Verifier({key_id(public): public}))
    if faults:
        raise checkpoints.Broken(
            f"audit trail of {engine.where}: {faults[0]}; no checkpoint was signed; see: asterisk-privacy audit verify"
        )
    return checkpoints.make(engine, signer, beside)
