"""The request that the current thread is answering, as far as log lines name it."""

import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass

from django.http import HttpRequest

# What X-Ray and common proxies send; anything else could forge a log line or fill one.
_ACCEPTED = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_TRACE_ROOT = re.compile(r"(?:^|;)\s*Root=([^;]+)")


@dataclass(frozen=True, slots=True)
class RequestContext:
    request_id: str
    method: str
    path: str


current_request: ContextVar[RequestContext | None] = ContextVar("current_request", default=None)


def request_id(request: HttpRequest) -> str:
    """The load balancer's trace id, else the proxy's request id, else a new one."""
    trace = _TRACE_ROOT.search(request.headers.get("X-Amzn-Trace-Id", ""))
    candidates = (trace.group(1) if trace else "", request.headers.get("X-Request-Id", ""))
    return next((candidate for candidate in candidates if _ACCEPTED.fullmatch(candidate)), uuid.uuid4().hex)
