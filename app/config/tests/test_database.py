import pytest
from django.core.exceptions import ImproperlyConfigured

from config.database import read_database
from config.environment import Environment


def read(where="dev", **variables):
    environment = Environment(variables)
    database = read_database(environment, where)
    environment.finish()
    return database


def test_a_url_gives_every_part_decoded():
    database = read(DATABASE_URL="postgresql://ada:p%40ss%2Fword@db.internal:6432/links?sslmode=verify-full")
    assert database["HOST"] == "db.internal"
    assert database["PORT"] == 6432
    assert database["USER"] == "ada"
    assert database["PASSWORD"] == "p@ss/word"
    assert database["NAME"] == "links"
    assert database["OPTIONS"]["sslmode"] == "verify-full"


def test_single_variables_need_no_encoding():
    database = read(DB_HOST="db", DB_NAME="links", DB_USER="ada", DB_PASSWORD="p@ss/word%")
    assert (database["HOST"], database["PORT"], database["PASSWORD"]) == ("db", 5432, "p@ss/word%")


def test_a_socket_directory_can_be_the_host():
    assert read(DATABASE_URL="postgresql://ada@/links?host=/run/postgresql")["HOST"] == "/run/postgresql"


def test_the_pool_is_as_large_as_the_threads_and_replaces_persistent_connections():
    database = read(DATABASE_URL="postgresql://ada@db/links", UWSGI_THREADS="7")
    assert database["OPTIONS"]["pool"]["max_size"] == 7
    assert database["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize(
    ("where", "mode"), [("local", "prefer"), ("dev", "require"), ("qa", "require"), ("pr-123", "require")]
)
def test_the_connection_is_encrypted_outside_of_local(where, mode):
    assert read(where, DATABASE_URL="postgresql://ada@db/links")["OPTIONS"]["sslmode"] == mode


def test_sqlite_in_local_lets_processes_share_the_file():
    database = read("local", DATABASE_URL="sqlite:////data/db.sqlite3")
    assert str(database["NAME"]) == "/data/db.sqlite3"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.parametrize(
    ("where", "variables", "problem"),
    [
        ("dev", {}, "DATABASE_URL is missing"),
        ("dev", {"DB_HOST": "db", "DB_NAME": "links", "DB_USER": "ada"}, "DB_PASSWORD is missing"),
        ("production", {"DATABASE_URL": "sqlite:////data/db.sqlite3"}, "SQLite is for local only"),
        ("local", {"DATABASE_URL": "sqlite:///db.sqlite3"}, "absolute path"),
        ("dev", {"DATABASE_URL": "mysql://ada:hunter2@db/links"}, "must begin with"),
        ("dev", {"DATABASE_URL": "postgresql://ada:hunter2@db"}, "must name a host, a user and a database"),
        ("dev", {"DATABASE_URL": "postgresql://ada:hunter2@db:port/links"}, "is not a URL"),
        ("dev", {"DATABASE_URL": "postgresql://ada:hunter2@db/links?sslmode=off"}, "must have an sslmode of"),
        ("dev", {"DATABASE_URL": "postgresql://ada:hunter2@db/links?pool=1"}, "no other parameters"),
    ],
)
def test_a_wrong_database_is_a_problem_without_its_password(where, variables, problem):
    with pytest.raises(ImproperlyConfigured, match=problem) as raised:
        read(where, **variables)
    assert "hunter2" not in str(raised.value)
