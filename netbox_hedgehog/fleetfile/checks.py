"""What the policy of this installation has against single values, before a sync fails on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from netbox_hedgehog.git import check_authorities, check_known_hosts
from netbox_hedgehog.models import SchemaSource
from netbox_hedgehog.models.repository import SECRETS
from netbox_hedgehog.sync.references import check_reference
from netbox_hedgehog.sync.schemas import folder_of
from netbox_hedgehog.sync.source import check_proxy_url, check_source_url

type Checks = dict[str, Callable[[str], object]]
"""By the field's name; each raises SyncError."""


def checks(now: datetime) -> Checks:
    """Those of all kinds: no two use one name for different things."""
    return {
        "url": check_source_url,
        "proxy_url": check_proxy_url,
        "ca_certificates": lambda pem: check_authorities(pem, now),
        "ssh_known_hosts": check_known_hosts,
        "local_folder": lambda folder: folder_of(SchemaSource(local_folder=folder)),
        **dict.fromkeys(_REFERENCES, check_reference),
    }


_REFERENCES: Final = tuple(f"{name}_reference" for name in SECRETS)
