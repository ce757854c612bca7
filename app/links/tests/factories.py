"""People and links to test with."""

from links.models import Link, Profile


def make_profile(handle: str = "ada", **fields) -> Profile:
    return Profile.objects.create(**{"handle": handle, "display_name": "Ada Lovelace"} | fields)


def make_link(profile: Profile, title: str = "Notes", **fields) -> Link:
    return Link.objects.create(**{"profile": profile, "title": title, "url": "https://example.org/notes"} | fields)
