import pytest
from django.core.management import call_command

from links.models import Link, Profile


@pytest.mark.django_db
def test_the_demo_page_is_made_once_and_then_left_alone(client, capsys):
    call_command("seed_demo")
    assert client.get("/@ada").status_code == 200
    Link.objects.first().delete()
    Profile.objects.update(bio="mine now")
    call_command("seed_demo")
    assert capsys.readouterr().out == "/@ada made\n/@ada was there already\n"
    assert Link.objects.count() == 2
    assert Profile.objects.get().bio == "mine now"


@pytest.mark.django_db
def test_the_migrations_hold_every_change_of_the_models():
    call_command("makemigrations", "--check", "--dry-run")
