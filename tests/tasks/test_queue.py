from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.tasks import git_sync_fabric, periodic_fabric_sync_scheduler
from netbox_hedgehog.tasks.queue import queue_length


@pytest.fixture
def broker():
    client = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def test_its_length_counts_messages_of_any_priority(broker):
    assert queue_length() == 0
    git_sync_fabric.delay(1)
    git_sync_fabric.apply_async((2,), priority=0)
    assert queue_length() == 2


@pytest.mark.django_db
def test_after_a_broker_that_forgot_everything_the_next_tick_sends_it_anew(broker):
    fabrics = [baker.make_recipe("tests.due_fabric").pk for _ in range(3)]
    assert periodic_fabric_sync_scheduler()["syncs_triggered"] == 3
    broker.flushdb()
    assert periodic_fabric_sync_scheduler()["syncs_triggered"] == 0
    HedgehogFabric.objects.filter(pk__in=fabrics).update(claimed_at=timezone.now() - timedelta(seconds=61))
    assert periodic_fabric_sync_scheduler()["syncs_triggered"] == 3
    assert queue_length() == 3
