"""What people see of an error: the pages of an installation, and Django's technical page of a developer's."""

from __future__ import annotations

import sys

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.debug import technical_500_response
from django.views.defaults import server_error

PASSWORD = "correct-horse"  # far from the lines that the page shows


class Unshowable:
    """As a query set whose table is gone."""

    def __repr__(self) -> str:
        raise LookupError("the table is gone")


def page_of_an_error() -> str:
    about = {"password": PASSWORD, "name": "spine-1"}
    unshowable = Unshowable()
    try:
        [about, unshowable].index({})
    except ValueError:
        request = RequestFactory().get("/")
        return technical_500_response(request, *sys.exc_info()).content.decode()  # type: ignore[arg-type]


def test_a_technical_page_shows_variables_and_no_password():
    page = page_of_an_error()
    assert "spine-1" in page
    assert PASSWORD not in page


def test_a_technical_page_is_made_although_a_variable_cannot_be_shown():
    assert "LookupError: the table is gone" in page_of_an_error()


WORDS = {400: "ALLOWED_HOSTS", 403: "may not do this", 404: "no page at this address", 500: "Its log says why"}


@pytest.fixture
def answers(client, db):
    """What the server answers a browser in trouble, by the status."""
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    return {
        400: client.get("/", headers={"host": "elsewhere.example"}),
        403: client.get(reverse("admin:auth_user_changelist")),
        404: client.get("/nothing"),
        500: server_error(RequestFactory().get("/")),
    }


def test_an_error_page_fits_a_phone_says_what_to_do_and_leads_back(answers):
    for status, words in WORDS.items():
        answer, text = answers[status], answers[status].content.decode()
        assert answer.status_code == status
        assert words in text
        assert "width=device-width" in text
        assert f'href="{reverse("admin:index")}"' in text


@pytest.mark.django_db
def test_a_form_that_is_out_of_date_says_so():
    answer = Client(enforce_csrf_checks=True).post(reverse("admin:login"), {"username": "x", "password": "y"})
    assert answer.status_code == 403
    assert "load the page again" in answer.content.decode()
