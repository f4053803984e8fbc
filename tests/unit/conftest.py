"""What more than one room's tests need."""

from __future__ import annotations

from s3_server import road, s3

__all__ = ["road", "s3"]
