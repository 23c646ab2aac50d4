"""Every page of every model: it answers, it does not slow down with the number of rows, it hides and escapes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from netbox_hedgehog.models import (
    FabricFinding,
    FabricResource,
    GitRepository,
    HedgehogFabric,
    HeldChange,
    SchedulerRun,
    SchemaSource,
    SyncRecord,
    SyncRun,
)

pytestmark = pytest.mark.django_db

FEW, MANY = 2, 30


def _fabric(n: int) -> HedgehogFabric:
    return HedgehogFabric.objects.create(
        name=f"fabric {n}", status="active", git_repository=_repository(n), sync_error="[a.b] broken → mend it"
    )


def _repository(n: int) -> GitRepository:
    return GitRepository.objects.create(name=f"repo {n}", url=f"https://git.example.com/{n}.git", password="s3cr3t")


def _resource(n: int) -> FabricResource:
    return FabricResource.objects.create(
        fabric=_fabric(n), api_version="v1", kind=f"Kind{n}", namespace="default", name=f"r{n}", spec={"a": [n]}
    )


def _finding(n: int) -> FabricFinding:
    return FabricFinding.objects.create(
        fabric=_fabric(n), severity="error", code="a.b", kind="Switch", name=f"s{n}", message="wrong", source_path="a"
    )


def _held(n: int) -> HeldChange:
    record = {"created": [], "updated": [], "deleted": [], "more": {"deleted": n}}
    return HeldChange.objects.create(
        fabric=_fabric(n), commit=f"c{n}", record=record, reasons=["too much"], budget={}, held_at=timezone.now()
    )


def _sync_run(n: int) -> SyncRun:
    run = SyncRun.objects.create(
        fabric=_fabric(n), trigger="manual", status="failed", started_at=timezone.now(), error_message="broken"
    )
    SyncRecord.objects.create(run=run, content={"created": [], "updated": [], "deleted": [], "more": {"deleted": 7}})
    return run


def _scheduler_run(n: int) -> SchedulerRun:
    return SchedulerRun.objects.create(
        status="partial", started_at=timezone.now(), syncs_skipped={"claimed": n}, errors=[{"code": "x"}]
    )


def _task(n: int) -> Any:
    interval = IntervalSchedule.objects.create(every=n + 1, period="hours")
    return PeriodicTask.objects.create(name=f"task {n}", task="x", interval=interval)


def _schema_source(n: int) -> SchemaSource:
    source = SchemaSource.objects.create(
        name=f"schemas {n}", git_repository=_repository(n + 1000), error="[a.b] broken"
    )
    HedgehogFabric.objects.create(name=f"checked {n}", schema_source=source, schema_mode="warn")
    return source


BUILDERS: dict[type[Model], Callable[[int], Model]] = {
    HedgehogFabric: _fabric,
    GitRepository: _repository,
    FabricResource: _resource,
    FabricFinding: _finding,
    HeldChange: _held,
    SchemaSource: _schema_source,
    SyncRun: _sync_run,
    SchedulerRun: _scheduler_run,
    PeriodicTask: _task,
    IntervalSchedule: lambda n: IntervalSchedule.objects.create(every=n + 1, period="days"),
    CrontabSchedule: lambda n: CrontabSchedule.objects.create(minute=str(n)),
    ClockedSchedule: lambda n: ClockedSchedule.objects.create(clocked_time=timezone.now() + timedelta(days=n)),
    SolarSchedule: lambda n: SolarSchedule.objects.create(event="sunset", latitude=n, longitude=n),
    User: lambda n: User.objects.create_user(f"user {n}"),
    Group: lambda n: Group.objects.create(name=f"group {n}"),
}
MODELS = [pytest.param(model, id=model.__name__) for model in BUILDERS]
READ_ONLY = [FabricResource, FabricFinding, HeldChange, SyncRun, SchedulerRun]


def url(model: type[Model], view: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def queries(client: Client, address: str) -> int:
    client.get(address)  # fills the caches that outlive a request
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_every_registered_model_is_tested_here() -> None:
    assert set(admin.site._registry) == set(BUILDERS)


@pytest.mark.parametrize("model", MODELS)
def test_pages_answer_with_a_constant_number_of_queries(boss: Client, model: type[Model]) -> None:
    for n in range(FEW):
        row = BUILDERS[model](n)
    few = [queries(boss, url(model, "changelist")), queries(boss, url(model, "change", row.pk))]
    for n in range(FEW, MANY):
        BUILDERS[model](n)
    many = [queries(boss, url(model, "changelist")), queries(boss, url(model, "change", row.pk))]
    assert many == few
    assert max(many) <= 20


@pytest.mark.parametrize("model", MODELS)
def test_a_viewer_sees_every_page(viewer: Client, model: type[Model]) -> None:
    row = BUILDERS[model](1)
    for address in (url(model, "changelist"), url(model, "change", row.pk), url(model, "history", row.pk)):
        response = viewer.get(address)
        assert response.status_code == 200, address
        assert "s3cr3t" not in response.content.decode()


@pytest.mark.parametrize("model", [model for model in BUILDERS if model not in READ_ONLY])
def test_add_pages_answer(boss: Client, model: type[Model]) -> None:
    assert boss.get(url(model, "add")).status_code == 200


@pytest.mark.parametrize("model", READ_ONLY)
def test_what_the_machine_wrote_is_read_only_even_for_a_superuser(boss: Client, model: type[Model]) -> None:
    row = BUILDERS[model](1)
    assert boss.get(url(model, "add")).status_code == 403
    assert boss.post(url(model, "change", row.pk), {"name": "x"}).status_code == 403
    assert boss.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    boss.post(url(model, "changelist"), chosen)
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", MODELS)
def test_a_history_is_offered_where_the_log_can_hold_something(boss: Client, model: type[Model]) -> None:
    row = BUILDERS[model](1)
    offered = url(model, "history", row.pk) in boss.get(url(model, "change", row.pk)).content.decode()
    assert offered == (model not in READ_ONLY or model is HeldChange)


@pytest.mark.parametrize("model", MODELS)
def test_search_filters_and_sorting_answer(boss: Client, model: type[Model]) -> None:
    BUILDERS[model](1)
    changelist = url(model, "changelist")
    columns = len(boss.get(changelist).context["cl"].list_display)
    addresses = [f"{changelist}?q=x", *(f"{changelist}?o={column}" for column in range(1, columns + 1))]
    for spec in boss.get(changelist).context["cl"].filter_specs:
        for choice in spec.choices(boss.get(changelist).context["cl"]):
            addresses += [changelist + query for query in queries_of(choice)]
    for address in addresses:
        assert boss.get(address, follow=True).status_code == 200, address


def queries_of(choice: Any) -> list[str]:
    """What a choice of a filter leads to: it is a link of Django's, or a list of Unfold's."""
    if "form" not in choice:
        return [choice["query_string"]]
    fields = choice["form"].fields.items()
    return [f"?{name}={value}" for name, field in fields for value, _ in getattr(field, "choices", ())]


def test_strangers_are_sent_to_the_login_page(client: Client) -> None:
    assert client.get("/").headers["Location"] == reverse("admin:index")
    for model in BUILDERS:
        assert "/login/" in client.get(url(model, "changelist")).headers["Location"]
    text = client.get(reverse("admin:login")).content.decode()
    assert "Hedgehog fabrics" in text


def test_signing_in_without_a_destination_leads_to_the_first_page(client: Client, db: None) -> None:
    User.objects.create_superuser("boss", password="a long enough one")
    response = client.post(reverse("admin:login"), {"username": "boss", "password": "a long enough one"})
    assert (response.status_code, response["Location"]) == (302, reverse("admin:index"))


def test_the_menu_is_in_the_order_of_work(boss: Client) -> None:
    text = boss.get(reverse("admin:index")).content.decode()
    titles = ["Fabrics", "Repositories", "Resources", "Sync runs", "Scheduler runs", "Periodic tasks", "Intervals"]
    menu = text[text.index("nav-sidebar") :] if "nav-sidebar" in text else text
    positions = [menu.index(title) for title in titles]
    assert positions == sorted(positions)


def test_the_menu_shows_nobody_what_is_closed_to_them(client: Client) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert url(GitRepository, "changelist") not in client.get(reverse("admin:index")).content.decode()


def test_what_came_from_git_is_escaped(boss: Client) -> None:
    evil = "<script>alert(1)</script>"
    fabric = _fabric(1)
    HedgehogFabric.objects.update(sync_error=evil, name=f"f{evil}")
    resource = FabricResource.objects.create(
        fabric=fabric,
        api_version=evil,
        kind=evil,
        namespace=evil,
        name=evil,
        labels={evil: evil},
        annotations={"x": evil},
        spec={"a": [evil]},
        source_path=evil,
    )
    run = SyncRun.objects.create(
        fabric=fabric,
        trigger="manual",
        status="failed",
        started_at=timezone.now(),
        error_message=evil,
        error_remedy=evil,
        worker=evil,
    )
    tick = SchedulerRun.objects.create(
        status="partial", started_at=timezone.now(), reason=evil, syncs_skipped={evil: 1}, errors=[{"message": evil}]
    )
    for row in (fabric, resource, run, tick):
        for address in (url(type(row), "changelist"), url(type(row), "change", row.pk)):
            assert "<script>alert" not in boss.get(address).content.decode(), address


@pytest.mark.parametrize("model", [FabricFinding, HeldChange, FabricResource, SyncRun])
def test_a_fabric_is_chosen_by_typing_and_not_from_a_list_of_all(boss: Client, model: type[Model]) -> None:
    HedgehogFabric.objects.bulk_create(HedgehogFabric(name=f"f{n:03}") for n in range(60))
    last = HedgehogFabric.objects.order_by("name").last()
    assert last
    changelist = url(model, "changelist")
    text = boss.get(changelist).content.decode()
    assert 'data-ajax--url="/admin/autocomplete/"' in text
    assert "f000" not in text
    assert last.name in boss.get(changelist, {"fabric__id__exact": last.pk}).content.decode()


@pytest.mark.parametrize("model", [model for model in BUILDERS if model.__module__.startswith("netbox_hedgehog")])
def test_an_empty_list_says_what_belongs_there(boss: Client, model: type[Model]) -> None:
    text = boss.get(url(model, "changelist")).content.decode()
    assert "Nothing here yet" in text
    assert boss.get(url(model, "changelist")).context["cl"].model_admin.when_empty in unescape(text)
    assert "Reset filters" not in text


def test_a_list_without_a_match_blames_the_search(boss: Client) -> None:
    text = boss.get(url(HedgehogFabric, "changelist"), {"q": "nobody"}).content.decode()
    assert "Nothing matches" in text
    assert "Reset filters" in text
    assert "Show all" in text
    assert "Show all" not in boss.get(url(HedgehogFabric, "changelist")).content.decode()


def test_findings_are_narrowed_to_a_fabric(boss: Client) -> None:
    one, other = (HedgehogFabric.objects.create(name=name) for name in ("one", "other"))
    for fabric in (one, other):
        FabricFinding.objects.create(fabric=fabric, severity="error", code="a.b", kind="Switch", name=fabric.name)
    found = boss.get(url(FabricFinding, "changelist"), {"fabric__id__exact": other.pk}).context["cl"].queryset
    assert [finding.name for finding in found] == ["other"]


def test_the_links_between_pages_lead_somewhere(boss: Client) -> None:
    fabric = _fabric(1)
    assert fabric.git_repository_id
    for address in (
        f"{url(FabricResource, 'changelist')}?fabric__id__exact={fabric.pk}",
        f"{url(SyncRun, 'changelist')}?fabric__id__exact={fabric.pk}",
        f"{url(HedgehogFabric, 'changelist')}?git_repository__id__exact={fabric.git_repository_id}",
    ):
        response = boss.get(address)
        assert response.status_code == 200, address


def test_the_icon_is_found_under_the_name_that_browsers_ask_for(client: Client) -> None:
    response = client.get("/favicon.ico")
    assert response.status_code == 302
    assert response["Location"].endswith("hedgehog/favicon.svg")
