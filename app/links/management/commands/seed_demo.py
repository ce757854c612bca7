"""`seed_demo`: a page to look at right after the first deploy. Run again, it changes nothing that a person changed."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from links.models import Link, Profile

LINKS = (
    ("Notes on the Analytical Engine", "https://www.fourmilab.ch/babbage/sketch.html"),
    ("Letters", "https://en.wikipedia.org/wiki/Ada_Lovelace"),
    ("The Django project", "https://www.djangoproject.com/"),
)


class Command(BaseCommand):
    help = "Makes the demo page /@ada unless it is there."

    @transaction.atomic
    def handle(self, **options: Any) -> None:
        profile, is_new = Profile.objects.get_or_create(
            handle="ada",
            defaults={
                "display_name": "Ada Lovelace",
                "bio": "Mathematician. Writes programs for engines yet to be built.",
            },
        )
        if is_new:
            Link.objects.bulk_create(
                Link(profile=profile, title=title, url=url, position=position)
                for position, (title, url) in enumerate(LINKS)
            )
        self.stdout.write(f"{profile.get_absolute_url()} {'made' if is_new else 'was there already'}")
