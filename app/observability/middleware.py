"""Gives each request an id and writes one line when it is answered. Not here: a line's shape (`observability.logs`)."""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from observability.context import RequestContext, current_request, request_id

logger = logging.getLogger("request")


class RequestLogMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.monotonic()
        context = RequestContext(request_id(request), request.method or "", request.path)
        token = current_request.set(context)
        try:
            response = self.get_response(request)
            duration_ms = round((time.monotonic() - started) * 1000, 1)
            level = logging.ERROR if response.status_code >= 500 else logging.INFO
            logger.log(level, "answered", extra={"status": response.status_code, "duration_ms": duration_ms})
        finally:
            current_request.reset(token)
        # A shared cache would hand the id of one request to everybody.
        if "public" not in response.get("Cache-Control", ""):
            response["X-Request-Id"] = context.request_id
        return response
