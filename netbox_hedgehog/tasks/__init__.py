"""The Celery tasks; imported here because autodiscovery looks no deeper than this module."""

from netbox_hedgehog.tasks.git_sync_tasks import (
    git_sync_fabric,
    periodic_fabric_sync_scheduler,
    prune_history,
)

__all__ = ["git_sync_fabric", "periodic_fabric_sync_scheduler", "prune_history"]
