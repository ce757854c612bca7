"""A small threaded server of the uwsgi protocol that stands in for Django.

What it answers is decided by a handler that each test sets. It records every request it received,
so that a test can say what reached the app, and that nothing did.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Answer:
    """A response; headers in order, names may repeat."""

    status: int = 200
    body: bytes = b"hello"
    headers: list[tuple[str, str]] = field(default_factory=list)


Handler = Callable[[dict[str, str]], Answer]


def echo(variables: dict[str, str]) -> Answer:
    """Answers with the variables that arrived, so that a test sees what the app would see."""
    return Answer(body=json.dumps(variables).encode(), headers=[("Content-Type", "application/json")])


class Backend:
    """Listens on a loopback port of its own from `start` to `stop`."""

    def __init__(self) -> None:
        self.handler: Handler = echo
        self.requests: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = 0

    def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(1024)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self) -> None:
        """From here on connections are refused; `start` opens the same port again."""
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def paths(self) -> list[str]:
        with self._lock:
            return [request["REQUEST_URI"] for request in self.requests]

    def count(self, path: str) -> int:
        return self.paths().count(path)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            packet = stream.read(4)
            if len(packet) < 4:
                return
            _, size, _ = struct.unpack("<BHB", packet)
            variables = _parse(stream.read(size))
            body = stream.read(int(variables.get("CONTENT_LENGTH") or 0))
            variables["test.body_bytes"] = str(len(body))
            variables["test.packet_bytes"] = str(size)
            with self._lock:
                self.requests.append(variables)
            answer = self.handler(variables)
            head = [f"HTTP/1.1 {answer.status} Status"]
            headers = list(answer.headers)
            names = {name.lower() for name, _ in headers}
            if "content-type" not in names:
                headers.append(("Content-Type", "text/html; charset=utf-8"))
            if "content-length" not in names:
                headers.append(("Content-Length", str(len(answer.body))))
            head += [f"{name}: {value}" for name, value in headers]
            payload = b"" if variables.get("REQUEST_METHOD") == "HEAD" else answer.body
            try:
                connection.sendall("\r\n".join([*head, "", ""]).encode() + payload)
            except OSError:
                pass  # The client went away, which some tests do on purpose.


def _parse(packet: bytes) -> dict[str, str]:
    variables: dict[str, str] = {}
    at = 0
    while at < len(packet):
        parts = []
        for _ in range(2):
            (length,) = struct.unpack_from("<H", packet, at)
            parts.append(packet[at + 2 : at + 2 + length].decode("latin-1"))
            at += 2 + length
        variables[parts[0]] = parts[1]
    return variables
