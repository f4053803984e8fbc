"""For all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# where a run decides whether a change lands it must not depend on luck; everywhere else each run looks at new examples
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
