"""Every address of the app but the health checks, which `health.middleware` answers before routing."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("links.urls")),
    path("admin/", admin.site.urls),
]

if settings.TEST_ENDPOINTS:
    from config.sleep import sleep

    urlpatterns.append(path("-/sleep", sleep))

handler404 = "links.views.not_found"
