from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.manual import request_sync
from netbox_hedgehog.sync.progress import Teller

pytestmark = pytest.mark.django_db


def part(fabric):
    return reverse("admin:netbox_hedgehog_hedgehogfabric_progress", args=[fabric.pk])


def page(fabric):
    return reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk])


@pytest.fixture
def syncing(fabric):
    """Has received 20 of 30 objects."""
    token = uuid4()
    claims.begin(fabric.pk, timezone.now(), token, "worker-1")
    Teller(token)("receiving", 20, 30)
    return fabric


def test_the_page_of_an_idle_fabric_asks_for_nothing(boss, fabric):
    assert part(fabric) not in boss.get(page(fabric)).content.decode()


def test_the_page_of_one_that_is_queued_or_syncing_renews_itself_without_a_script_of_its_own(boss, fabric):
    request_sync(fabric.pk, timezone.now(), lambda _: None)
    shown = boss.get(page(fabric)).content.decode()
    assert f'hx-get="{part(fabric)}" hx-trigger="every 2s"' in shown
    assert "unfold/js/htmx/htmx.js" in shown
    assert "<script" not in boss.get(part(fabric)).content.decode()


def test_it_shows_how_far_the_sync_is(viewer, syncing):
    for address in (page(syncing), part(syncing)):
        shown = viewer.get(address).content.decode()
        assert "receiving 20 of 30" in shown
        assert 'value="20" max="30"' in shown


def test_when_it_has_ended_it_says_so_and_brings_the_overview_as_it_is_now(viewer, syncing):
    claims.expire(timezone.now() + timedelta(days=1))
    shown = viewer.get(part(syncing)).content.decode()
    assert "The sync has ended: never synced." in shown
    assert part(syncing) not in shown
    [overview] = re.findall('hx-get="([^"]+)"', shown)
    now_shown = viewer.get(overview).content.decode()
    assert "receiving" not in now_shown
    assert "hx-get" not in now_shown


def test_with_the_cache_away_it_still_says_that_it_is_syncing(viewer, syncing, cache_away):
    assert "syncing" in viewer.get(part(syncing)).content.decode()


def test_who_may_not_see_fabrics_sees_nothing_of_it(client, syncing):
    assert client.get(part(syncing)).status_code == 302  # to the login
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(part(syncing)).status_code == 403
