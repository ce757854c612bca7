import time

import pytest
from django.db import OperationalError

from health import database

PROBE = {"HTTP_HOST": "10.0.3.17:8080"}


def test_live_answers_a_probe_by_address_without_tls_or_database(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    response = client.get("/healthz/live", **PROBE)
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "release": "0123456789ab",
        "environment": "local",
        "checks": {},
    }
    assert response["Cache-Control"] == "no-store"


def test_any_other_address_still_refuses_that_host(client):
    assert client.get("/", **PROBE).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_ready_asks_the_database(client):
    response = client.get("/healthz/ready", **PROBE)
    assert response.status_code == 200
    assert response.json()["checks"] == {"database": "ok"}
    assert response["Cache-Control"] == "no-store"


def test_ready_is_503_when_the_database_refuses(client, monkeypatch):
    def refuse():
        raise OperationalError("connection to server at db.internal failed for user ada")

    monkeypatch.setattr(database, "_select_one", refuse)
    response = client.get("/healthz/ready", **PROBE)
    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"
    assert response.json()["checks"] == {"database": "failed"}
    assert b"db.internal" not in response.content


def test_ready_is_503_within_its_bound_when_the_database_is_silent(client, monkeypatch):
    monkeypatch.setattr(database, "BOUND_S", 0.2)
    monkeypatch.setattr(database, "_select_one", lambda: time.sleep(1))
    started = time.monotonic()
    response = client.get("/healthz/ready", **PROBE)
    assert time.monotonic() - started < 0.9
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "timed out"}
    database._executor().submit(lambda: None).result()


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready"])
def test_only_reading_is_allowed(client, path):
    response = client.post(path, **PROBE)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"


def test_head_is_answered_like_get(client):
    response = client.head("/healthz/live", **PROBE)
    assert (response.status_code, response.content) == (200, b"")


def test_an_address_below_is_no_health_check(client):
    assert client.get("/healthz/live/", HTTP_HOST="localhost").status_code == 404
