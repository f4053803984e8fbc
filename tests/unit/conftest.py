"""What more than one room's tests need."""

from __future__ import annotations

from postgres_server import postgres, server
from s3_server import road, s3

__all__ = ["postgres", "road", "s3", "server"]
