"""Where the people whose pages these are keep them."""

from django.contrib import admin
from django.db import models
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest

from links.models import Link, Profile


class LinkInline(admin.TabularInline):
    model = Link
    # `example.org` typed without a scheme; Django's default changes to the same in its next version.
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    extra = 1
    fields = ("position", "title", "url", "is_active", "clicks")
    readonly_fields = ("clicks",)


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):
    inlines = (LinkInline,)
    list_display = ("handle", "display_name", "is_published", "link_count", "click_count")
    list_filter = ("is_published",)
    search_fields = ("handle", "display_name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        return (
            super()
            .get_queryset(request)
            .annotate(link_total=Count("links"), click_total=Sum("links__clicks", default=0))
        )

    @admin.display(description="links", ordering="link_total")
    def link_count(self, profile: Profile) -> int:
        return profile.link_total

    @admin.display(description="clicks", ordering="click_total")
    def click_count(self, profile: Profile) -> int:
        return profile.click_total
