"""How big each demo fabric is and what hardware it is built of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

type Redundancy = Literal["mclag", "eslag"]


@dataclass(frozen=True)
class Hardware:
    """A switch model: the name of its profile and its ports by use, named as the profile names them."""

    profile: str
    down: tuple[str, ...]
    up: tuple[str, ...]
    breakouts: tuple[tuple[str, str], ...] = ()
    group_speeds: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Plan:
    """One fabric; without spines its leaves form a mesh."""

    name: str
    number: int
    spines: int
    links_per_spine: int
    pairs: tuple[Redundancy, ...]
    borders: int
    servers_per_leaf: int
    vpcs: int
    leaf: Hardware
    spine: Hardware


def _ports(first: int, last: int) -> tuple[str, ...]:
    return tuple(f"E1/{port}" for port in range(first, last + 1))


def _lanes(first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{port}/{lane}" for port in _ports(first, last) for lane in range(1, 5))


DELL_LEAF: Final = Hardware(
    "dell-s5248f-on", down=_ports(1, 48), up=_ports(49, 56), group_speeds=(("1", "10G"), ("2", "25G"))
)
DELL_SPINE: Final = Hardware("dell-s5232f-on", down=_ports(1, 32), up=())
CELESTICA_LEAF: Final = Hardware(
    "celestica-ds3000",
    down=_lanes(1, 12),
    up=_ports(17, 32),
    breakouts=tuple((port, "4x25G") for port in _ports(1, 12)),
)
CELESTICA_SPINE: Final = Hardware(
    "celestica-ds4000",
    down=_lanes(1, 16),
    up=(),
    breakouts=tuple((port, "4x100G") for port in _ports(1, 16)),
)

PLANS: Final = (
    Plan(
        name="dc-frankfurt",
        number=1,
        spines=4,
        links_per_spine=2,
        pairs=("eslag", "eslag", "eslag", "eslag", "eslag", "mclag"),
        borders=2,
        servers_per_leaf=8,
        vpcs=16,
        leaf=CELESTICA_LEAF,
        spine=CELESTICA_SPINE,
    ),
    Plan(
        name="dc-ashburn",
        number=2,
        spines=2,
        links_per_spine=1,
        pairs=("mclag", "eslag"),
        borders=1,
        servers_per_leaf=7,
        vpcs=6,
        leaf=DELL_LEAF,
        spine=DELL_SPINE,
    ),
    Plan(
        name="edge-lab",
        number=3,
        spines=0,
        links_per_spine=0,
        pairs=("eslag",),
        borders=1,
        servers_per_leaf=5,
        vpcs=3,
        leaf=DELL_LEAF,
        spine=DELL_SPINE,
    ),
)
CHANGING: Final = PLANS[-1]
