"""netbox-hedgehog: an always fresh database copy of Hedgehog fabrics.

The Celery app is imported here so that `celery -A netbox_hedgehog` and `shared_task` find it.
"""

from netbox_hedgehog.celery import app as celery_app

__all__ = ["celery_app"]
