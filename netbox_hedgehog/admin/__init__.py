"""The admin pages; Django's autodiscovery imports this package, and each module registers its own pages."""

from netbox_hedgehog.admin import deleting, fabric, finding, held, repository, resource, runs, schedule, schema, users

__all__ = ["deleting", "fabric", "finding", "held", "repository", "resource", "runs", "schedule", "schema", "users"]
