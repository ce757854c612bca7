"""The micro-cache: what it saves the app, and what it must never mix up."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from backend import Answer, echo

PUBLIC = ("Cache-Control", "public, max-age=1")


def public(body: bytes = b"page", status: int = 200, *more: tuple[str, str]):
    return lambda _: Answer(status, body, [PUBLIC, *more])


@pytest.fixture(autouse=True)
def _clear_of_the_boundary():
    """The half minute is part of the key; a test that would straddle it starts after it."""
    left = 30 - time.time() % 30
    if left < 4:
        time.sleep(left + 0.05)


def burst(front, path: str, count: int):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: front.get(path), range(count)))


def test_cold_burst_is_one_request(front, backend, page):
    def slow(_):
        time.sleep(0.2)
        return Answer(body=b"page", headers=[PUBLIC])

    backend.handler = slow
    responses = burst(front, page, 200)
    assert {response.status for response in responses} == {200}
    assert {response.body for response in responses} == {b"page"}
    assert backend.count(page) == 1


def test_miss_then_hit(front, backend, page):
    backend.handler = public()
    assert [front.get(page).header("X-Cache") for _ in range(3)] == ["MISS", "HIT", "HIT"]
    assert backend.count(page) == 1


def test_refreshed_after_a_second(front, backend, page):
    backend.handler = public(b"old")
    front.get(page)
    backend.handler = public(b"new")
    assert front.get(page).body == b"old"
    time.sleep(2.1)
    front.get(page)  # Served stale; it starts the refresh.
    time.sleep(0.2)
    assert front.get(page).body == b"new"
    assert backend.count(page) == 2


def test_warm_burst_is_one_request_and_nobody_waits(front, backend, page):
    backend.handler = public(b"old")
    front.get(page)
    time.sleep(2.1)

    def slow(_):
        time.sleep(1.5)
        return Answer(body=b"new", headers=[PUBLIC])

    backend.handler = slow
    # The one that starts the refresh on its own; the others are timed while it runs.
    starter = threading.Thread(target=front.get, args=(page,))
    starter.start()
    time.sleep(0.2)
    responses = burst(front, page, 50)
    starter.join()
    assert {response.body for response in responses} == {b"old"}
    assert {response.header("X-Cache") for response in responses} == {"UPDATING"}
    assert max(response.seconds for response in responses) < 1.2
    assert backend.count(page) == 2


@pytest.mark.parametrize("status", [500, 503])
def test_stale_when_the_app_fails(front, backend, page, status):
    backend.handler = public(b"good")
    front.get(page)
    time.sleep(2.1)
    backend.handler = lambda _: Answer(status, b"bad")
    responses = [front.get(page) for _ in range(3)]
    assert [(response.status, response.body) for response in responses] == [(200, b"good")] * 3


def test_stale_when_the_app_is_gone(front, backend, page):
    backend.handler = public(b"good")
    front.get(page)
    time.sleep(2.1)
    backend.stop()
    try:
        response = front.get(page)
        assert (response.status, response.body) == (200, b"good")
    finally:
        backend.start()


def test_no_entry_outlives_the_half_minute(make_front):
    """The key's clock is the only end of a stale entry, so it is shortened here to four seconds and watched."""
    changes = {r'"~T(?<minute>[0-9:]{5}):[0-2]" "$minute:00";': "", r'"~T(?<minute>[0-9:]{5}):[3-6]" "$minute:30";': _ticks(4)}
    front, backend = make_front(changes)
    backend.handler = public(b"good")
    time.sleep(4 - time.time() % 4 + 0.1)
    assert front.get("/@gone").status == 200
    backend.handler = lambda _: Answer(404, b"deleted")
    time.sleep(2.1)
    assert front.get("/@gone").status == 200
    time.sleep(2.2)
    assert front.get("/@gone").status == 404


def _ticks(seconds: int) -> str:
    """The map's lines for a shorter clock."""
    lines = []
    for start in range(0, 60, seconds):
        alternatives = "|".join(f"{second:02}" for second in range(start, start + seconds))
        lines.append(f'"~T(?<minute{start}>[0-9:]{{5}}):(?:{alternatives})" "$minute{start}:{start}";')
    return " ".join(lines)


