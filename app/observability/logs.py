"""Log lines as JSON, one event per line. Not here: when something is logged (`observability.middleware`)."""

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any, TextIO

from observability.context import current_request

# What a log call may add through `extra=`; all else on a record is the logging module's own.
_EXTRA = ("status", "duration_ms")


class JsonFormatter(logging.Formatter):
    """One JSON object: time, level, logger, message; request_id, method, path inside a request; a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = current_request.get()
        if request is not None:
            # The path only: a query string may hold what must not be logged.
            line |= {"request_id": request.request_id, "method": request.method, "path": request.path}
        line |= {name: getattr(record, name) for name in _EXTRA if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_stream(descriptor: int) -> TextIO:
    """The stream that log lines go to: stdout, or the descriptor that scripts/entrypoint.sh saved stdout under.

    uWSGI takes over descriptors 1 and 2 to wrap its own and stray lines in JSON; ours are JSON already.
    """
    if descriptor == 1:
        return sys.stdout
    # Line buffered, and left open permanently: workers inherit it over a fork.
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: PTH123, SIM115


def logging_settings(level: str, descriptor: int) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "observability.logs.JsonFormatter"}},
        "handlers": {
            "standard": {
                "()": "observability.logs.standard_handler",
                "descriptor": descriptor,
                "formatter": "json",
            },
        },
        "root": {"handlers": ["standard"], "level": level},
        "loggers": {
            # Django's own configuration gives these handlers of their own, in plain text and by e-mail.
            "django": {"handlers": [], "level": "NOTSET", "propagate": True},
            "django.server": {"handlers": [], "level": "NOTSET", "propagate": True},
            # A line per 404 would say again what the request's own line says.
            "django.request": {"level": "ERROR"},
            "django.db.backends": {"level": "INFO"},
        },
    }


def standard_handler(descriptor: int) -> logging.Handler:
    return logging.StreamHandler(log_stream(descriptor))
