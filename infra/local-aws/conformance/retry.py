"""The one place that waits for something to become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# A busy machine with two cores needs seconds for what takes milliseconds elsewhere; only a failure waits this long.
LIMIT = 90.0


def until(what: str, look: Callable[[], T], limit: float = LIMIT, pause: float = 0.1) -> T:
    """Looks until there is something to see, and returns it."""
    deadline = time.monotonic() + limit
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: still not after {limit:.0f} s; last seen: {seen!r}")
        time.sleep(pause)
