"""What uWSGI loads. A boot that fails leaves one line of JSON and a non-zero exit code."""

import logging
import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from observability.logs import JsonFormatter, log_stream

# Not `setdefault`: the settings that `collectstatic` uses must never serve.
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


def _refuse_to_start(message: str, *, traceback: bool) -> None:
    """Writes the last line and ends the process. It does not rely on the logging settings: they may be what failed."""
    descriptor = os.environ.get("SLIPWAY_LOG_DESCRIPTOR", "1")
    handler = logging.StreamHandler(log_stream(int(descriptor) if descriptor.isdigit() else 1))
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("config.boot")
    logger.addHandler(handler)
    logger.propagate = False
    logger.critical("cannot start: %s", message, exc_info=traceback)
    raise SystemExit(1)


try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    _refuse_to_start(str(error), traceback=False)
except Exception:
    _refuse_to_start("the application failed to load", traceback=True)