SESSIONS = [
    "sessionid=abc",
    "theme=dark; sessionid=abc",
    "theme=dark;sessionid=abc",
    "sessionid =abc",
    "__Host-sessionid=abc",
    "csrftoken=abc",
    "messages=abc",
]


@pytest.mark.parametrize("cookie", SESSIONS)
def test_a_session_is_never_served_from_the_cache(front, backend, page, cookie):
    backend.handler = public(b"anonymous")
    front.get(page)
    backend.handler = public(b"personal")
    response = front.get(page, headers={"Cookie": cookie})
    assert (response.body, response.header("X-Cache")) == (b"personal", "BYPASS")


@pytest.mark.parametrize("cookie", SESSIONS)
def test_a_session_never_fills_the_cache(front, backend, page, cookie):
    backend.handler = public(b"personal")
    front.get(page, headers={"Cookie": cookie})
    backend.handler = public(b"anonymous")
    assert front.get(page).body == b"anonymous"


def test_a_session_does_not_replace_an_entry(front, backend, page):
    backend.handler = public(b"anonymous")
    front.get(page)
    backend.handler = public(b"personal")
    front.get(page, headers={"Cookie": "sessionid=abc"})
    response = front.get(page)
    assert (response.body, response.header("X-Cache")) == (b"anonymous", "HIT")


def test_other_cookies_share_the_entry(front, backend, page):
    backend.handler = public()
    front.get(page)
    assert front.get(page, headers={"Cookie": "_ga=1.2; theme=dark"}).header("X-Cache") == "HIT"


def test_credentials_bypass_both_ways(front, backend, page):
    credentials = {"Authorization": "Bearer x"}
    backend.handler = public(b"personal")
    assert front.get(page, headers=credentials).header("X-Cache") == "BYPASS"
    backend.handler = public(b"anonymous")
    assert front.get(page).body == b"anonymous"
    backend.handler = public(b"personal")
    assert front.get(page, headers=credentials).body == b"personal"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_writes_always_reach_the_app(front, backend, page, method):
    backend.handler = public()
    front.get(page)
    for _ in range(2):
        front.get(page, method, body=b"x=1")
    assert [request["REQUEST_METHOD"] for request in backend.requests] == ["GET", method, method]


@pytest.mark.parametrize("path", ["/admin/", "/admin/links/", "//admin/x", "/%61dmin/y", "/l/1", "/healthz/ready", "/-/z"])
def test_some_paths_are_never_cached(front, backend, path):
    backend.handler = public()
    assert [front.get(path).header("X-Cache") for _ in range(2)] == ["BYPASS"] * 2
    assert len(backend.requests) == 2


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Cache-Control", "max-age=60")],
        [("Cache-Control", "private, max-age=60")],
        [("Cache-Control", "no-store")],
        [("Cache-Control", "public, no-cache")],
        [("Cache-Control", "public, max-age=0")],
        [("Expires", "Thu, 31 Dec 2099 23:59:59 GMT")],
        [PUBLIC, ("Set-Cookie", "csrftoken=x")],
        [PUBLIC, ("Vary", "*")],
        [("Cache-Control", 'x="notpublic", max-age=60')],
    ],
    ids=lambda headers: "+".join(value for _, value in headers) or "silence",
)
def test_not_stored(front, backend, page, headers):
    backend.handler = lambda _: Answer(headers=headers)
    front.get(page)
    front.get(page)
    assert backend.count(page) == 2


@pytest.mark.parametrize("status", [302, 403, 429, 500])
def test_statuses_that_name_no_age_are_not_stored(front, backend, page, status):
    backend.handler = lambda _: Answer(status, headers=[("Cache-Control", "public"), ("Location", "/")])
    front.get(page)
    front.get(page)
    assert backend.count(page) == 2


@pytest.mark.parametrize("status", [200, 301, 404, 410])
def test_public_without_an_age_is_kept_for_a_second(front, backend, page, status):
    backend.handler = lambda _: Answer(status, headers=[("Cache-Control", "public"), ("Location", "/")])
    assert [front.get(page).status for _ in range(2)] == [status] * 2
    assert backend.count(page) == 1


def test_large_responses_are_not_stored(front, backend, page):
    backend.handler = public(b"x" * 1_000_000)
    assert [len(front.get(page).body) for _ in range(2)] == [1_000_000] * 2
    assert backend.count(page) == 2


