#!/bin/sh
# What came along in the venv $1: name, version and licence of each, as its own metadata says.
exec "$1/bin/python3" -I - <<'PYTHON'
from importlib.metadata import distributions

print("Python libraries in /usr/lib/asterisk-privacy; the full text of each licence is beside it, in its *.dist-info.\n")
for name, version, licence in sorted(
    (d.metadata["Name"], d.version, d.metadata.get("License-Expression") or (d.metadata.get("License") or "see its dist-info").splitlines()[0])
    for d in distributions()
):
    print(f"{name} {version}: {licence[:100]}")
PYTHON
