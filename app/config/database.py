"""The database from `DATABASE_URL` or from `DB_HOST` and its siblings. Not here: running queries or migrations."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.db import connections

from config.environment import Environment

# With threads, a request has no time-out of its own in uWSGI: these are what ends a stuck one. They stay below
# nginx's 50 s read time-out, so that the person gets our error page and not the proxy's.
STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000
CONNECT_TIMEOUT_S = 5
# As many connections as threads: a request waits here only while the database is away. Waiting longer would fill every
# thread, and the load balancer's probe, which needs no database, would find none free.
POOL_WAIT_S = 2
# After this a lost connection is given up and the next request tries anew. The pool's own 300 s let its attempts grow
# minutes apart, which is how long the app would stay down after the database is back.
POOL_RECONNECT_S = 5
SQLITE_BUSY_TIMEOUT_S = 20

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PARTS = ("DB_HOST", "DB_NAME", "DB_USER", "DB_PASSWORD")


def read_database(environment: Environment, where: str) -> dict[str, Any]:
    """Returns Django's settings of one database. `where` is the environment's name: SQLite is for `local` only."""
    # RDS keeps the password alone in a JSON secret, of which ECS injects single keys, and a URL would need the password
    # percent-encoded: hence both forms.
    if environment.has("DATABASE_URL"):
        return _from_url(environment, where)
    if not any(environment.has(name) for name in _PARTS):
        environment.problem("DATABASE_URL", f"is missing (or set {', '.join(_PARTS)})")
        return {}
    return _postgresql(
        environment,
        where,
        host=environment.text("DB_HOST"),
        port=environment.integer("DB_PORT", 5432, least=1, most=65535),
        name=environment.text("DB_NAME"),
        user=environment.text("DB_USER"),
        password=environment.text("DB_PASSWORD"),
    )


def close_pools() -> None:
    """Ends every pool of this process.

    Left to the interpreter's end, each thread of a pool is waited for in vain for 5 s, at every stop and command.
    """
    for connection in connections.all():
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def _from_url(environment: Environment, where: str) -> dict[str, Any]:
    try:
        url = urlsplit(environment.text("DATABASE_URL"))
        port = url.port or 5432
    except ValueError:
        environment.problem("DATABASE_URL", "is not a URL")
        return {}
    if url.scheme == "sqlite":
        return _sqlite(environment, where, url.path)
    if url.scheme not in ("postgresql", "postgres"):
        environment.problem("DATABASE_URL", "must begin with postgresql:// or sqlite:////")
        return {}
    query = parse_qs(url.query)
    # A URL's host part cannot hold the directory of a Unix socket, so libpq and this reader accept `?host=` as well.
    host = unquote(url.hostname or "") or query.pop("host", [""])[0]
    ssl_mode = query.pop("sslmode", [None])[0]
    if not host or not url.username or len(url.path) < 2:
        environment.problem("DATABASE_URL", "must name a host, a user and a database")
    if query:
        environment.problem("DATABASE_URL", "may have no other parameters than host and sslmode")
    if ssl_mode is not None and ssl_mode not in _SSL_MODES:
        environment.problem("DATABASE_URL", f"must have an sslmode of {', '.join(_SSL_MODES)}")
    return _postgresql(
        environment,
        where,
        host=host,
        port=port,
        name=unquote(url.path[1:]),
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        ssl_mode=ssl_mode,
    )


def _postgresql(
    environment: Environment,
    where: str,
    *,
    host: str,
    port: int,
    name: str,
    user: str,
    password: str,
    ssl_mode: str | None = None,
) -> dict[str, Any]:
    default_mode = "prefer" if where == "local" else "require"
    limits = {
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "lock_timeout": LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT_MS,
    }
    return {
        # Django's own, except for how a connection of the pool is proven to be alive.
        "ENGINE": "config.postgresql",
        "HOST": host,
        "PORT": port,
        "NAME": name,
        "USER": user,
        "PASSWORD": password,
        # The pool replaces persistent connections: Django refuses both at once.
        "CONN_MAX_AGE": 0,
        # A failover of the database costs no request after it, because the backend proves what it takes from the pool.
        # Django's own proof is a round trip for each request.
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {
            # One pool per process, one connection per thread: more could never be in use at once.
            "pool": {
                "min_size": 1,
                "max_size": threads(environment),
                "timeout": POOL_WAIT_S,
                "reconnect_timeout": POOL_RECONNECT_S,
            },
            "connect_timeout": CONNECT_TIMEOUT_S,
            "sslmode": ssl_mode or environment.choice("DB_SSLMODE", _SSL_MODES, default_mode),
            "application_name": "slipway",
            "options": " ".join(f"-c {setting}={value}" for setting, value in limits.items()),
        },
    }


def _sqlite(environment: Environment, where: str, path: str) -> dict[str, Any]:
    if where != "local":
        environment.problem("DATABASE_URL", f"must be PostgreSQL in {where}: SQLite is for local only")
    # sqlite:////data/db.sqlite3 has the path //data/db.sqlite3: one slash ends the (empty) host, the next is the root.
    if not path.startswith("//"):
        environment.problem("DATABASE_URL", "must give SQLite's file as an absolute path: sqlite:////data/db.sqlite3")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path("/" + path.lstrip("/")),
        "OPTIONS": {
            # Several processes share the file: readers go on while one writes, a writer waits for its turn, and a
            # transaction takes the write lock when it begins, because an upgrade halfway cannot wait.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "timeout": SQLITE_BUSY_TIMEOUT_S,
            "transaction_mode": "IMMEDIATE",
        },
    }


def threads(environment: Environment) -> int:
    """Threads of one uWSGI process. scripts/entrypoint.sh has the same default."""
    return environment.integer("UWSGI_THREADS", 4, least=1, most=64)
