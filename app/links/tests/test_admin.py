import pytest
from django.core.exceptions import ValidationError

from links.models import Link, Profile
from links.tests.factories import make_link, make_profile

pytestmark = pytest.mark.django_db


def test_a_stranger_is_asked_to_sign_in(client):
    response = client.get("/admin/links/profile/")
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")
    assert "no-store" in response["Cache-Control"]


def test_signing_in_works_and_shows_the_list(client, django_user_model):
    django_user_model.objects.create_superuser("editor", password="correct horse")
    make_link(make_profile(), clicks=41)
    response = client.post(
        "/admin/login/?next=/admin/links/profile/", {"username": "editor", "password": "correct horse"}
    )
    assert response["Location"] == "/admin/links/profile/"
    page = client.get("/admin/links/profile/").content.decode()
    assert "Ada Lovelace" in page
    assert '<td class="field-click_count">41</td>' in page


def test_the_sign_in_form_is_protected_against_forgery(django_user_model):
    from django.test import Client

    django_user_model.objects.create_superuser("editor", password="correct horse")
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/admin/login/", {"username": "editor", "password": "correct horse"}).status_code == 403


def test_a_page_and_its_links_are_made_in_one_form(admin_client):
    form = {
        "handle": "ada",
        "display_name": "Ada",
        "bio": "",
        "is_published": "on",
        "links-TOTAL_FORMS": "1",
        "links-INITIAL_FORMS": "0",
        "links-0-position": "1",
        "links-0-title": "Notes",
        "links-0-url": "https://example.org/",
        "links-0-is_active": "on",
    }
    assert admin_client.post("/admin/links/profile/add/", form).status_code == 302
    assert Profile.objects.get().links.get().title == "Notes"
    rejected = admin_client.post(
        "/admin/links/profile/add/", form | {"handle": "eve", "links-0-url": "javascript:alert(1)"}
    )
    assert rejected.status_code == 200
    assert "Enter a valid URL." in rejected.content.decode()
    assert Profile.objects.count() == 1


@pytest.mark.parametrize("handle", ["a", "Ada", "a-b", "a b", "ada\n", "a/b", "ä" * 3, "a" * 31])
def test_a_handle_is_short_and_plain(handle):
    with pytest.raises(ValidationError):
        Profile(handle=handle, display_name="x").full_clean()


def test_a_link_to_another_scheme_is_refused_by_forms():
    with pytest.raises(ValidationError):
        Link(profile=make_profile(), title="x", url="ftp://example.org/").full_clean()
