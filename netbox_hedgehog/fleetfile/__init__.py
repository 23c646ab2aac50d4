"""The fleet as a file: repositories, schema sources and fabrics in YAML, to be kept in Git, imported and exported."""

from netbox_hedgehog.fleetfile.apply import apply
from netbox_hedgehog.fleetfile.kinds import API_VERSION, KINDS, Kind
from netbox_hedgehog.fleetfile.plan import Change, Plan, Prune, make_plan
from netbox_hedgehog.fleetfile.read import MAX_BYTES, Entry, doubled, read
from netbox_hedgehog.fleetfile.write import Written, write

__all__ = [
    "API_VERSION",
    "KINDS",
    "MAX_BYTES",
    "Change",
    "Entry",
    "Kind",
    "Plan",
    "Prune",
    "Written",
    "apply",
    "doubled",
    "make_plan",
    "read",
    "write",
]
