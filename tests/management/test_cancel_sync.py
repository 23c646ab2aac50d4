from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.models import SyncRun
from netbox_hedgehog.scheduling.manual import request_sync

pytestmark = pytest.mark.django_db


def run(*names: str) -> tuple[int, str]:
    output = io.StringIO()
    try:
        call_command("cancel_sync", *names, stdout=output)
    except CommandError as error:
        return error.returncode, f"{output.getvalue()}{error}"
    return 0, output.getvalue()


@pytest.fixture
def east():
    fabric = baker.make_recipe("tests.due_fabric", name="east")
    request_sync(fabric.pk, timezone.now(), lambda _: None)
    return fabric


def test_it_cancels_and_says_so(east):
    assert run("east") == (0, "east: cancelled.\n")
    assert SyncRun.objects.get().status == "cancelled"


def test_without_a_sync_there_is_nothing_to_cancel_which_does_not_hinder_the_others(east):
    baker.make_recipe("tests.due_fabric", name="west")
    code, said = run("east", "west")
    assert code == 1
    assert "east: cancelled." in said
    assert "No sync is queued or running of west." in said


def test_an_unknown_name_cancels_nothing(east):
    assert run("east", "nowhere")[0] == 2
    assert not SyncRun.objects.exists()
