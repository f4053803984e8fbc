"""A line to PostgreSQL that can be cut at the worst moment: the server has taken a change, and its answer never comes."""

from __future__ import annotations

import select
import shutil
import socket
import tempfile
import threading
from pathlib import Path

PORT_FILE = ".s.PGSQL.5432"


class CutLine:
    """Between a client and the socket in `there`; `folder` is the host for the client."""

    def __init__(self, there: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="apl-", dir="/tmp"))
        self.cut_at: bytes | None = None  # what the client says last: nothing comes back
        self.delivered = True  # whether the server still gets it, and does what it asks
        self._there = str(there / PORT_FILE)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / PORT_FILE))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._there)
            while True:
                for end, other in ((client, server), (server, client)):
                    if end not in select.select([client, server], [], [], 5)[0]:
                        continue
                    said = end.recv(65536)
                    if not said:
                        return
                    if end is client and self.cut_at is not None and self.cut_at in said:
                        self.cut_at = None
                        if self.delivered:
                            server.sendall(said)
                            server.recv(65536)  # it has answered: what was asked is done
                        return
                    other.sendall(said)

    def close(self) -> None:
        self._listener.close()
        shutil.rmtree(self.folder)
