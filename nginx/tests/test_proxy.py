"""What reaches the app: addresses, scheme, headers; and what comes back when it does not answer."""

from __future__ import annotations

import time

import pytest
from backend import Answer


def test_client_is_the_last_address_that_is_not_ours(front, backend):
    chain = {"X-Forwarded-For": "1.1.1.1, 203.0.113.9, 10.0.3.7"}
    seen = front.get("/admin/", headers=chain).variables()
    assert seen["REMOTE_ADDR"] == "203.0.113.9"
    assert seen["HTTP_X_FORWARDED_FOR"] == "203.0.113.9"
    assert seen["HTTP_X_REAL_IP"] == "203.0.113.9"


def test_spoofed_private_address_is_not_believed(front, backend):
    seen = front.get("/admin/", headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}).variables()
    assert seen["REMOTE_ADDR"] == "203.0.113.9"


@pytest.mark.parametrize("value", ["nonsense", "<script>", "1.2.3.4.5"])
def test_malformed_chain_falls_back_to_the_peer(front, backend, value):
    seen = front.get("/admin/", headers={"X-Forwarded-For": value}).variables()
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert seen["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"


def test_scheme_behind_the_balancer(front, backend):
    seen = front.get("/admin/", headers={"X-Forwarded-Proto": "https"}).variables()
    assert (seen["HTTP_X_FORWARDED_PROTO"], seen["REQUEST_SCHEME"]) == ("https", "https")
    assert (seen["HTTPS"], seen["SERVER_PORT"]) == ("on", "443")


@pytest.mark.parametrize("value", [None, "http", "ftp", "httpsx", "https, http", "https,https"])
def test_every_other_scheme_is_http(front, backend, value):
    headers = {"X-Forwarded-Proto": value} if value else {}
    seen = front.get("/admin/", headers=headers).variables()
    assert (seen["HTTP_X_FORWARDED_PROTO"], seen["REQUEST_SCHEME"]) == ("http", "http")
    assert "HTTPS" not in seen


def test_scheme_is_believed_from_the_balancer_only(make_front):
    """A front for which the loopback is no balancer: neither scheme nor chain of its callers counts."""
    front, _ = make_front({"127.0.0.0/8 1;": "", "set_real_ip_from 127.0.0.0/8;": ""})
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    seen = front.get("/admin/", headers=headers).variables()
    assert (seen["HTTP_X_FORWARDED_PROTO"], seen["REMOTE_ADDR"]) == ("http", "127.0.0.1")


@pytest.mark.parametrize(
    "name",
    ["Proxy", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server"]
    + ["X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Script-Name", "X-Original-URL", "X-Rewrite-URL"]
    + ["X-HTTP-Method-Override"],
)
@pytest.mark.parametrize("path", ["/admin/", "/@someone"])
def test_dropped(front, backend, name, path):
    headers = {name: "evil", "Cookie": "sessionid=abc"}
    seen = front.get(path, headers=headers).variables()
    assert "evil" not in seen.values()
    assert "HTTP_" + name.upper().replace("-", "_") not in seen


@pytest.mark.parametrize("name", ["X_Forwarded_Proto", "X_Forwarded_Host", "X_Request_Id"])
def test_underscores_cannot_imitate_a_header(front, backend, name):
    assert "evil" not in front.get("/admin/", headers={name: "evil"}).variables().values()


def test_ordinary_headers_arrive(front, backend):
    seen = front.get("/admin/", headers={"Accept-Language": "ko", "X-CSRFToken": "t", "User-Agent": "u"}, host="h.example:81")
    seen = seen.variables()
    assert seen["HTTP_ACCEPT_LANGUAGE"] == "ko"
    assert seen["HTTP_X_CSRFTOKEN"] == "t"
    assert seen["HTTP_HOST"] == "h.example:81"


def test_path_and_query(front, backend):
    seen = front.get("/l/a%20b/../c?x=%2F&y").variables()
    assert (seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/l/c", "x=%2F&y")
    assert seen["REQUEST_URI"] == "/l/a%20b/../c?x=%2F&y"


@pytest.mark.parametrize("path", ["/admin", "/l", "/healthz"])
def test_nginx_does_not_redirect_for_the_app(front, backend, path):
    assert front.get(path).status == 200
    assert len(backend.requests) == 1


TRACE = "Root=1-67891233-abcdef012345678912345678;Sampled=1"


@pytest.mark.parametrize(
    "headers,expected",
    [
        ({"X-Amzn-Trace-Id": TRACE, "X-Request-Id": "mine"}, TRACE),
        ({"X-Request-Id": "abc-123"}, "abc-123"),
    ],
)
def test_request_id_is_passed_on_and_returned(front, backend, headers, expected):
    response = front.get("/admin/", headers=headers)
    assert response.header("X-Request-Id") == expected
    assert response.variables()["HTTP_X_REQUEST_ID"] == expected


@pytest.mark.parametrize("value", [None, 'a"b', "a b", "x" * 129, "<script>", "é"])
def test_request_id_is_made_when_none_is_fit(front, backend, value):
    headers = {"X-Request-Id": value} if value else {}
    response = front.get("/admin/", headers=headers)
    made = response.header("X-Request-Id")
    assert len(made) == 32 and int(made, 16)
    assert response.variables()["HTTP_X_REQUEST_ID"] == made


def test_security_headers_are_never_doubled(front, backend, page):
    backend.handler = lambda _: Answer(headers=[("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")])
    for path in (page, "/admin/"):
        response = front.get(path)
        assert response.all("X-Content-Type-Options") == ["nosniff"]
        assert response.all("Referrer-Policy") == ["no-referrer"]


def test_security_headers_are_not_doubled_on_a_hit(front, backend, page):
    headers = [("Cache-Control", "public, max-age=5"), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")]
    backend.handler = lambda _: Answer(headers=headers)
    front.get(page)
    hit = front.get(page)
    assert hit.header("X-Cache") == "HIT"
    assert hit.all("X-Content-Type-Options") == ["nosniff"]
    assert hit.all("Referrer-Policy") == ["no-referrer"]
    assert hit.all("Cache-Control") == ["public, max-age=5"]


def test_server_has_no_version(front, backend):
    assert front.get("/admin/").header("Server") == "nginx"
    assert b"nginx/" not in front.get("/static/none").body


def test_pages_are_compressed_but_not_the_admin(front, backend, page):
    backend.handler = lambda _: Answer(body=b"<p>hello</p>" * 500)
    accept = {"Accept-Encoding": "gzip"}
    assert front.get(page, headers=accept).header("Content-Encoding") == "gzip"
    assert front.get("/admin/?q=x", headers=accept).header("Content-Encoding") is None


def test_liveness_of_nginx_alone(front, backend):
    response = front.get("/nginx-health")
    assert (response.status, response.body) == (200, b"ok\n")
    assert backend.requests == []


def test_liveness_of_the_app_is_the_apps(front, backend):
    backend.handler = lambda _: Answer(503, b"starting")
    response = front.get("/healthz/live")
    assert (response.status, response.body, response.header("X-Cache")) == (503, b"starting", "BYPASS")


def test_app_down_is_told_at_once(front, backend, page):
    backend.stop()
    try:
        response = front.get(page)
        assert response.status == 502
        assert response.seconds < 2
        assert front.get("/nginx-health").status == 200
    finally:
        backend.start()


def test_slow_app_is_a_504(make_front):
    front, backend = make_front({"uwsgi_read_timeout 50s;": "uwsgi_read_timeout 1s;"})

    def slow(_):
        time.sleep(3)
        return Answer()

    backend.handler = slow
    response = front.get("/admin/")
    assert response.status == 504
    assert 0.9 < response.seconds < 2.5


def test_a_failed_request_is_not_repeated(front, backend):
    backend.handler = lambda _: Answer(503, b"busy")
    assert front.get("/admin/", "POST", body=b"pay=1").status == 503
    assert len(backend.requests) == 1
