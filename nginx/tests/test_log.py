"""The access log: one JSON object per request, whatever the client wrote."""

from __future__ import annotations

import json
import time

import pytest
from backend import Answer


def test_fields(front, backend, page):
    backend.handler = lambda _: Answer(headers=[("Cache-Control", "public, max-age=1")])
    headers = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9", "X-Forwarded-Proto": "https", "X-Request-Id": "id-1", "User-Agent": "curl"}
    front.get(page, headers=headers)
    line = front.log_of(page)
    assert line["client"] == "203.0.113.9"
    assert line["peer"] == "127.0.0.1"
    assert (line["method"], line["uri"], line["scheme"], line["host"]) == ("GET", page, "https", "links.example")
    assert (line["status"], line["bytes"], line["cache"]) == (200, 5, "MISS")
    assert (line["request_id"], line["user_agent"]) == ("id-1", "curl")
    assert isinstance(line["request_time"], float)
    assert float(line["upstream_time"]) >= 0


@pytest.mark.parametrize(
    "agent",
    [b'"}\n{"x":"'.replace(b"\n", b""), b"\\", b'\\"', b"\xff\xfe", b"tab\there", b"a" * 5000, "한국".encode(), b"${jndi:ldap://x}"],
    ids=["brace", "backslash", "quote", "not-utf8", "tab", "long", "korean", "jndi"],
)
def test_hostile_agents(front, backend, page, agent):
    front.raw(b"GET " + page.encode() + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUser-Agent: " + agent + b"\r\n\r\n")
    if agent == b"tab\there" and not backend.requests:
        return  # Newer versions refuse control characters.
    line = front.log_of(page)
    assert agent.startswith(line["user_agent"].encode())
    assert len(line["user_agent"]) <= 300


def test_hostile_address(front, backend, page):
    front.raw(b"GET " + page.encode() + b'?q="\\\xff HTTP/1.1\r\nHost: a\r\nReferer: \xc3(\r\nConnection: close\r\n\r\n')
    line = front.log_of(page)
    assert line["uri"] == page + '?q="\\'
    assert line["referer"] == ""


@pytest.mark.parametrize("garbage", [b"GET /old\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_garbage_is_still_json(front, backend, garbage):
    before = len(front.logs.read_bytes().splitlines())
    front.raw(garbage)
    deadline = time.monotonic() + 5
    while len(lines := front.logs.read_bytes().splitlines()) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    line = json.loads(lines[-1].decode("utf-8"))
    assert isinstance(line["status"], int)


@pytest.mark.parametrize("path", ["/nginx-health", "/healthz/live", "/healthz/ready"])
def test_probes_are_not_logged(front, backend, page, path):
    front.get(f"{path}?{page}")
    front.get(page)
    assert front.log_of(page)["uri"] == page


def test_failed_probes_are_logged(front, backend, page):
    backend.handler = lambda _: Answer(503)
    front.get(f"/healthz/live?{page}")
    assert front.log_of(page)["status"] == 503


def test_a_near_miss_of_a_probe_is_logged(front, backend, page):
    front.get(f"/nginx-healthy?{page}")
    assert front.log_of(page)["status"] == 200


def test_upstream_failure_is_told(front, backend, page):
    backend.handler = lambda _: Answer(500, b"bad")
    front.get(page)
    line = front.log_of(page)
    assert (line["status"], line["upstream_status"]) == (500, "500")
