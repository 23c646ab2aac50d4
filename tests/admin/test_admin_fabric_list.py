from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.admin import fabric_actions
from netbox_hedgehog.models import GitRepository, HedgehogFabric
from netbox_hedgehog.scheduling.due import due

LIST = "/admin/netbox_hedgehog/hedgehogfabric/"

pytestmark = pytest.mark.django_db


def found(client, **filters):
    return {fabric.name for fabric in client.get(LIST, filters).context["cl"].queryset}


def act(client, action, fabrics, query="", **fields):
    chosen = {"action": action, "_selected_action": [fabric.pk for fabric in fabrics]}
    return client.post(LIST + query, chosen | fields, follow=True)


def said(response):
    return [str(message) for message in response.context["messages"]]


class TestTheScheduleFilter:
    @pytest.fixture(autouse=True)
    def _one_of_each(self):
        now = timezone.now()
        for recipe in ("never_synced", "disabled", "planned", "sourceless", "backing_off", "running"):
            fields = {"retry_at": now + timedelta(hours=1)} if recipe == "backing_off" else {}
            fields |= {"claim_expires_at": now + timedelta(hours=1)} if recipe == "running" else {}
            baker.make_recipe(f"tests.{recipe}_fabric", name=recipe, **fields)
        for name, seconds_ago in (("late", 1000), ("just due", 310), ("later", 10)):
            last_sync = now - timedelta(seconds=seconds_ago)
            baker.make_recipe("tests.due_fabric", name=name, sync_interval=300, last_sync=last_sync)

    def test_due_are_those_that_a_tick_would_take_now(self, boss):
        assert found(boss, schedule="due") == {"never_synced", "late", "just due"}
        assert found(boss, schedule="due") == {fabric.name for fabric in due(timezone.now())}

    def test_overdue_are_those_that_several_ticks_have_not_taken(self, boss):
        assert found(boss, schedule="overdue") == {"never_synced", "late"}

    def test_one_whose_back_off_has_just_ended_is_not_overdue(self, boss):
        HedgehogFabric.objects.filter(name="backing_off").update(retry_at=timezone.now() - timedelta(seconds=5))
        assert "backing_off" in found(boss, schedule="due")
        assert "backing_off" not in found(boss, schedule="overdue")

    def test_the_others_are_told_apart(self, boss):
        assert found(boss, schedule="later") == {"later"}
        assert found(boss, schedule="waits") == {"backing_off"}
        assert found(boss, schedule="never") == {"disabled", "planned", "sourceless"}

    def test_a_value_that_is_none_of_them_filters_nothing(self, boss):
        assert len(found(boss, schedule="x")) == HedgehogFabric.objects.count()


class TestTheRepositoryFilter:
    def test_it_filters_and_offers_the_chosen_one_only(self, boss, fabric):
        for n in range(30):
            baker.make_recipe("tests.due_fabric", name=f"f{n}")
        response = boss.get(LIST, {"git_repository__id__exact": fabric.git_repository_id})
        assert [row.name for row in response.context["cl"].queryset] == ["east"]
        text = response.content.decode()
        assert ">core</option>" in text
        assert not any(f">{name}</option>" in text for name in GitRepository.objects.values_list("name", flat=True)[1:])

    def test_who_may_not_see_repositories_is_not_offered_it(self, client, fabric, permitted):
        client.force_login(permitted("view_hedgehogfabric"))
        assert "git_repository__id__exact" not in client.get(LIST).content.decode()
        client.force_login(permitted("view_hedgehogfabric", "view_gitrepository"))
        assert "git_repository__id__exact" in client.get(LIST).content.decode()

    def test_what_is_no_number_is_refused(self, boss, fabric):
        assert boss.get(LIST, {"git_repository__id__exact": "x"}).status_code == 302


class TestSettingTheInterval:
    @pytest.fixture
    def fabrics(self):
        return [baker.make_recipe("tests.due_fabric", name=f"f{n}", sync_interval=60 * n) for n in range(3)]

    def test_it_is_asked_for_on_a_page_of_its_own(self, boss, fabrics):
        text = act(boss, "set_interval", fabrics).content.decode()
        assert "For 3 fabrics: f0, f1, f2." in text
        assert list(HedgehogFabric.objects.order_by("pk").values_list("sync_interval", flat=True)) == [0, 60, 120]

    def test_it_is_set_for_all_and_the_history_has_the_old_values(self, boss, fabrics):
        assert said(act(boss, "set_interval", fabrics, sync_interval=120)) == ["Interval set to 2 min for 2 fabrics."]
        assert set(HedgehogFabric.objects.values_list("sync_interval", flat=True)) == {120}
        assert {(entry.object_repr, entry.change_message) for entry in LogEntry.objects.all()} == {
            ("f0", "Sync interval set to 2 min (was never)."),
            ("f1", "Sync interval set to 2 min (was 1 min)."),
        }

    def test_zero_is_never(self, boss, fabrics):
        assert said(act(boss, "set_interval", fabrics, sync_interval=0)) == ["Interval set to never for 2 fabrics."]

    @pytest.mark.parametrize("value", ["", "soon", "1.5", "-1", "315360001", "9" * 30])
    def test_what_the_model_refuses_is_refused_with_the_reason(self, boss, fabrics, value):
        response = act(boss, "set_interval", fabrics, sync_interval=value)
        assert response.context["form"].errors["sync_interval"]
        assert set(HedgehogFabric.objects.values_list("sync_interval", flat=True)) == {0, 60, 120}

    def test_all_that_match_the_filter_are_chosen_by_the_filter(self, boss, fabrics):
        asked = act(boss, "set_interval", fabrics[:1], "?q=f2", select_across="1").content.decode()
        assert "For 1 fabric: f2." in asked
        assert '<input type="hidden" name="select_across" value="1">' in asked
        act(boss, "set_interval", fabrics[:1], "?q=f2", select_across="1", sync_interval=7)
        assert list(HedgehogFabric.objects.order_by("pk").values_list("sync_interval", flat=True)) == [0, 60, 7]

    def test_a_viewer_may_not(self, viewer, fabrics):
        act(viewer, "set_interval", fabrics, sync_interval=7)
        assert not HedgehogFabric.objects.filter(sync_interval=7).exists()


