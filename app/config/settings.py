"""The settings of a process that serves: read from environment variables, and no boot with a wrong one.

Every variable and its default is listed in app/README.md.
"""

import atexit
import os

from config.database import close_pools, read_database, threads
from config.environment import Environment
from config.security import read_security
from config.static_files import (  # noqa: F401 - Django reads settings as names of this module.
    DEFAULT_AUTO_FIELD,
    STATIC_ROOT,
    STATIC_URL,
    STORAGES,
    USE_I18N,
)
from config.static_files import INSTALLED_APPS as APPS_WITH_FILES
from observability.logs import logging_settings

_environment = Environment(os.environ)

ENVIRONMENT = _environment.name("SLIPWAY_ENVIRONMENT")
RELEASE = _environment.text("SLIPWAY_RELEASE", "unreleased")

DEBUG = _environment.boolean("DEBUG", False)
if DEBUG and ENVIRONMENT != "local":
    _environment.problem("DEBUG", "may be true in local only")

# A view that only waits, for tests of a graceful stop. It must not exist where people are served.
TEST_ENDPOINTS = _environment.boolean("SLIPWAY_TEST_ENDPOINTS", False)
if TEST_ENDPOINTS and ENVIRONMENT != "local":
    _environment.problem("SLIPWAY_TEST_ENDPOINTS", "may be true in local only")

globals().update(read_security(_environment, ENVIRONMENT))
DATABASES = {"default": read_database(_environment, ENVIRONMENT)}

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_settings(
    level=_environment.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
    descriptor=_environment.integer("SLIPWAY_LOG_DESCRIPTOR", 1, least=1, most=1023),
)

# Read only so that a wrong value is among the problems below: uWSGI takes both from its own configuration.
_environment.integer("UWSGI_PROCESSES", 2, least=1, most=64)
threads(_environment)

# nginx's client_max_body_size must be at least this.
DATA_UPLOAD_MAX_MEMORY_SIZE = _environment.integer(
    "DATA_UPLOAD_MAX_MEMORY_SIZE", 2_621_440, least=1_024, most=104_857_600
)

if DEBUG:
    # `runserver` finds the files of the apps itself; there is no manifest yet.
    STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"

_environment.finish()
atexit.register(close_pools)

INSTALLED_APPS = [*APPS_WITH_FILES, "django.contrib.sessions", "django.contrib.messages", "release_phase"]
MIDDLEWARE = [
    # First: a load balancer's probe has an IP address as its Host and comes without TLS.
    "health.middleware.HealthMiddleware",
    "observability.middleware.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
