"""The environment that the tests run in. SQLite unless DATABASE_URL names PostgreSQL, which deselects nothing then."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

APP_DIR = Path(__file__).resolve().parent
_scratch = Path(tempfile.mkdtemp(prefix="slipway-app-tests-"))
atexit.register(shutil.rmtree, _scratch, ignore_errors=True)

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "SLIPWAY_ENVIRONMENT": "local",
    "SLIPWAY_RELEASE": "0123456789ab",
    "SECRET_KEY": "only-for-tests",
    "ALLOWED_HOSTS": "testserver,localhost",
    "STATIC_ROOT": str(_scratch / "static"),
    "DATABASE_URL": os.environ.get("DATABASE_URL") or f"sqlite:///{_scratch}/db.sqlite3",
}
# Nothing of the person's own shell may decide a test.
for _name in (
    "DEBUG",
    "LOG_LEVEL",
    "SLIPWAY_TEST_ENDPOINTS",
    "SECURE_SSL_REDIRECT",
    "UWSGI_THREADS",
    "UWSGI_PROCESSES",
):
    os.environ.pop(_name, None)
os.environ.update(ENVIRONMENT)
ON_POSTGRESQL = ENVIRONMENT["DATABASE_URL"].startswith("postgres")


def pytest_configure() -> None:
    import django
    from django.conf import settings

    # As the image's build does it: pages that name files by their hashes need the manifest.
    subprocess.run(
        [sys.executable, "-m", "django", "collectstatic", "--noinput", "--verbosity=0"],
        cwd=APP_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.static_files"},
        check=True,
    )
    if not ON_POSTGRESQL:
        # A file, as in use: Django's default, in memory, has neither the write-ahead log nor waiting for a lock.
        settings.DATABASES["default"]["TEST"] = {"NAME": str(_scratch / "test.sqlite3")}
    django.setup()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if ON_POSTGRESQL:
        return
    deselected = [item for item in items if item.get_closest_marker("postgresql")]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if item not in deselected]


@pytest.fixture
def app_dir() -> Path:
    return APP_DIR


@pytest.fixture
def empty_database(tmp_path: Path, django_db_blocker):
    """The URL of a database without any table, of the kind that the tests run on."""
    if not ON_POSTGRESQL:
        yield f"sqlite:///{tmp_path}/empty.sqlite3"
        return
    from django.db import connection

    name = f"empty_{uuid.uuid4().hex[:12]}"
    with django_db_blocker.unblock():
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(ENVIRONMENT["DATABASE_URL"])._replace(path=f"/{name}"))
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def run_manage(app_dir: Path):
    """Runs `manage.py` as a process of its own, in nothing but the given environment variables."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=app_dir,
            env={"PATH": os.environ["PATH"], **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
