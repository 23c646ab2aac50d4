"""What the checks need to know of one resource; small, and found without looking at any other resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from netbox_hedgehog.manifests.problem import FieldPath
    from netbox_hedgehog.manifests.resource import ResourceKey
    from netbox_hedgehog.manifests.spans import Span


class Mention(NamedTuple):
    """A field that names a resource of kind ``target``."""

    field: FieldPath
    target: str
    name: str


class SubnetMention(NamedTuple):
    """A field that names a subnet of a VPC."""

    field: FieldPath
    vpc: str
    subnet: str


class Claim(NamedTuple):
    """Something that only one may have, such as a port: two equal keys under one ``code`` are a conflict."""

    code: str
    key: tuple[str, ...]
    field: FieldPath
    text: str


class Flaw(NamedTuple):
    """What is wrong with the resource as it stands."""

    code: str
    field: FieldPath
    message: str


class Facts(NamedTuple):
    """One resource as the checks see it; every field path is one within ``spec``.

    ``subnets`` are the names of a VPC's own. ``prefixes`` and ``vlans`` are what a VPC uses or a namespace offers.
    ``traits`` are a connection's types, or a switch's type and group of redundancy.
    """

    key: ResourceKey
    path: str
    line: int
    mentions: tuple[Mention, ...] = ()
    subnet_mentions: tuple[SubnetMention, ...] = ()
    claims: tuple[Claim, ...] = ()
    subnets: frozenset[str] = frozenset()
    prefixes: tuple[Span, ...] = ()
    vlans: tuple[Span, ...] = ()
    traits: tuple[str, ...] = ()
    flaws: tuple[Flaw, ...] = ()

    @property
    def kind(self) -> str:
        return self.key[1]

    @property
    def namespace(self) -> str:
        return self.key[2]

    @property
    def name(self) -> str:
        return self.key[3]

    def says_the_same_as(self, other: Facts) -> bool:
        """Whether the checks see no difference but the place."""
        return self._replace(path=other.path, line=other.line) == other

    def named(self, target: str) -> list[str]:
        """The names of the resources of one kind that this one mentions, each once."""
        names = [mention.name for mention in self.mentions if mention.target == target]
        return list(dict.fromkeys(names)) if len(names) > 1 else names
