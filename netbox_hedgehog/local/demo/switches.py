"""The switches of a plan, with addresses and AS numbers in the ranges that Hedgehog's own tools give out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from netbox_hedgehog.local.demo.documents import Document, wiring
from netbox_hedgehog.local.demo.plans import Hardware, Plan, Redundancy

type Role = Literal["spine", "server-leaf", "border-leaf"]

SPINE_ASN: Final = 65100
FIRST_LEAF_ASN: Final = 65101


@dataclass
class Switch:
    """A switch and the ports that nothing is plugged into yet."""

    name: str
    role: Role
    hardware: Hardware
    asn: int
    index: int
    vtep: int = 0
    redundancy: Redundancy | None = None
    groups: tuple[str, ...] = ()
    _free: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._free = {"down": list(self.hardware.down), "up": list(self.hardware.up)}

    def take(self, use: Literal["down", "up"]) -> str:
        """The full name of the next free port, which is free no longer."""
        return f"{self.name}/{self._free[use].pop(0)}"


def build(plan: Plan) -> list[Switch]:
    """All switches: spines, leaves in redundant pairs, borders."""
    spines = [
        Switch(f"spine-{number:02}", "spine", plan.spine, SPINE_ASN, number, groups=("spines",))
        for number in range(1, plan.spines + 1)
    ]
    leaves = [
        leaf
        for pair, redundancy in enumerate(plan.pairs)
        for leaf in _pair(plan, 2 * pair + 1, redundancy, f"{redundancy}-{pair + 1}")
    ]
    borders = [_border(plan, number, len(leaves)) for number in range(1, plan.borders + 1)]
    return [*spines, *leaves, *borders]


def documents(plan: Plan, switches: list[Switch]) -> list[Document]:
    """The Switch documents of the fabric."""
    return [wiring("Switch", switch.name, _spec(plan, switch), role=switch.role) for switch in switches]


def groups(switches: list[Switch]) -> list[Document]:
    """Each group that a switch names."""
    names = dict.fromkeys(name for switch in switches for name in switch.groups)
    return [wiring("SwitchGroup", name, {}) for name in names]


def _pair(plan: Plan, first: int, redundancy: Redundancy, group: str) -> list[Switch]:
    """Two leaves that back each other up; an MCLAG pair acts as one switch and shares AS number and VTEP."""
    return [
        Switch(
            f"leaf-{number:02}",
            "server-leaf",
            plan.leaf,
            FIRST_LEAF_ASN + logical - 1,
            plan.spines + number,
            vtep=logical,
            redundancy=redundancy,
            groups=(group,),
        )
        for number in (first, first + 1)
        for logical in [first if redundancy == "mclag" else number]
    ]


def _border(plan: Plan, number: int, leaves: int) -> Switch:
    position = leaves + number
    return Switch(
        f"border-{number:02}",
        "border-leaf",
        plan.leaf,
        FIRST_LEAF_ASN + position - 1,
        plan.spines + position,
        vtep=position,
        groups=("border",),
    )


def _spec(plan: Plan, switch: Switch) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "role": switch.role,
        "description": f"{plan.name}, rack {(switch.index + 1) // 2}, {switch.role} {switch.name}",
        "profile": switch.hardware.profile,
        "boot": {
            "mac": f"0c:20:12:{plan.number:02x}:{switch.index:02x}:00",
            "serial": f"DEMO{plan.number:02}{switch.index:04}",
        },
        "asn": switch.asn,
        "ip": f"172.30.0.{7 + switch.index}/21",
        "protocolIP": f"172.30.8.{switch.index}/32",
        "groups": list(switch.groups),
        "vlanNamespaces": ["default"],
    }
    if switch.vtep:
        spec["vtepIP"] = f"172.30.12.{switch.vtep}/32"
    if switch.redundancy:
        spec["redundancy"] = {"group": switch.groups[0], "type": switch.redundancy}
    if switch.hardware.breakouts:
        spec["portBreakouts"] = dict(switch.hardware.breakouts)
    if switch.role == "server-leaf" and switch.hardware.group_speeds:
        spec["portGroupSpeeds"] = dict(switch.hardware.group_speeds)
    return spec
