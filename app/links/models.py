"""A profile is one person's page; its links are what the page shows, in order."""

from django.core.validators import RegexValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

# The only schemes a link may have: a `javascript:` link would run in the visitor's browser on our own origin.
SCHEMES = ("http", "https")


class Profile(models.Model):
    handle = models.CharField(
        max_length=30,
        unique=True,
        validators=[RegexValidator(r"\A[a-z0-9_]{2,30}\Z", "Use 2 to 30 lower-case letters, digits or underscores.")],
        help_text="The page's address: /@handle.",
    )
    display_name = models.CharField(max_length=80)
    bio = models.CharField(max_length=280, blank=True)
    is_published = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("handle",)

    def __str__(self) -> str:
        return f"@{self.handle}"

    def get_absolute_url(self) -> str:
        return reverse("profile", args=[self.handle])


class Link(models.Model):
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="links")
    title = models.CharField(max_length=120)
    url = models.URLField("URL", max_length=2000, validators=[URLValidator(schemes=SCHEMES)])
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    clicks = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        ordering = ("position", "id")
        indexes = [models.Index(fields=["profile", "position"], name="link_profile_position")]
        constraints = [
            # Forms check this too, but a script or a fixture does not pass through a form.
            models.CheckConstraint(
                name="link_url_is_http",
                condition=Q(url__startswith="http://") | Q(url__startswith="https://"),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("follow", args=[self.pk])
