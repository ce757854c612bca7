"""Connections of the pool against a real server: what is proven when, and what is done with the dead."""

import contextlib
import os

import psycopg
import pytest
from django.db import OperationalError, connections

from config.postgresql import base
from config.postgresql.base import is_alive

pytestmark = pytest.mark.postgresql


@contextlib.contextmanager
def connected():
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection


def end(pid: int) -> None:
    """As a restart of the server does it: the server ends the connection."""
    with connected() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.fixture
def pooled(django_db_blocker):
    """A wrapper of its own with an empty pool of one, as a thread of a process that has just started has it."""
    settings = connections.settings["default"]
    options = {**settings["OPTIONS"], "pool": {**settings["OPTIONS"]["pool"], "max_size": 1}}
    wrapper = base.DatabaseWrapper({**settings, "OPTIONS": options}, alias="pooled")
    with django_db_blocker.unblock():
        yield wrapper
        wrapper.close()
        wrapper.close_pool()


def one_request(wrapper) -> int:
    """A query, and the connection goes back, as after each request. Returns the number of the server's process."""
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    wrapper.close()
    return pid


def test_a_connection_that_the_server_ended_costs_no_request(pooled):
    first = one_request(pooled)
    end(first)
    assert one_request(pooled) != first


def test_requests_after_each_other_share_a_connection_and_one_proof(pooled, monkeypatch):
    proofs = []
    check = base.ConnectionPool.check_connection
    monkeypatch.setattr(base.ConnectionPool, "check_connection", lambda conn: (proofs.append(conn), check(conn)))
    assert len({one_request(pooled) for _ in range(20)}) == 1
    assert len(proofs) == 1


def test_a_database_that_is_away_is_an_error_and_not_a_loop(pooled):
    end(one_request(pooled))
    pooled.pool.kwargs["port"] = 1
    with pytest.raises(OperationalError):
        one_request(pooled)


def test_a_quiet_connection_is_asked_again_after_a_second(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(base.time, "monotonic", lambda: clock[0])
    with connected() as connection:
        assert is_alive(connection)
        # It cannot answer any more, and nothing has been read of that yet.
        monkeypatch.setattr(base, "_has_something_to_say", lambda _: False)
        end(connection.info.backend_pid)
        assert is_alive(connection)
        clock[0] += base.PROVEN_FOR_S
        assert not is_alive(connection)


def test_an_ended_connection_is_seen_at_once():
    with connected() as connection:
        assert is_alive(connection)
        end(connection.info.backend_pid)
        assert not is_alive(connection)


def test_without_a_pool_each_connection_is_new(pooled):
    del pooled.settings_dict["OPTIONS"]["pool"]
    assert one_request(pooled) != one_request(pooled)
