"""What Django's technical page shows of an error."""

from __future__ import annotations

import sys

from django.test import RequestFactory
from django.views.debug import technical_500_response

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
