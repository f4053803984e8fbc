"""docs/waiting.md is what the matrix of real calls says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "asterisk/matrix/table.py"


def test_the_page_is_made_from_the_rows() -> None:
    done = subprocess.run([sys.executable, str(TABLE), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
