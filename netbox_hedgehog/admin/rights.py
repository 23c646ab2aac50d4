"""Which permission opens which part of the fabrics' pages, once."""

from typing import Final

MAY_SYNC: Final = "netbox_hedgehog.sync_hedgehogfabric"
"""Ask for syncs, cancel them, preview, and set whether and how often a fabric is synced."""

MAY_DECIDE: Final = "netbox_hedgehog.change_heldchange"
"""Approve and reject held changes."""
