"""The public pages: anonymous, without session or cookies, so that the proxy may cache them for everybody."""

from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from links.models import SCHEMES, Link, Profile

# The proxy's micro-cache keeps a page for a second: a burst costs one rendering per second, and an edit shows at once.
PAGE_CACHE_S = 1

# The pages have one stylesheet of our own and nothing else.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Redirect(HttpResponseRedirect):
    allowed_schemes = list(SCHEMES)


@require_safe
@cache_control(public=True, max_age=PAGE_CACHE_S)
def landing(request: HttpRequest) -> HttpResponse:
    return _page(request, "links/landing.html", {})


@require_safe
@cache_control(public=True, max_age=PAGE_CACHE_S)
def profile(request: HttpRequest, handle: str) -> HttpResponse:
    """One person's page, in two queries."""
    person = get_object_or_404(Profile, handle=handle, is_published=True)
    links = list(person.links.filter(is_active=True))
    return _page(request, "links/profile.html", {"profile": person, "links": links})


@require_safe
def follow(request: HttpRequest, link_id: int) -> HttpResponse:
    """Counts the click and sends the visitor on, to what the page's owner stored: never to a part of the request."""
    # A larger number than the database's key type would be an error in the query, not an absent link.
    if link_id > 2**63 - 1:
        raise Http404
    link = get_object_or_404(Link, pk=link_id, is_active=True, profile__is_published=True)
    if request.method == "GET":
        # In the database, so that two clicks at once are two.
        Link.objects.filter(pk=link.pk).update(clicks=F("clicks") + 1)
    response = _Redirect(link.url)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page of an address that has none.

    Where a person's page could be it is cached as long as one: only an answer that may be stored takes the place of a
    stored page, so a page that was withdrawn would otherwise be served until its copy expires.
    """
    response = _page(request, "links/not_found.html", {}, status=404)
    is_page_address = request.path.startswith("/@")
    response["Cache-Control"] = f"public, max-age={PAGE_CACHE_S}" if is_page_address else "no-store"
    return response


def _page(request: HttpRequest, template: str, context: dict[str, object], status: int = 200) -> HttpResponse:
    response = render(request, template, context, status=status)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
