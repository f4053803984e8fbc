"""`asterisk-privacy setup` on a running Asterisk: after it the contexts, keys and the ARI user are there; after --undo nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bare_pbx import BarePbx

from asterisk_privacy.lab.unpack import Install

pytestmark = pytest.mark.asterisk


@pytest.fixture
def pbx(install: Install, tmp_path: Path) -> Iterator[BarePbx]:
    with BarePbx(tmp_path / "pbx", install) as running:
        yield running


def test_in_and_out_again(pbx: BarePbx) -> None:
    before = pbx.files
    assert "There is no existence" in pbx.cli("dialplan show privacy-start")
    assert pbx.ari("x") == 0

    said = pbx.setup()
    assert "Warning: asterisk" not in said and "Warning: Asterisk" not in said, said
    for context in ("privacy-start", "privacy-outbound", "privacy-key-keep", "privacy-keys-idle", "privacy-tap"):
        assert f"Context '{context}'" in pbx.cli(f"dialplan show {context}")
    keys = pbx.cli("features show")
    assert all(f"{name} " in keys for name in ("privacykeep", "privacyoff", "privacyfrom", "privacyobject"))
    assert "Attended Transfer                 *2" in keys  # what was there still is
    secret = (pbx.workdir / "etc/asterisk-privacy/ari.secret").read_text().strip()
    assert (pbx.ari(secret), pbx.ari("wrong")) == (200, 401)
    assert "Bound to 127.0.0.1" in pbx.cli("http show status")
    assert "Nothing to do" in pbx.setup()

    pbx.setup("--undo")
    assert pbx.files == before
    assert "There is no existence" in pbx.cli("dialplan show privacy-start")
    assert "privacykeep" not in pbx.cli("features show")
    assert pbx.ari(secret) == 0
    assert [line for line in pbx.log.splitlines() if "ERROR" in line] == []
