"""A view that waits, to test what a stop does to a request in flight. Routed only if SLIPWAY_TEST_ENDPOINTS is true."""

import time

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.views.decorators.http import require_safe

LONGEST_S = 30.0


@require_safe
def sleep(request: HttpRequest) -> HttpResponse:
    """Waits `?seconds=` (5 unless told, at most 30) and says how long it was."""
    try:
        seconds = float(request.GET.get("seconds", "5"))
    except ValueError:
        return HttpResponseBadRequest("seconds must be a number\n", content_type="text/plain")
    if not 0 <= seconds <= LONGEST_S:
        return HttpResponseBadRequest(f"seconds must be from 0 to {LONGEST_S:g}\n", content_type="text/plain")
    time.sleep(seconds)
    return JsonResponse({"slept": seconds}, headers={"Cache-Control": "no-store"})
