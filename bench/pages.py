"""How long the pages of the admin take to compose, with few fabrics and with many: in this process, no network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, NamedTuple

from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bench.populated import populate
from netbox_hedgehog.admin.counting import MOST_COUNTED
from netbox_hedgehog.admin.fabric import FabricAdmin
from netbox_hedgehog.models import FabricResource, GitRepository, HedgehogFabric, SyncRun
from netbox_hedgehog.scheduling.figures import count_in_passing

_FABRICS: Final = "netbox_hedgehog_hedgehogfabric"


@dataclass(frozen=True)
class Plan:
    """Numbers of fabrics and of repositories, and how often each page is asked for.

    Few are still enough for a full page of a list, which shows 50.
    """

    few: tuple[int, int] = (100, 5)
    many: tuple[int, int] = (100_000, 1_000)
    times: int = 7


QUICK: Final = Plan(few=(10, 2), many=(2_000, 20), times=1)


@dataclass(frozen=True)
class Row:
    """One page: milliseconds (medians) and numbers of queries."""

    page: str
    few_ms: float
    many_ms: float
    few_queries: int
    many_queries: int

    @property
    def times_as_long(self) -> float:
        """With many fabrics, of what it takes with few."""
        return self.many_ms / self.few_ms


class _Page(NamedTuple):
    name: str
    address: str
    form: dict[str, Any] | None = None
    statuses: tuple[int, ...] = (200,)


class _Taken(NamedTuple):
    ms: float
    queries: int


def timings(plan: Plan) -> list[Row]:
    """Every page, at both sizes."""
    call_command("collectstatic", interactive=False, verbosity=0)
    few, many = _measured(*plan.few, plan.times), _measured(*plan.many, plan.times)
    return [Row(page, few[page].ms, many[page].ms, few[page].queries, many[page].queries) for page in few]


def _measured(fabrics: int, repositories: int, times: int) -> dict[str, _Taken]:
    populate(fabrics, repositories, timezone.now())
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.create_superuser("boss"))
    return {page.name: _asked(client, page, times) for page in _pages()}


def _asked(client: Client, page: _Page, times: int) -> _Taken:
    took = []
    for _ in range(times + 1):
        _as_after_a_tick(client)
        began = time.perf_counter()
        _ask(client, page)
        took.append((time.perf_counter() - began) * 1000)
    _as_after_a_tick(client)
    with CaptureQueriesContext(connection) as captured:
        _ask(client, page)
    return _Taken(median(took[1:]), len(captured))


def _as_after_a_tick(client: Client) -> None:
    """Nothing is kept from the page before but what a tick counts for the dashboard and the metrics."""
    session = client.session
    cache.clear()
    session.save()
    count_in_passing(timezone.now())


def _ask(client: Client, page: _Page) -> None:
    answer = client.get(page.address) if page.form is None else client.post(page.address, page.form)
    if answer.status_code not in page.statuses:
        raise RuntimeError(f"{page.address}: {answer.status_code}")


def _list(model: str, query: str = "") -> str:
    return reverse(f"admin:netbox_hedgehog_{model}_changelist") + (query and f"?{query}")


def _of_fabric(fabric: int, page: str) -> str:
    return reverse(f"admin:{_FABRICS}_{page}", args=[fabric])


def _pages() -> list[_Page]:
    fabric = HedgehogFabric.objects.order_by("pk")[7].pk
    due = HedgehogFabric.objects.filter(due_at__isnull=False).order_by("-due_at").first()
    return [
        _Page("dashboard", reverse("admin:index")),
        _Page("dashboard, renewing itself", reverse("hedgehog_dashboard")),
        _Page("sync schedule", reverse("sync-schedule")),
        *_fabric_lists(),
        *(_Page(f"fabric: {page}", _of_fabric(fabric, page)) for page in ("change", "overview", "history", "topology")),
        _Page("fabric: overview of the last in line", _of_fabric(due.pk if due else fabric, "overview")),
        *_other_lists(fabric),
        *_actions(),
        _Page("health of the fleet", reverse("fleet-health"), statuses=(503,)),  # for no worker runs here
    ]


def _fabric_lists() -> list[_Page]:
    last = -(-min(HedgehogFabric.objects.count(), MOST_COUNTED) // FabricAdmin.list_per_page)
    queries = {
        "all": "",
        "last page": f"p={last}",
        "by name, backwards": "o=-1",
        "by next due": "o=8",
        "search: many": "q=fabric",
        "search: few": "q=rare",
        "search: one": "q=fabric-000007",
        "search: none": "q=nowhere",
        "in error": "sync_status__exact=error",
        "in sync": "sync_status__exact=in_sync",
        "disabled": "sync_enabled__exact=0",
        "in maintenance": "status__exact=maintenance",
        "idle": "activity=idle",
        "queued": "activity=queued",
        "syncing": "activity=syncing",
        "due now": "schedule=due",
        "overdue": "schedule=overdue",
        "due later": "schedule=later",
        "backing off": "schedule=waits",
        "never by schedule": "schedule=never",
        "of the first repository": f"git_repository__id__exact={_first_repository()}",
    }
    return [_Page(f"fabrics: {name}", _list("hedgehogfabric", query)) for name, query in queries.items()]


def _first_repository() -> int:
    first = GitRepository.objects.order_by("pk").first()
    assert first
    return first.pk


def _other_lists(fabric: int) -> list[_Page]:
    resource, run = FabricResource.objects.order_by("pk")[0].pk, SyncRun.objects.order_by("pk")[0].pk
    repository = _first_repository()
    return [
        _Page("repositories", _list("gitrepository")),
        _Page("repositories: search", _list("gitrepository", "q=repository-0001")),
        _Page("repository of a third of all", reverse("admin:netbox_hedgehog_gitrepository_change", args=[repository])),
        _Page("resources", _list("fabricresource")),
        _Page("resources: by name", _list("fabricresource", "q=leaf-1-fabric-000007")),
        _Page("resources: of a fabric", _list("fabricresource", f"fabric__id__exact={fabric}")),
        _Page("resource", reverse("admin:netbox_hedgehog_fabricresource_change", args=[resource])),
        _Page("findings", _list("fabricfinding")),
        _Page("findings: search", _list("fabricfinding", "q=reference")),
        _Page("findings: search, none", _list("fabricfinding", "q=nowhere")),
        _Page("held changes", _list("heldchange")),
        _Page("sync runs", _list("syncrun")),
        _Page("sync runs: failed", _list("syncrun", "status__exact=failed")),
        _Page("sync runs: of a fabric", _list("syncrun", f"fabric__id__exact={fabric}")),
        _Page("sync run", reverse("admin:netbox_hedgehog_syncrun_change", args=[run])),
        _Page("scheduler runs", _list("schedulerrun")),
        _Page("periodic tasks", reverse("admin:django_celery_beat_periodictask_changelist")),
        _Page("users", reverse("admin:auth_user_changelist")),
    ]


def _actions() -> list[_Page]:
    """What is asked of all fabrics at once; those that write are asked of the first page."""
    everything: dict[str, Any] = {"select_across": "1", "index": "0", "_selected_action": [_any_fabric()]}
    some: dict[str, Any] = {"index": "0", "_selected_action": _some_fabrics(10)}
    address = _list("hedgehogfabric")
    return [
        _Page("of all: set interval (its form)", address, everything | {"action": "set_interval"}),
        _Page("of all: dry run (its page)", address, everything | {"action": "dry_run"}),
        _Page("of all: delete (refused)", address, everything | {"action": "delete_selected"}, statuses=(200, 302)),
        _Page("of all: clear back-off", address, everything | {"action": "clear_back_off"}, statuses=(302,)),
        _Page("of ten: disable", address, some | {"action": "disable"}, statuses=(302,)),
        _Page("of ten: enable", address, some | {"action": "enable"}, statuses=(302,)),
    ]


def _any_fabric() -> int:
    return _some_fabrics(1)[0]


def _some_fabrics(count: int) -> list[int]:
    return list(HedgehogFabric.objects.order_by("pk").values_list("pk", flat=True)[:count])
