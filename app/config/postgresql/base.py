"""What Django calls a database backend: its own for PostgreSQL, except for how a pooled connection is proven.

Django leaves the choice between a round trip for each request and no proof at all. The first is a good part of what a
short page costs, and the second makes a restart of the database an error for every connection in the pool.
"""

import select
import time
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

# A connection that answered within this time and is still open is used without a test. `_has_something_to_say` detects
# a server that closes a connection at once; this is for a database that disappeared without closing it.
PROVEN_FOR_S = 1.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes connections from the pool until one of them answers."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection:
        """Raises the pool's own error where no connection answers within the pool's time-out."""
        while True:
            connection = super().get_new_connection(conn_params)
            if self.pool is None or is_alive(connection):
                return connection
            # The pool makes a new one in its place.
            connection.close()
            self.pool.putconn(connection)


# When each connection last answered, on the clock of `time.monotonic`.
_answered: "WeakKeyDictionary[psycopg.Connection, float]" = WeakKeyDictionary()


def is_alive(connection: psycopg.Connection) -> bool:
    """Asks the database, unless the connection is quiet and answered within `PROVEN_FOR_S` seconds."""
    answered = _answered.get(connection)
    if answered is not None and time.monotonic() - answered < PROVEN_FOR_S and not _has_something_to_say(connection):
        return True
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        return False
    _answered[connection] = time.monotonic()
    return True


def _has_something_to_say(connection: psycopg.Connection) -> bool:
    """Whether bytes or the end of the connection wait to be read. Between two requests there should be neither."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
