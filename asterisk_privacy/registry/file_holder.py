"""Who keeps a SQLite file locked, for the message to whoever waits for it.

SQLite locks bytes of the file and of its -shm with fcntl(2), which can be asked for the holder. It is asked in a process of
its own: closing any descriptor of these files drops all locks that this process holds on them (sqlite.org/howtocorrupt.html,
2.2). That costs 30 ms, after seconds of waiting.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SECONDS = 5.0
_ASK = """
import fcntl, os, struct, sys
for path, start, size in ((sys.argv[1] + "-shm", 120, 1), (sys.argv[1], 0x40000000, 512)):  # who writes; who locks all of it
    try:
        file = os.open(path, os.O_RDONLY)
        told = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, start, size, 0))
    except OSError:
        continue
    kind, _, _, _, pid = struct.unpack("hhqqi0q", told)
    if kind != fcntl.F_UNLCK:
        print(pid)
        break
"""


def holder(path: Path) -> str:
    """In words; "another process" where nobody can be named: it has let go by now, or is hidden from us."""
    try:
        asked = subprocess.run([sys.executable, "-I", "-S", "-c", _ASK, str(path)], capture_output=True, timeout=SECONDS, check=True)
        pid = int(asked.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return "another process"
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # of a user whom we do not see
        return f"process {pid}"
    return f"process {pid} ({name})" if name.isprintable() else f"process {pid}"
