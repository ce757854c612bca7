"""uWSGI with its real options, as scripts/entrypoint.sh starts it, over its own protocol."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest


class Server:
    """One running server and a client for it."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def get(self, target: str, **headers: str) -> tuple[int, str]:
        path, _, query = target.partition("?")
        variables = {
            "REQUEST_METHOD": "GET",
            "REQUEST_URI": target,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
        } | headers
        pairs = [text.encode() for pair in variables.items() for text in pair]
        body = b"".join(struct.pack("<H", len(text)) + text for text in pairs)
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(struct.pack("<BHB", 0, len(body), 0) + body)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        head, _, content = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), content


@pytest.fixture
def start(app_dir: Path, tmp_path: Path, empty_database: str):
    """Starts the server on a free port with an empty, migrated database and waits for its first answer."""
    started: list[subprocess.Popen[str]] = []

    def run(**variables: str) -> Server:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {name: os.environ[name] for name in ("PATH", "STATIC_ROOT", "SLIPWAY_RELEASE")} | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SLIPWAY_ENVIRONMENT": "local",
            "SECRET_KEY": "only-for-tests",
            "ALLOWED_HOSTS": "localhost",
            "DATABASE_URL": empty_database,
            "SLIPWAY_SOCKET": f"127.0.0.1:{port}",
            "SLIPWAY_RUN_DIR": str(tmp_path),
        }
        entrypoint = str(app_dir / "scripts" / "entrypoint.sh")
        subprocess.run([entrypoint, "migrate", "-v0"], env=environment, check=True, timeout=60)
        process = subprocess.Popen(
            [entrypoint],
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        server = Server(process, port)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            try:
                server.get("/healthz/live")
                break
            except OSError:
                time.sleep(0.05)
        return server

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_a_request_in_flight_survives_the_stop_signal(start):
    server = start(SLIPWAY_TEST_ENDPOINTS="1")
    answers = []
    in_flight = threading.Thread(target=lambda: answers.append(server.get("/-/sleep?seconds=3")))
    in_flight.start()
    time.sleep(0.7)
    # While one request waits, the next is answered at once.
    asked = time.monotonic()
    assert server.get("/healthz/live")[0] == 200
    # It also opens the database's pool, whose threads must not hold up the stop.
    assert server.get("/healthz/ready")[0] == 200
    assert time.monotonic() - asked < 1
    stopped = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    in_flight.join()
    assert answers == [(200, '{"slept": 3.0}')]
    output, _ = server.process.communicate(timeout=10)
    assert server.process.returncode == 0
    assert time.monotonic() - stopped < 6
    # Every line is JSON, except uWSGI's lines about its own configuration.
    lines = [line for line in output.splitlines() if not line.startswith("[")]
    loggers = [json.loads(line)["logger"] for line in lines]
    assert "request" in loggers
    assert "uwsgi" in loggers


def test_the_page_and_readiness_answer_over_the_real_server(start):
    server = start()
    assert server.get("/")[0] == 200
    code, body = server.get("/healthz/ready", HTTP_HOST="10.0.0.9")
    assert (code, json.loads(body)["checks"]) == (200, {"database": "ok"})


def test_a_large_cookie_is_no_error(start):
    assert start().get("/", HTTP_COOKIE="a=" + "x" * 12_000)[0] == 200


def test_the_waiting_view_is_absent_unless_asked_for(start):
    assert start().get("/-/sleep?seconds=0")[0] == 404


def test_a_missing_variable_ends_the_server_with_its_name(start):
    server = start(ALLOWED_HOSTS="")
    output, _ = server.process.communicate(timeout=20)
    assert server.process.returncode != 0
    (line,) = [json.loads(line) for line in output.splitlines() if '"CRITICAL"' in line]
    assert line["message"] == "cannot start: 1 problem in the environment variables: ALLOWED_HOSTS is missing"


def test_without_its_database_the_app_stays_alive_and_says_so_quickly(start):
    # Nothing listens on port 1.
    server = start(DATABASE_URL="postgresql://unknown@127.0.0.1:1/absent")
    pages = [threading.Thread(target=lambda: answers.append(server.get("/@ada"))) for _ in range(6)]
    answers: list[tuple[int, str]] = []
    asked = time.monotonic()
    for page in pages:
        page.start()
    assert server.get("/healthz/live")[0] == 200
    assert time.monotonic() - asked < 1
    code, body = server.get("/healthz/ready")
    assert (code, json.loads(body)["status"]) == (503, "unavailable")
    for page in pages:
        page.join()
    assert time.monotonic() - asked < 6
    assert [code for code, _ in answers] == [500] * 6
    assert all("Please try again in a moment" in content for _, content in answers)
