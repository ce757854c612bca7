"""Static files: what is served, for how long it may be kept, and what is never served."""

from __future__ import annotations

import gzip

import pytest
from conftest import CSS, HASHED

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "name",
    [HASHED, "admin/js/nav.min.ba9876543210.js", "app.js.0123456789ab.map", "LICENSE.0123456789ab", "logo.abcdef012345.png"],
)
def test_manifest_names_are_immutable(front, backend, name):
    response = front.get(f"/static/{name}")
    assert response.status == 200
    assert response.header("Cache-Control") == IMMUTABLE
    assert backend.requests == []


@pytest.mark.parametrize("name", ["app.css", "app.0123456789abc.css"])
def test_other_names_are_kept_for_minutes(front, name):
    assert front.get(f"/static/{name}").header("Cache-Control") == "public, max-age=300"


def test_gzip_variant_is_the_file_beside_it(front):
    response = front.get(f"/static/{HASHED}", headers={"Accept-Encoding": "gzip"})
    assert response.header("Content-Encoding") == "gzip"
    assert response.body == (front.static / f"{HASHED}.gz").read_bytes()
    assert gzip.decompress(response.body) == CSS
    assert response.header("Vary") == "Accept-Encoding"


def test_plain_variant_without_accept_encoding(front):
    response = front.get(f"/static/{HASHED}")
    assert response.header("Content-Encoding") is None
    assert response.body == CSS
    assert response.header("Vary") == "Accept-Encoding"


def test_gzip_through_a_cdn(front):
    headers = {"Accept-Encoding": "gzip", "Via": "1.1 cdn"}
    assert front.get(f"/static/{HASHED}", headers=headers).header("Content-Encoding") == "gzip"


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_type_and_charset_are_the_same_in_both_encodings(front, encoding):
    response = front.get(f"/static/{HASHED}", headers={"Accept-Encoding": encoding})
    assert response.header("Content-Type") == "text/css; charset=utf-8"


def test_script_type(front):
    kind = front.get("/static/admin/js/nav.min.ba9876543210.js").header("Content-Type")
    assert kind in ("application/javascript; charset=utf-8", "text/javascript; charset=utf-8")


def test_image_is_served_as_it_is(front):
    response = front.get("/static/logo.abcdef012345.png", headers={"Accept-Encoding": "gzip"})
    assert response.header("Content-Type") == "image/png"
    assert response.header("Content-Encoding") is None


def test_head(front, backend):
    response = front.get(f"/static/{HASHED}", "HEAD")
    assert (response.status, response.body) == (200, b"")
    assert response.header("Content-Length") == str(len(CSS))
    assert backend.requests == []


def test_range(front):
    response = front.get(f"/static/{HASHED}", headers={"Range": "bytes=5-9"})
    assert (response.status, response.body) == (206, CSS[5:10])
    assert response.header("Cache-Control") == IMMUTABLE


def test_not_modified(front):
    tag = front.get(f"/static/{HASHED}").header("ETag")
    response = front.get(f"/static/{HASHED}", headers={"If-None-Match": tag})
    assert (response.status, response.body) == (304, b"")
    assert response.header("Cache-Control") == IMMUTABLE


def test_missing_file_is_answered_by_nginx_and_not_kept(front, backend):
    response = front.get("/static/app.fedcba987654.css")
    assert response.status == 404
    assert response.header("Cache-Control") == "no-store"
    assert backend.requests == []


def test_error_keeps_the_security_headers(front):
    response = front.get("/static/none.css")
    assert response.header("X-Content-Type-Options") == "nosniff"
    assert response.header("Referrer-Policy") == "strict-origin-when-cross-origin"


@pytest.mark.parametrize("path", ["/static/", "/static/admin/", "/static/admin/js/"])
def test_no_listing(front, backend, path):
    response = front.get(path)
    assert response.status == 404
    assert b"nav" not in response.body
    assert backend.requests == []


def test_directory_without_slash_redirects_without_port(front):
    response = front.get("/static/admin")
    assert (response.status, response.header("Location")) == (301, "/static/admin/")


@pytest.mark.parametrize("path", ["/static/.env", "/static/admin/.git/config", "/static/%2eenv", "/static/staticfiles.json"])
def test_private_files_are_denied(front, backend, path):
    assert front.get(path).status == 404
    assert backend.requests == []


@pytest.mark.parametrize(
    "path",
    ["/static../settings.py", "/static-private/secret.txt", "/static/../settings.py", "/static", "/static%2e%2e/settings.py"],
)
def test_neighbours_go_to_the_app(front, backend, path):
    response = front.get(path)
    assert b"secret" not in response.body.replace(b"secret.txt", b"")
    assert len(backend.requests) == 1


@pytest.mark.parametrize("path", ["/static/..%2f..%2fsettings.py", "/static/%2e%2e/%2e%2e/settings.py", "/static/a/../../../settings.py"])
def test_climbing_above_the_root_is_a_bad_request(front, backend, path):
    assert front.get(path).status == 400
    assert backend.requests == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_files_cannot_be_written(front, backend, method):
    assert front.get(f"/static/{HASHED}", method, body=b"").status == 405
    assert backend.requests == []


def test_files_carry_no_cache_marker(front):
    assert front.get(f"/static/{HASHED}").header("X-Cache") is None
