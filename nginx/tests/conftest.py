"""The fixtures: one nginx for the whole run, a handler and a record of requests for each test."""

from __future__ import annotations

import gzip
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from backend import Backend, echo  # noqa: E402
from front import Front  # noqa: E402

HASHED = "app.0123456789ab.css"
CSS = b"body { color: teal }\n" * 200


@pytest.fixture(scope="session")
def make_front() -> Iterator[Callable[..., tuple[Front, Backend]]]:
    """Starts a front with a backend of its own; both end with the run."""
    started: list[tuple[Front, Backend, Path]] = []

    def make(changes: dict[str, str] | None = None) -> tuple[Front, Backend]:
        # Not pytest's own directory: nginx runs as user 101 and must be able to walk to its files.
        base = Path(tempfile.mkdtemp(prefix="front-"))
        base.chmod(0o755)
        backend = Backend()
        backend.start()
        front = Front(base, backend.port, changes)
        started.append((front, backend, base))
        collect_static(front.static)
        front.start()
        return front, backend

    yield make
    for front, backend, base in started:
        front.stop()
        backend.stop()
        shutil.rmtree(base)


@pytest.fixture(scope="session")
def _pair(make_front: Callable[..., tuple[Front, Backend]]) -> tuple[Front, Backend]:
    return make_front()


@pytest.fixture
def front(_pair: tuple[Front, Backend]) -> Front:
    return _pair[0]


@pytest.fixture
def backend(_pair: tuple[Front, Backend]) -> Backend:
    backend = _pair[1]
    backend.handler = echo
    backend.requests.clear()
    return backend


_numbers = itertools.count(1)


@pytest.fixture
def page() -> str:
    """A path that no other test requests, so that no entry of the cache is shared."""
    return f"/@page{next(_numbers)}"


def collect_static(root: Path) -> None:
    """What the app's `static` target leaves: manifest names, and a .gz beside what compresses."""
    files = {
        HASHED: CSS,
        "app.css": CSS,
        "admin/js/nav.min.ba9876543210.js": b"console.log(1);\n" * 100,
        "app.js.0123456789ab.map": b"{}",
        "LICENSE.0123456789ab": b"free",
        "logo.abcdef012345.png": b"\x89PNG" + b"\x00" * 60,
        "app.0123456789abc.css": b"thirteen digits are no manifest name",
        "staticfiles.json": b'{"paths": {}}',
        ".env": b"SECRET_KEY=x",
        "admin/.git/config": b"[core]",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if path.suffix in (".css", ".js"):
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, 9, mtime=0))
    outside = root.parent / "static-private"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(b"sibling secret")
    (root.parent / "settings.py").write_bytes(b"parent secret")
    for directory, _, names in os.walk(root.parent):
        if not directory.startswith(str(root.parent / "tmp")):
            os.chmod(directory, 0o755)
            for name in names:
                os.chmod(Path(directory) / name, 0o644)
