"""An Asterisk as it was before anybody thought of recording, for `setup` to put its lines in and take them out again."""

from __future__ import annotations

import shlex
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from asterisk_privacy.cli.main import main
from asterisk_privacy.lab.pbx import Pbx
from asterisk_privacy.lab.unpack import Install


class BarePbx(Pbx):
    """None of our files and lines, HTTP server and ARI off. A restart leaves the files as they are."""

    def __init__(self, workdir: Path, install: Install, **arguments: Any) -> None:
        super().__init__(workdir, install, **arguments)
        self._written = False

    def _write(self) -> None:
        if self._written:
            return
        self._written = True
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
    def etc(self) -> Path:
        return self._etc

    @property
    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self._etc.iterdir() if path.is_file()}

    def setup(self, *options: str) -> str:
        console = shlex.join([*self.install.asterisk, "-C", str(self._etc / "asterisk.conf")])
        places = ["--root", str(self.workdir), "--asterisk-dir", "/etc", "--asterisk-command", console]
        result = CliRunner().invoke(main, ["setup", *places, "--yes", *options])
        assert result.exit_code == 0, result.output
        return result.output

    def restart(self) -> list[str]:
        """Errors and warnings of the new start."""
        self.stop()
        mark = len(self.log)
        self.start()
        return [line for line in self.log[mark:].splitlines() if "ERROR" in line or "WARNING" in line]

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
