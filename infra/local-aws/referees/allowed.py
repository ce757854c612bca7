"""Where the stand-in and moto differ, and why the stand-in is right: (call, beginning of the difference) → reason."""

from __future__ import annotations

ALLOWED: dict[tuple[str, str], str] = {}
