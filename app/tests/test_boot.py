"""What a process does with good and bad environment variables."""

import json
import subprocess
import sys

import pytest

PRODUCTION = {
    "SLIPWAY_ENVIRONMENT": "production",
    "SECRET_KEY": "tSXrGx3hV0ZqNw8yLkJm5PdBfC2oE7iUaR4lM9gQbW6nKzYjHv",
    "ALLOWED_HOSTS": "links.example.org",
    "DATABASE_URL": "postgresql://links:not-used@127.0.0.1:1/links",
}


def test_production_settings_pass_the_deployment_check(run_manage):
    done = run_manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_turning_a_protection_off_fails_the_deployment_check(run_manage):
    done = run_manage("check", "--deploy", "--fail-level", "WARNING", SECURE_SSL_REDIRECT="false", **PRODUCTION)
    assert done.returncode == 1
    assert "security.W008" in done.stderr


def test_nothing_set_is_one_line_with_every_problem(run_manage):
    done = run_manage("check")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "cannot start: 4 problems in the environment variables: SLIPWAY_ENVIRONMENT is missing; "
        "ALLOWED_HOSTS is missing; SECRET_KEY is missing; "
        "DATABASE_URL is missing (or set DB_HOST, DB_NAME, DB_USER, DB_PASSWORD)\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SLIPWAY_ENVIRONMENT", "../prod", "must have 1 to 32 lower-case letters, digits and hyphens"),
        ("SECRET_KEY", "too-short-a-secret", "must have at least 50 characters"),
        ("SECRET_KEY", "a" * 60, "5 of them different"),
        ("ALLOWED_HOSTS", "*", "may be * in local only"),
        ("ALLOWED_HOSTS", "https://links.example.org", "without scheme or path"),
        ("DATABASE_URL", "sqlite:////data/db.sqlite3", "SQLite is for local only"),
        ("DEBUG", "true", "may be true in local only"),
        ("SLIPWAY_TEST_ENDPOINTS", "1", "may be true in local only"),
        ("UWSGI_THREADS", "0", "must be a whole number from 1 to 64"),
        ("UWSGI_PROCESSES", "many", "must be a whole number from 1 to 64"),
        ("SECURE_HSTS_SECONDS", "-1", "must be a whole number"),
        ("LOG_LEVEL", "LOUD", "must be one of"),
    ],
)
def test_a_wrong_variable_ends_the_boot_and_its_value_is_not_shown(run_manage, name, value, problem):
    done = run_manage("check", **PRODUCTION | {name: value})
    assert done.returncode == 1
    assert done.stderr.startswith("cannot start: 1 problem in the environment variables: ")
    assert f"{name} {problem}" in done.stderr or problem in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert len(value) < 10 or value not in done.stderr


def test_the_server_module_refuses_with_one_line_of_json(app_dir):
    done = subprocess.run(
        [sys.executable, "-c", "import config.wsgi"],
        cwd=app_dir,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    line = json.loads(done.stdout)
    assert line["level"] == "CRITICAL"
    assert line["message"].startswith("cannot start: 4 problems in the environment variables")


def test_the_settings_of_the_build_cannot_serve(app_dir):
    # The application module ignores them, so the missing variables still end the boot.
    done = subprocess.run(
        [sys.executable, "-c", "import config.wsgi"],
        cwd=app_dir,
        env={"DJANGO_SETTINGS_MODULE": "config.static_files"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    # Taken by Django directly they have no address to answer at.
    code = (
        "import django; django.setup()\n"
        "from django.core.handlers.wsgi import WSGIHandler\n"
        "from django.test import RequestFactory\n"
        "WSGIHandler().get_response(RequestFactory().get('/'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=app_dir,
        env={"DJANGO_SETTINGS_MODULE": "config.static_files"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "ROOT_URLCONF" in done.stderr
