"""Every page of every model, on a phone: nothing is wider than the screen, nothing is hard to perceive."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.admin.test_admin_pages import BUILDERS, READ_ONLY, url
from tests.support.browser import PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.timeout(300)]


def addresses():
    """Those of each model, with a row in the list."""
    for n, (model, build) in enumerate(BUILDERS.items()):
        row = build(n)
        yield url(model, "changelist")
        yield url(model, "change", row.pk)
        yield url(model, "history", row.pk)
        if model not in READ_ONLY:
            yield url(model, "add")
            yield url(model, "delete", row.pk)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone_and_can_be_perceived(phone, check_accessible, scheme):
    phone.emulate_media(color_scheme=scheme)
    for address in [reverse("admin:index"), *addresses()]:
        phone.goto(address)
        width = phone.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{address} is {width} pixels wide"
        check_accessible(phone)