def test_hosts_are_kept_apart(front, backend, page):
    backend.handler = lambda request: Answer(body=request["HTTP_HOST"].encode(), headers=[PUBLIC])
    for host in ("a.example", "b.example", "a.example:8443", "a.example"):
        assert front.get(page, host=host).body == host.encode()


def test_absolute_request_line_cannot_poison_another_host(front, backend, page):
    backend.handler = lambda request: Answer(body=request["HTTP_HOST"].encode(), headers=[PUBLIC])
    front.raw(f"GET http://victim.example{page} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode())
    assert front.get(page, host="victim.example").body == b"victim.example"


def test_schemes_are_kept_apart(front, backend, page):
    backend.handler = lambda request: Answer(body=request["REQUEST_SCHEME"].encode(), headers=[PUBLIC])
    assert front.get(page).body == b"http"
    assert front.get(page, headers={"X-Forwarded-Proto": "https"}).body == b"https"
    assert front.get(page).body == b"http"


def test_query_strings_are_kept_apart(front, backend, page):
    backend.handler = lambda request: Answer(body=request["REQUEST_URI"].encode(), headers=[PUBLIC])
    for uri in (page, f"{page}?a=1", f"{page}?a=2", f"{page}%3Fa=1", f"{page}?"):
        assert front.get(uri).body == uri.encode()


def test_vary_is_respected(front, backend, page):
    def by_language(request):
        language = request.get("HTTP_ACCEPT_LANGUAGE", "none")
        return Answer(body=language.encode(), headers=[PUBLIC, ("Vary", "Accept-Language")])

    backend.handler = by_language
    for language in ("ko", "en", "ko", "en"):
        assert front.get(page, headers={"Accept-Language": language}).body == language.encode()


UNKEYED = [
    ("X-Forwarded-Host", "evil.example"),
    ("Forwarded", "host=evil.example"),
    ("X-Forwarded-Port", "31337"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Original-URL", "/evil"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Forwarded-Proto", "javascript"),
    ("X-Forwarded-For", "evil"),
]


@pytest.mark.parametrize("name,value", UNKEYED)
def test_unkeyed_header_cannot_poison(front, backend, page, name, value):
    """An app that copies every header into its page stands for the most careless template."""
    backend.handler = lambda request: Answer(body=echo(request).body, headers=[PUBLIC])
    front.get(page, headers={name: value})
    body = front.get(page).body.decode()
    assert value not in re.sub(r'"(REQUEST_URI|PATH_INFO)": "[^"]*"', "", body)


def test_head_fills_the_cache_with_a_body(front, backend, page):
    backend.handler = public(b"whole page")
    head = front.get(page, "HEAD")
    assert (head.status, head.body, head.header("Content-Length")) == (200, b"", "10")
    response = front.get(page)
    assert (response.body, response.header("X-Cache")) == (b"whole page", "HIT")
    assert backend.count(page) == 1


def test_head_of_a_session_stays_head(front, backend, page):
    front.get(page, "HEAD", headers={"Cookie": "sessionid=abc"})
    front.get("/l/7", "HEAD")
    assert [request["REQUEST_METHOD"] for request in backend.requests] == ["HEAD", "HEAD"]


def test_range_cannot_truncate_the_entry(front, backend, page):
    backend.handler = public(b"0123456789")
    part = front.get(page, headers={"Range": "bytes=0-3"})
    assert "HTTP_RANGE" not in backend.requests[0]
    assert (part.status, part.body) in ((206, b"0123"), (200, b"0123456789"))
    assert front.get(page).body == b"0123456789"


def test_each_hit_has_its_own_request_id(front, backend, page):
    backend.handler = public(b"page", 200, ("X-Request-Id", "of-the-first"))
    ids = [front.get(page).header("X-Request-Id") for _ in range(3)]
    assert len(set(ids)) == 3
    assert "of-the-first" not in ids


def test_a_hit_is_compressed(front, backend, page):
    backend.handler = public(b"<p>hello</p>" * 500)
    front.get(page)
    response = front.get(page, headers={"Accept-Encoding": "gzip"})
    assert (response.header("X-Cache"), response.header("Content-Encoding")) == ("HIT", "gzip")
