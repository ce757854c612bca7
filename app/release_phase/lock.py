"""A lock on the database's schema that ends with the process that holds it."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

# Any number does, as long as nothing else in the same database takes it: the ASCII codes of "slipway".
ADVISORY_KEY = 0x736C6970776179
POLL_S = 0.25


class LockTimeoutError(Exception):
    """Somebody else held the lock for all the time there was."""


@contextmanager
def migration_lock(connection: BaseDatabaseWrapper, wait_s: float) -> Iterator[None]:
    """Holds the lock while the block runs. Raises `LockTimeoutError` after `wait_s` seconds without it."""
    lock = _postgresql_lock if connection.vendor == "postgresql" else _sqlite_lock
    with lock(connection, wait_s):
        yield


@contextmanager
def _postgresql_lock(connection: BaseDatabaseWrapper, wait_s: float) -> Iterator[None]:
    # A session's lock: PostgreSQL itself frees it when the connection ends, for whatever reason. It is polled
    # instead of waited for in one statement: a waiting statement holds a snapshot, for which a CREATE
    # INDEX CONCURRENTLY of the lock's holder would wait in turn.
    with connection.cursor() as cursor:

        def try_lock() -> bool:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_KEY])
            return bool(cursor.fetchone()[0])

        _poll(try_lock, wait_s)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_KEY])


@contextmanager
def _sqlite_lock(connection: BaseDatabaseWrapper, wait_s: float) -> Iterator[None]:
    # SQLite locks single transactions, and `migrate` makes one per migration: hence a lock file beside the database.
    with Path(f"{connection.settings_dict['NAME']}.migrate-lock").open("w") as file:

        def try_lock() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        _poll(try_lock, wait_s)
        yield


def _poll(try_lock: Callable[[], bool], wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while not try_lock():
        if time.monotonic() >= deadline:
            raise LockTimeoutError(f"another process has held the migration lock for {wait_s:g} s")
        time.sleep(POLL_S)
