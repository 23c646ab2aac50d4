"""Style sheets are loaded where they are needed: all that a page uses, and on lists and forms no other page's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse

import netbox_hedgehog
from netbox_hedgehog.models import HedgehogFabric
from tests.admin.test_admin_pages import BUILDERS, url

pytestmark = pytest.mark.django_db

SHEETS = Path(netbox_hedgehog.__file__).parent / "static" / "hedgehog"


def unstyled(page: str) -> set[str]:
    """The classes of ours on ``page`` that no style sheet of the page knows."""
    sheets = re.findall(r'href="[^"]*/hedgehog/(\w+\.css)"', page)
    assert "base.css" in sheets
    rules = "".join((SHEETS / sheet).read_text() for sheet in sheets)
    used = {name for names in re.findall(r'class="([^"]*)"', page) for name in names.split()}
    return {name for name in used if name.startswith("hedgehog-") and f".{name}" not in rules}


@pytest.mark.parametrize("model", BUILDERS)
def test_a_page_of_a_row_has_the_style_of_all_that_it_shows(boss: Client, model: type[Model]) -> None:
    row = BUILDERS[model](1)
    for address in (url(model, "changelist"), url(model, "change", row.pk)):
        assert unstyled(boss.get(address).content.decode()) == set(), address


@pytest.mark.parametrize("route", ["admin:index", "sync-schedule"])
def test_so_have_the_pages_of_our_own(boss: Client, route: str) -> None:
    assert unstyled(boss.get(reverse(route)).content.decode()) == set()


def test_the_style_of_one_page_is_not_loaded_by_the_others(boss: Client) -> None:
    text = boss.get(reverse("admin:netbox_hedgehog_gitrepository_changelist")).content.decode()
    assert re.findall(r'href="[^"]*/hedgehog/(\w+\.css)"', text) == ["base.css"]


def test_names_stand_in_the_header_as_they_are(boss: Client) -> None:
    fabric = HedgehogFabric.objects.create(name="dc-frankfurt")
    text = boss.get(url(HedgehogFabric, "change", fabric.pk)).content.decode()
    assert "Dc-frankfurt" not in text
    assert "Fabrics" in text
