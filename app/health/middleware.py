"""The two health checks. They stand before host validation and TLS redirects, which would refuse a probe.

`/healthz/live` shows that this process answers, and never asks the database: a load balancer would otherwise replace
every task when the database pauses. `/healthz/ready` asks it, for deploys and people.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from health.database import check_database

LIVE = "/healthz/live"
READY = "/healthz/ready"


class HealthMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info not in (LIVE, READY):
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return _answer({"database": check_database()} if request.path_info == READY else {})


def _answer(checks: dict[str, str]) -> HttpResponse:
    healthy = all(outcome == "ok" for outcome in checks.values())
    body = {
        "status": "ok" if healthy else "unavailable",
        "release": settings.RELEASE,
        "environment": settings.ENVIRONMENT,
        "checks": checks,
    }
    return JsonResponse(body, status=200 if healthy else 503, headers={"Cache-Control": "no-store"})