class TestOfManyFabrics:
    @pytest.mark.parametrize(
        ("action", "fields"),
        [("enable", {}), ("disable", {}), ("clear_back_off", {}), ("set_interval", {"sync_interval": 7})],
    )
    def test_a_bounded_number_is_changed_at_a_time_and_running_it_again_goes_on(
        self, boss, monkeypatch, action, fields
    ):
        monkeypatch.setattr(fabric_actions, "MOST_CHANGES_AT_ONCE", 2)
        fabrics = [baker.make_recipe("tests.backing_off_fabric", sync_enabled=action != "enable") for _ in range(3)]
        first, second = (said(act(boss, action, fabrics[:1], select_across="1", **fields)) for _ in range(2))
        assert "2 fabrics" in first[0]
        assert first[1] == "1 fabric of the selection left out: 2 are changed at a time. Run it again for more."
        assert "1 fabric" in second[0]
        assert len(second) == 1
        assert LogEntry.objects.count() == 3

    def test_the_number_of_queries_is_that_for_few(self, boss):
        def disable(count):
            fabrics = baker.make_recipe("tests.due_fabric", git_repository=None, _quantity=count)
            chosen = {"action": "disable", "_selected_action": [fabric.pk for fabric in fabrics]}
            with CaptureQueriesContext(connection) as captured:
                assert boss.post(LIST, chosen).status_code == 302
            return len(captured)

        disable(1)  # fills the caches that outlive a request
        assert disable(30) == disable(3)


class TestDryRun:
    @pytest.fixture
    def followed(self, remote):
        return [remote.fabric(name=name) for name in ("east", "west")]

    def test_the_page_answers_at_once_and_asks_for_each_by_itself(self, boss, followed, remote):
        text = act(boss, "dry_run", followed).content.decode()
        assert remote.server.requests == 0
        for fabric in followed:
            assert f'hx-post="{reverse("admin:netbox_hedgehog_hedgehogfabric_preview", args=[fabric.pk])}"' in text

    def test_the_part_that_a_page_asks_for_is_no_whole_page(self, boss, followed):
        address = reverse("admin:netbox_hedgehog_hedgehogfabric_preview", args=[followed[0].pk])
        assert "<html" in boss.post(address).content.decode()
        assert "<html" not in boss.post(address, headers={"HX-Request": "true"}).content.decode()

    def test_a_bounded_number_is_previewed(self, boss, followed, monkeypatch):
        monkeypatch.setattr(fabric_actions, "MOST_PREVIEWS_AT_ONCE", 1)
        text = act(boss, "dry_run", followed).content.decode()
        assert "The first 1 by name; 1 more of the selection are left out." in text

    def test_a_viewer_may_not(self, viewer, followed):
        assert "hx-post" not in act(viewer, "dry_run", followed).content.decode()


def test_cancelling_is_bounded(boss, monkeypatch):
    monkeypatch.setattr(fabric_actions, "MOST_SYNCS_AT_ONCE", 1)
    until = timezone.now() + timedelta(hours=1)
    fabrics = [baker.make_recipe("tests.running_fabric", claim_expires_at=until) for _ in range(2)]
    assert said(act(boss, "cancel_sync", fabrics))[1].startswith("1 fabric of the selection left out")


class TestWhoMayOperateButNotChange:
    @pytest.fixture
    def operator(self, client, permitted) -> User:
        client.force_login(permitted("view_hedgehogfabric", "sync_hedgehogfabric"))
        return client

    def test_sets_interval_and_switch_and_nothing_else(self, operator, fabric):
        page = reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk])
        assert set(operator.get(page).context["adminform"].form.fields) == {"sync_enabled", "sync_interval"}
        form = {"sync_interval": 900, "gitops_directory": "/mine", "git_repository": "", "name": "mine"}
        assert operator.post(page, form).status_code == 302
        fabric.refresh_from_db()
        assert (fabric.sync_interval, fabric.sync_enabled) == (900, False)
        assert (fabric.gitops_directory, fabric.name, fabric.git_repository is None) == ("/", "east", False)

    def test_acts_but_neither_adds_nor_deletes(self, operator, fabric, sent):
        act(operator, "sync_now", [fabric])
        assert sent == [fabric.pk]
        act(operator, "delete_selected", [fabric], post="yes")
        assert HedgehogFabric.objects.exists()
        assert operator.get(f"{LIST}add/").status_code == 403
