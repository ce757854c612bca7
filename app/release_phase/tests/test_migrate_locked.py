"""Migrating from several processes at once, on a database of its own."""

import os
import subprocess
import sys
import time

import pytest

from release_phase.lock import ADVISORY_KEY

VARIABLES = ("SLIPWAY_ENVIRONMENT", "SECRET_KEY", "ALLOWED_HOSTS", "PATH")


@pytest.fixture
def migrate(app_dir):
    """Starts `migrate_locked` on a database and returns the process."""
    started: list[subprocess.Popen[str]] = []

    def start(database_url: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "migrate_locked", *arguments],
            cwd=app_dir,
            env={name: os.environ[name] for name in VARIABLES} | {"DATABASE_URL": database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def outcomes(processes):
    return [(process.communicate(timeout=120)[0], process.returncode) for process in processes]


def test_three_at_once_on_an_empty_database_all_succeed(migrate, empty_database):
    done = outcomes([migrate(empty_database) for _ in range(3)])
    assert [code for _, code in done] == [0, 0, 0], done
    assert sum("Applying links.0001_initial... OK" in output for output, _ in done) == 1


def test_a_command_ends_as_soon_as_it_is_done(migrate, empty_database):
    started = time.monotonic()
    outcomes([migrate(empty_database, "--verbosity=0")])
    # The pool's threads used to be waited for, five seconds each, after the work was over.
    assert time.monotonic() - started < 5


@pytest.mark.postgresql
def test_waiting_ends_at_its_limit_and_the_lock_with_its_connection(migrate, empty_database):
    import psycopg

    with psycopg.connect(empty_database, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_KEY])
        [(output, code)] = outcomes([migrate(empty_database, "--wait", "0.5")])
        assert code == 1
        assert "another process has held the migration lock for 0.5 s" in output
        waiting = migrate(empty_database, "--wait", "60")
        time.sleep(1.5)
        assert waiting.poll() is None
    [(output, code)] = outcomes([waiting])
    assert code == 0, output


def test_a_held_lock_file_makes_others_wait(migrate, tmp_path):
    import fcntl

    url = f"sqlite:///{tmp_path}/db.sqlite3"
    with (tmp_path / "db.sqlite3.migrate-lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        [(output, code)] = outcomes([migrate(url, "--wait", "0.5")])
    assert code == 1
    assert "another process has held the migration lock for 0.5 s" in output
