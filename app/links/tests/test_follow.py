import threading

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from links.models import Link
from links.tests.factories import make_link, make_profile


@pytest.mark.django_db
def test_a_click_is_counted_and_sent_on(client):
    link = make_link(make_profile(), url="https://example.org/a?b=c#d")
    response = client.get(f"/l/{link.pk}")
    assert response.status_code == 302
    assert response["Location"] == "https://example.org/a?b=c#d"
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    link.refresh_from_db()
    assert link.clicks == 1


@pytest.mark.django_db
def test_looking_without_following_is_not_counted(client):
    link = make_link(make_profile())
    assert client.head(f"/l/{link.pk}").status_code == 302
    assert client.post(f"/l/{link.pk}").status_code == 405
    link.refresh_from_db()
    assert link.clicks == 0


@pytest.mark.django_db
def test_the_request_cannot_choose_the_target(client):
    link = make_link(make_profile())
    response = client.get(f"/l/{link.pk}?url=https://evil.example&next=//evil.example")
    assert response["Location"] == "https://example.org/notes"


@pytest.mark.django_db
def test_what_is_not_shown_cannot_be_followed(client):
    profile = make_profile()
    retired = make_link(profile, is_active=False)
    hidden = make_link(make_profile("hidden", is_published=False))
    for number in (retired.pk, hidden.pk, 0, 2**63, 10**30):
        assert client.get(f"/l/{number}").status_code == 404
    assert not Link.objects.filter(clicks__gt=0).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example", "data:text/html,x", "ftp://example.org", ""])
def test_the_database_takes_web_addresses_only(url):
    profile = make_profile()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_link(profile, url=url)


@pytest.mark.django_db(transaction=True)
def test_clicks_at_the_same_time_are_all_counted():
    link = make_link(make_profile())
    together = threading.Barrier(4)
    statuses = []

    def click():
        together.wait()
        try:
            statuses.extend(Client().get(f"/l/{link.pk}").status_code for _ in range(10))
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [302] * 40
    link.refresh_from_db()
    assert link.clicks == 40
