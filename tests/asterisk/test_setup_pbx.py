"""`asterisk-privacy setup` on a running Asterisk: after it the contexts, keys and the ARI user are there; after --undo nothing is."""

from __future__ import annotations

import shlex
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from asterisk_privacy.cli.main import main
from asterisk_privacy.lab.pbx import Pbx
from asterisk_privacy.lab.unpack import Install

pytestmark = pytest.mark.asterisk


class BarePbx(Pbx):
    """As it was before anybody thought of recording: none of our files and lines, HTTP server and ARI off."""

    def _write(self) -> None:
        super()._write()
        for path in self._etc.glob("*.conf"):
            if path.name.endswith("_privacy.conf") or path.name == "extensions_example.conf":
                path.unlink()
            else:
                lines = [line for line in path.read_text().splitlines() if "_privacy.conf" not in line and "extensions_example" not in line]
                path.write_text("\n".join(lines).replace(",privacy-agent)", ")") + "\n")
        for name in ("http", "ari"):
            file = self._etc / f"{name}.conf"
            file.write_text(file.read_text().replace("enabled = yes", "enabled = no"))

    @property
    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self._etc.iterdir() if path.is_file()}

    def setup(self, *options: str) -> str:
        console = shlex.join([*self.install.asterisk, "-C", str(self._etc / "asterisk.conf")])
        places = ["--root", str(self.workdir), "--asterisk-dir", "/etc", "--asterisk-command", console]
        result = CliRunner().invoke(main, ["setup", *places, "--yes", *options])
        assert result.exit_code == 0, result.output
        return result.output

    def ari(self, password: str) -> int:
        """Its answer to a question with this password; 0 if nobody answers."""
        request = urllib.request.Request(f"{self.ari_url}/ari/asterisk/info")
        request.add_header("Authorization", "Basic " + b64encode(f"asterisk-privacy:{password}".encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


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
