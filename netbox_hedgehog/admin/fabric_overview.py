"""A fabric at a glance: what is wrong and what helps, what happens now, what it holds, what changed last."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from netbox_hedgehog.admin import fabric_look as look
from netbox_hedgehog.admin.base import badge, duration, link_to, link_to_list, moment, shortened
from netbox_hedgehog.admin.code import as_changes
from netbox_hedgehog.admin.finding import SEVERITY_COLOURS
from netbox_hedgehog.admin.problem import problem_of
from netbox_hedgehog.admin.progress import progress_context
from netbox_hedgehog.admin.rights import MAY_DECIDE, MAY_SYNC
from netbox_hedgehog.admin.runs import RUN_COLOURS
from netbox_hedgehog.admin.schema import state_of
from netbox_hedgehog.models import (
    FabricFinding,
    FabricResource,
    FindingSeverity,
    HedgehogFabric,
    HeldChange,
    RunStatus,
    SchemaMode,
    SyncRecord,
    SyncRun,
)
from netbox_hedgehog.scheduling.due import with_next_due
from netbox_hedgehog.scheduling.explain import why_not
from netbox_hedgehog.sync.record_text import record_lines

RUNS_SHOWN: Final = 8
FINDINGS_SHOWN: Final = 5
LINES_SHOWN: Final = 200


def overview_urls(site: admin.AdminSite) -> list[URLPattern]:
    """The overview on its own, for the end of a sync, and what one run changed."""
    return [
        path("<int:pk>/overview/", site.admin_view(_overview), name="netbox_hedgehog_hedgehogfabric_overview"),
        path("<int:pk>/runs/<int:run>/", site.admin_view(_run), name="netbox_hedgehog_hedgehogfabric_run"),
    ]


def overview_context(fabric: HedgehogFabric, request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What ``hedgehog/fabric_overview.html`` needs; the fabric was loaded ``with_next_due``."""
    user = request.user
    return {
        "fabric": fabric,
        "problem": problem_of(fabric.sync_error),
        "may_sync": user.has_perm(MAY_SYNC),
        "may_decide": user.has_perm(MAY_DECIDE),
        "reasons": why_not(fabric.pk, now),
        "facts": _facts(fabric, now),
        "held": _held(fabric) if _may_view(user, "heldchange") else None,
        "kinds": _kinds(fabric) if _may_view(user, "fabricresource") else None,
        "runs": _runs(fabric, now) if _may_view(user, "syncrun") else None,
        "all_resources": link_to_list(FabricResource, f"{fabric.resource_count:,}", fabric__id__exact=fabric.pk),
        "all_runs": link_to_list(SyncRun, "All sync runs", fabric__id__exact=fabric.pk),
        "findings": _findings(fabric) if _may_view(user, "fabricfinding") else None,
        **progress_context(fabric, now),
    }


def _overview(request: HttpRequest, pk: int) -> HttpResponse:
    if not _may_view(request.user, "hedgehogfabric"):
        raise PermissionDenied
    fabric = get_object_or_404(with_next_due(HedgehogFabric.objects.all()), pk=pk)
    return TemplateResponse(request, "hedgehog/fabric_overview.html", overview_context(fabric, request, timezone.now()))


def _run(request: HttpRequest, pk: int, run: int) -> HttpResponse:
    """Asked for when somebody opens it: a record may have hundreds of lines."""
    if not _may_view(request.user, "syncrun"):
        raise PermissionDenied
    record = get_object_or_404(SyncRecord, run__fabric__id=pk, run__id=run)
    return TemplateResponse(request, "hedgehog/record.html", _lines(record.content))


def _may_view(user: AbstractBaseUser | AnonymousUser, model: str) -> bool:
    return bool(user.has_perm(f"netbox_hedgehog.view_{model}"))  # type: ignore[union-attr]  # the admin's users have it


def _facts(fabric: HedgehogFabric, now: datetime) -> list[tuple[str, SafeString | str]]:
    return [
        ("Sync status", look.sync_label(fabric)),
        ("Activity", look.activity_label(fabric, now)),
        ("Last sync", look.last_sync(fabric, now)),
        ("Next due", look.next_due(fabric, now)),
        ("Interval", look.every(fabric.sync_interval) if fabric.sync_enabled else "disabled"),
        ("Status", look.status_label(fabric)),
        ("Repository", link_to(fabric.git_repository) if fabric.git_repository else "none"),
        ("Directory", shortened(fabric.gitops_directory, 40)),
        ("Commit", shortened(fabric.desired_state_commit, 13)),
        ("Definitions", _definitions(fabric)),
    ]


def _definitions(fabric: HedgehogFabric) -> SafeString | str:
    """Here, too: a fabric that only warns is silently not checked while they are unusable."""
    source = fabric.schema_source
    if source is None or fabric.schema_mode == SchemaMode.OFF:
        return "not checked"
    return format_html("{} {}", link_to(source), state_of(source))


def _held(fabric: HedgehogFabric) -> dict[str, Any] | None:
    held = HeldChange.objects.filter(fabric=fabric).first()
    return {"change": held, **_lines(held.record)} if held else None


def _lines(record: Any) -> dict[str, Any]:
    """The beginning of a record; the page of its run or held change has all of it."""
    lines = list(islice(record_lines(record), LINES_SHOWN + 1))
    return {"lines": as_changes(lines[:LINES_SHOWN]), "is_cut": len(lines) > LINES_SHOWN}


def _kinds(fabric: HedgehogFabric) -> list[SafeString]:
    """Counted through the index of their identity, which begins with fabric and kind."""
    counts = FabricResource.objects.filter(fabric=fabric).order_by("kind").values_list("kind").annotate(Count("pk"))
    return [
        link_to_list(FabricResource, f"{kind} {count:,}", fabric__id__exact=fabric.pk, kind=kind)
        for kind, count in counts
    ]


def _runs(fabric: HedgehogFabric, now: datetime) -> list[dict[str, Any]]:
    """The newest, and before it those that were not without any news."""
    runs = fabric.sync_runs.all()
    newest = list(runs[:1])
    eventful = [run for run in runs.exclude(status=RunStatus.UNCHANGED)[:RUNS_SHOWN] if run not in newest]
    return [
        {
            "run": run,
            "started": moment(run.started_at, now),
            "label": badge(run.status, run.get_status_display(), RUN_COLOURS),
            "took": duration(run.duration_seconds) if run.duration_seconds >= 1 else f"{run.duration_seconds:.2f} s",
            "changed": bool(run.created or run.updated or run.deleted),
        }
        for run in newest + eventful
    ]


def _findings(fabric: HedgehogFabric) -> dict[str, Any]:
    counts = dict(fabric.findings.order_by().values_list("severity").annotate(Count("pk")))
    shown = fabric.findings.order_by("pk")[:FINDINGS_SHOWN] if counts else ()
    return {
        "counts": [
            link_to_list(
                FabricFinding,
                f"{counts[severity]:,} {severity.label}{'' if counts[severity] == 1 else 's'}",
                fabric__id__exact=fabric.pk,
                severity__exact=severity.value,
            )
            for severity in FindingSeverity
            if severity in counts
        ],
        "first": [(badge(each.severity, each.get_severity_display(), SEVERITY_COLOURS), each) for each in shown],
    }
