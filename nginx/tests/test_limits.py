"""Sizes, and the ports and files that are not for the public."""

from __future__ import annotations

import subprocess

import pytest


def test_five_kilobytes_of_cookie(front, backend):
    cookie = "a=" + "x" * 5000
    assert front.get("/admin/", headers={"Cookie": cookie}).variables()["HTTP_COOKIE"] == cookie


def test_the_largest_head_fits_the_apps_buffer(front, backend):
    """What nginx lets through must be below uWSGI's buffer-size (32768), or it would be a 502."""
    cookie, query = "a=" + "x" * 7300, "q" * 8100
    response = front.get(f"/@x?{query}", headers={"Cookie": cookie, "User-Agent": "u" * 700})
    assert response.status == 200
    assert 24_000 < int(response.variables()["test.packet_bytes"]) < 32_768


def test_nine_kilobytes_of_cookie_are_refused_here(front, backend):
    assert front.get("/admin/", headers={"Cookie": "a=" + "x" * 9000}).status == 400
    assert backend.requests == []


def test_long_address_is_refused_here(front, backend):
    assert front.get("/@x?" + "a" * 9000).status == 414
    assert backend.requests == []


def test_body_within_djangos_limit(front, backend):
    size = 2_621_440
    response = front.get("/admin/", "POST", body=b"x" * size)
    assert response.variables()["test.body_bytes"] == str(size)


def test_body_over_the_limit_is_refused_unread(front, backend):
    head = b"POST /admin/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3145729\r\n\r\n"
    assert front.raw(head, until=b"\r\n").startswith(b"HTTP/1.1 413 ")
    assert backend.requests == []


def test_chunked_body_over_the_limit_is_refused(front, backend):
    head = b"POST /admin/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert front.raw(head + b"300001\r\nx", until=b"\r\n").startswith(b"HTTP/1.1 413 ")
    assert backend.requests == []


def test_host_is_required(front, backend):
    assert front.raw(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert backend.requests == []


def test_two_lengths_are_refused(front, backend):
    both = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert front.raw(both).startswith(b"HTTP/1.1 400 ")
    assert backend.requests == []


@pytest.mark.parametrize("path", ["/stub_status", "/stub_status/"])
def test_counters_are_not_on_the_public_port(front, backend, path):
    assert b"Active connections" not in front.get(path).body
    assert len(backend.requests) == 1


def test_counters_are_on_the_loopback(front):
    request = b"GET /stub_status HTTP/1.0\r\n\r\n"
    assert b"Active connections" in front.raw(request, front.status_port)
    spoofed = b"GET /stub_status HTTP/1.0\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
    assert b" 403 " in front.raw(spoofed, front.status_port)
    assert b" 404 " in front.raw(b"GET / HTTP/1.0\r\n\r\n", front.status_port)


def test_nothing_is_written_outside_of_tmp(make_front):
    front, _ = make_front()
    before = _files(front)
    front.get("/admin/", "POST", body=b"x" * 200_000)
    front.get("/static/none.css")
    assert _files(front) == before
    assert (front.tmp / "cache").is_dir()
    assert (front.tmp / "nginx.pid").exists()


def _files(front) -> set[str]:
    return {str(path) for path in front.base.rglob("*") if front.tmp not in path.parents}


def test_configuration_is_accepted_without_a_warning(front):
    # A file and not a pipe: nginx opens /dev/stderr anew, as a user who may not own the pipe.
    report = front.tmp / "report.txt"
    report.touch()
    report.chmod(0o666)
    with report.open("r+b") as out:
        command = front.command("-t")
        result = subprocess.run(command, stdout=out, stderr=out, check=False, **front.identity())
    assert result.returncode == 0, report.read_text()
    assert "test is successful" in report.read_text()
    assert "[warn]" not in report.read_text()
