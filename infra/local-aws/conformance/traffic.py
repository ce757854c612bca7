"""A steady stream of requests through the load balancer, and what became of each."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from types import TracebackType

from emulator import HEALTH


def get(address: str, path: str = HEALTH, timeout: float = 30) -> tuple[int, str]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace").strip()
    finally:
        connection.close()


class Traffic:
    """Asks for the page from several threads while its block runs."""

    def __init__(self, address: str, clients: int = 4, pause: float = 0.02) -> None:
        self.address, self.pause = address, pause
        self.pages: Counter[str] = Counter()
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]

    def _ask(self) -> None:
        while not self._over.is_set():
            begun = time.monotonic()
            try:
                status, page = get(self.address)
                if status == 200:
                    self.pages[page] += 1
                else:
                    self.failures.append(f"{status} {page[:60]}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{error!r} after {time.monotonic() - begun:.2f} s")
            time.sleep(self.pause)

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def verdict(self) -> str:
        """Nothing where every request was answered."""
        total = sum(self.pages.values()) + len(self.failures)
        assert total > 0, "not one request was made"
        return f"{len(self.failures)} of {total} failed: {self.failures[:5]}" if self.failures else ""
