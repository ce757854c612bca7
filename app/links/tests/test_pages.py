import re
from pathlib import Path

import pytest

from links.tests.factories import make_link, make_profile

pytestmark = pytest.mark.django_db


def assert_anonymous(response):
    assert not response.cookies
    assert "Vary" not in response
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_a_page_shows_its_active_links_in_order_in_two_queries(client, django_assert_num_queries):
    profile = make_profile(bio="Writes programs")
    make_link(profile, "second", position=2)
    make_link(profile, "first", position=1)
    make_link(profile, "retired", is_active=False)
    make_link(make_profile("grace"), "somebody else's")
    with django_assert_num_queries(2):
        response = client.get("/@ada")
    assert response.status_code == 200
    assert re.findall(r'<a href="/l/\d+"[^>]*>(.*?)</a>', response.content.decode()) == ["first", "second"]
    assert "Writes programs" in response.content.decode()


def test_the_number_of_links_does_not_change_the_number_of_queries(client, django_assert_num_queries):
    profile = make_profile()
    for number in range(25):
        make_link(profile, str(number))
    with django_assert_num_queries(2):
        client.get("/@ada")


def test_a_page_may_be_cached_for_everybody_for_a_second(client):
    make_profile()
    response = client.get("/@ada")
    assert response["Cache-Control"] == "public, max-age=1"
    assert_anonymous(response)


def test_a_signed_in_person_gets_the_same_page(client, admin_user):
    make_profile()
    anonymous = client.get("/@ada")
    client.force_login(admin_user)
    signed_in = client.get("/@ada")
    assert signed_in.content == anonymous.content
    assert_anonymous(signed_in)


def test_what_people_write_is_text_and_not_markup(client):
    profile = make_profile(display_name="<b>Ada</b>", bio='"><script>alert(1)</script>')
    make_link(profile, "<img src=x onerror=alert(1)>")
    page = client.get("/@ada").content.decode()
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


def test_the_stylesheet_is_named_by_its_hash_and_is_there(client, settings):
    page = client.get("/").content.decode()
    (name,) = re.findall(r'rel="stylesheet" href="/static/([^"]+)"', page)
    assert re.fullmatch(r"links/page\.[0-9a-f]{12}\.css", name)
    assert (Path(settings.STATIC_ROOT) / name).is_file()


def test_the_landing_page_asks_the_database_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/")
    assert response.status_code == 200
    assert response["Cache-Control"] == "public, max-age=1"
    assert_anonymous(response)


@pytest.mark.parametrize("path", ["/@unknown", "/@hidden", "/@ADA", "/@ada/", "/nothing", "/@" + "a" * 3000])
def test_an_absent_page_is_a_readable_404_kept_no_longer_than_a_page(client, path):
    make_profile()
    make_profile("hidden", is_published=False)
    response = client.get(path)
    assert response.status_code == 404
    assert "<h1>Page not found</h1>" in response.content.decode()
    # A withdrawn page leaves the proxy's cache only when an answer that may be stored takes its place.
    assert response["Cache-Control"] == ("public, max-age=1" if path.startswith("/@") else "no-store")
    assert_anonymous(response)


def test_a_page_cannot_be_posted_to(client):
    make_profile()
    assert client.post("/@ada").status_code == 405
