"""Register the demo's repositories and fabrics, without touching anything that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from django.db import transaction

from netbox_hedgehog.local.demo import repositories
from netbox_hedgehog.local.demo.fabrics import directory
from netbox_hedgehog.local.demo.plans import CHANGING, PLANS, Plan
from netbox_hedgehog.models import GitRepository, HedgehogFabric
from netbox_hedgehog.models.choices import FabricStatus

# Shorter than the 60 seconds between two ticks: with 60, the moment that a sync takes would make a fabric due just
# after the next tick, and so only at every other one.
SYNC_INTERVAL_SECONDS: Final = 30


def load(root: Path) -> list[str]:
    """Make what is missing of the demo; return the names of the fabrics that were registered now.

    A fabric whose name is taken, or whose repository is registered, is the operator's by now and left alone.
    """
    repositories.ensure(root)
    return [plan.name for plan in PLANS if _register(plan, repositories.path_of(root, plan).as_uri())]


@transaction.atomic
def _register(plan: Plan, url: str) -> bool:
    if (
        GitRepository.objects.filter(name=plan.name).exists()
        or GitRepository.objects.filter(url=url).exists()
        or HedgehogFabric.objects.filter(name=plan.name).exists()
    ):
        return False
    HedgehogFabric.objects.create(
        name=plan.name,
        description="Demo" + (", gets a new commit every minute" if plan is CHANGING else ""),
        status=FabricStatus.ACTIVE,
        sync_interval=SYNC_INTERVAL_SECONDS,
        git_repository=GitRepository.objects.create(name=plan.name, url=url, branch=repositories.BRANCH),
        gitops_directory=f"/{directory(plan)}",
    )
    return True
