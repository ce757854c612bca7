"""The `docker` command of the user, with a configuration of its own: no test may touch a user's credentials."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

# Every name of an image that the tests make.
PREFIX = "slipway-conformance"


class Docker:
    """Calls `docker`; an error is an exception with what it said."""

    def __init__(self, engine: str, config: Path | None = None) -> None:
        # No proxy and no other host: requests go to the engine of the tests.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER")}
        self.environment |= {"DOCKER_HOST": engine}
        if config is not None:
            self.environment["DOCKER_CONFIG"] = str(config)
        self.program = os.environ.get("SLIPWAY_TEST_DOCKER") or "docker"

    def __call__(self, *arguments: str, given: bytes | None = None) -> str:
        finished = self.run(*arguments, given=given)
        said = finished.stderr.decode(errors="replace")
        assert finished.returncode == 0, f"docker {' '.join(arguments)}: {finished.returncode}: {said}"
        return finished.stdout.decode().strip()

    def run(self, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """The same where an error is expected."""
        return subprocess.run(
            [self.program, *arguments], env=self.environment, input=given, capture_output=True, timeout=120
        )


def root_of_busybox(busybox: Path, page: str) -> bytes:
    """A root file system as a tar archive: busybox under all of its names, and a script at `/www/page`."""
    names = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("bin", "tmp", "www"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for name, content, mode in (
            ("bin/busybox", busybox.read_bytes(), 0o755),
            ("www/page", page.encode(), 0o755),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
        for name in names:
            if name != "busybox":
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname, link.mode = tarfile.SYMTYPE, "busybox", 0o777
                tar.addfile(link)
    return archive.getvalue()
