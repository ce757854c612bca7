"""Runs a real nginx with the shipped configuration, in a private directory and on private ports.

The copy differs from what ships in the literals of `REPLACEMENTS` only, and each of them must be found.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).resolve().parent.parent
USER = 101


def nginx_binary() -> Path:
    """`NGINX_BIN`, else the nginx on PATH."""
    found = os.environ.get("NGINX_BIN") or shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(found).exists():
        raise RuntimeError("no nginx: set NGINX_BIN to an nginx binary")
    return Path(found).resolve()


def mime_types() -> Path:
    """The file that comes with the binary: unpacked packages keep it three levels up."""
    for candidate in (nginx_binary().parents[2] / "etc/nginx/mime.types", Path("/etc/nginx/mime.types")):
        if candidate.exists():
            return candidate
    raise RuntimeError(f"no mime.types belongs to {nginx_binary()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    seconds: float

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times: {values}"
        return values[0] if values else None

    def variables(self) -> dict[str, str]:
        """What the echoing backend received."""
        return json.loads(self.body)


class Front:
    """One nginx. `base` is its whole world: everything that it may write is below `base/tmp`."""

    def __init__(self, base: Path, app_port: int, changes: dict[str, str] | None = None) -> None:
        self.base = base
        self.port = free_port()
        self.status_port = free_port()
        self.config = base / "etc/nginx.conf"
        self.static = base / "static"
        self.tmp = base / "tmp"
        self.logs = base / "access.jsonl"
        self.errors = base / "error.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.static.mkdir(parents=True, exist_ok=True)
        self.tmp.mkdir(exist_ok=True)
        self._render(app_port, changes or {})
        for path in (self.logs, self.errors):
            path.touch()
        if os.geteuid() == 0:  # As in the container: user 101, who owns /tmp and nothing else.
            for path in (self.tmp, self.logs, self.errors):
                os.chown(path, USER, USER)

    def _render(self, app_port: int, changes: dict[str, str]) -> None:
        replacements = {
            "listen 8080 ": f"listen 127.0.0.1:{self.port} ",
            "listen 127.0.0.1:8081;": f"listen 127.0.0.1:{self.status_port};",
            "uwsgi_pass 127.0.0.1:8000;": f"uwsgi_pass 127.0.0.1:{app_port};",
            "alias /srv/static/;": f"alias {self.static}/;",
            "pid /tmp/": f"pid {self.tmp}/",
            "_temp_path /tmp/": f"_temp_path {self.tmp}/",
            "uwsgi_cache_path /tmp/": f"uwsgi_cache_path {self.tmp}/",
            **changes,
        }
        target = self.config.parent
        (target / "snippets").mkdir(parents=True)
        files = [SHIPPED / "nginx.conf", *sorted((SHIPPED / "snippets").glob("*.conf"))]
        texts = {path: path.read_text() for path in files}
        for before, after in replacements.items():
            assert any(before in text for text in texts.values()), f"`{before}` is not in the configuration"
            texts = {path: text.replace(before, after) for path, text in texts.items()}
        for path, text in texts.items():
            code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
            code = code.replace(str(self.base), "BASE")
            for literal in ("/srv/", " /tmp/", ":8000", ":8081", " 8080"):
                assert literal not in code, f"`{literal}` is left in {path.name}"
            (target / path.relative_to(SHIPPED)).write_text(text)
        shutil.copy(mime_types(), target / "mime.types")

    def command(self, *more: str) -> list[str]:
        return [str(nginx_binary()), "-c", str(self.config), "-p", str(self.tmp), *more]

    def identity(self) -> dict[str, object]:
        return {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}

    def start(self) -> None:
        with self.logs.open("ab") as out, self.errors.open("ab") as err:
            self._process = subprocess.Popen(
                self.command("-g", "daemon off;"), stdout=out, stderr=err, cwd="/", **self.identity()
            )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.errors.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("nginx does not listen")

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        assert self._process
        return self._process.wait(seconds)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)

    def get(self, path: str, method: str = "GET", headers: dict[str, str] | None = None, **more) -> Response:
        """One request on a connection of its own. `host` and `body` are the other keywords."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        began = time.monotonic()
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", more.get("host", "links.example"))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            body = more.get("body")
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            data = response.read()
            return Response(response.status, response.getheaders(), data, time.monotonic() - began)
        finally:
            connection.close()

    def raw(self, request: bytes, port: int | None = None, until: bytes | None = None) -> bytes:
        """Exact bytes in, everything out until nginx closes, or until `until` was seen."""
        with socket.create_connection(("127.0.0.1", port or self.port), 10) as connection:
            connection.sendall(request)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
                if until and until in received:
                    break
            return received

    def log_of(self, marker: str) -> dict[str, object]:
        """The one log line whose uri holds `marker`."""
        deadline = time.monotonic() + 5
        while True:
            lines = [json.loads(line) for line in self.logs.read_bytes().decode("utf-8").splitlines()]
            found = [line for line in lines if marker in line["uri"]]
            if found:
                assert len(found) == 1, found
                return found[0]
            assert time.monotonic() < deadline, f"no log line for {marker}"
            time.sleep(0.02)
