"""The pages that operators live in, over a fleet on an ordinary day: what README and docs show.

``make pictures`` keeps the pictures; each page must also fit its screen and be accessible, light and dark.
"""

from __future__ import annotations

import json
import time

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from netbox_hedgehog.models import FabricResource, HeldChange
from tests.support import fleet as fleets
from tests.support.browser import DESK, PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.timeout(300)]

TALL = {"width": DESK["width"], "height": 1150}

PAGES = {
    "dashboard": ("admin:index", "Failing fabrics"),
    "fabrics": ("admin:netbox_hedgehog_hedgehogfabric_changelist", "dc-frankfurt-1"),
    "fabric": ("admin:netbox_hedgehog_hedgehogfabric_change", "Why is it not syncing?"),
    "topology": ("admin:netbox_hedgehog_hedgehogfabric_topology", "mclagDomain (1)"),
    "resource": ("admin:netbox_hedgehog_fabricresource_change", "Refers to"),
    "held": ("admin:netbox_hedgehog_heldchange_change", "Approve"),
    "runs": ("admin:netbox_hedgehog_syncrun_changelist", "schedule"),
    "schedule": ("sync-schedule", "4,812 runs"),
}
"""By the name of the picture: its route, and a text that shows that it is all there."""


@pytest.fixture
def fleet():
    """And a worker that tells of itself, as its heartbeat would."""
    fabric = fleets.grow(timezone.now())
    client, key = cache.client.get_client(write=True), cache.client.make_key("workers")
    sign = {"at": time.time(), "queues": ["schedule"], "processes": 8, "mirrors_bytes": 0}
    client.hset(key, "git_sync@worker-1", json.dumps(sign | {"disk_free_bytes": 1, "disk_size_bytes": 2}))
    yield fabric
    client.delete(key)


@pytest.fixture
def address(fleet):
    """The address of each page, by the name of its picture."""
    rows = {
        "fabric": fleet.pk,
        "topology": fleet.pk,
        "resource": FabricResource.objects.get(fabric=fleet, name="spine-01--fabric--leaf-01").pk,
        "held": HeldChange.objects.get().pk,
    }
    return lambda name: reverse(PAGES[name][0], args=[rows[name]] if name in rows else [])


@pytest.fixture(params=["desk-light", "desk-dark", "phone-light", "phone-dark"])
def page(request):
    """On each screen, in each scheme."""
    size, scheme = request.param.split("-")
    opened = request.getfixturevalue(size)
    opened.set_viewport_size(TALL if size == "desk" else PHONE)
    opened.emulate_media(color_scheme=scheme)
    return opened


def test_the_pages_of_an_ordinary_day_can_be_perceived(request, page, address, check_accessible, screenshot):
    look = request.node.callspec.params["page"]
    for name, (_, sign) in PAGES.items():
        page.goto(address(name))
        expect(page.get_by_text(sign).first).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        check_accessible(page)
        screenshot(page, name if look == "desk-light" else f"{name}-{look}")
