"""A resource to its facts."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from netbox_hedgehog.manifests.facts import Claim, Facts, Flaw, Mention, SubnetMention
from netbox_hedgehog.manifests.fields import steps_of, value_beside, values_at
from netbox_hedgehog.manifests.problem import quoted, shown
from netbox_hedgehog.manifests.rules import (
    CONNECTIONS,
    EXTERNAL_PEER,
    GROUPS,
    REFERENCES_BELOW,
    SUBNET_REFERENCES_OF,
    SUPPLIED_NAME,
    Form,
    Reference,
    SubnetReference,
)
from netbox_hedgehog.manifests.spans import LAST_VLAN, Span, Unreadable, ipv4_span, vlan_range_span, vlan_span

if TYPE_CHECKING:
    from collections.abc import Callable

    from netbox_hedgehog.manifests.problem import FieldPath
    from netbox_hedgehog.manifests.resource import Resource

# Several times what the largest real resource has; a hostile file could hold a hundred thousand.
MOST_OF_ONE_SORT: Final = 500

_MOST_SHOWN: Final = 5
_LAST_ASN: Final = 2**32 - 1
_NO_RULES: Final[dict[str, tuple[Reference, ...]]] = {}
_VPC_SUBNETS: Final = steps_of("subnets{}")
_IPV4_RANGES: Final = steps_of("subnets[]")
_VLAN_RANGES: Final = steps_of("ranges[]")


def facts_of(resource: Resource) -> Facts | None:
    """The facts of one resource, or None if no check looks at its kind. Bad values become flaws; nothing is raised."""
    if GROUPS.get(resource.kind) != resource.api_version.partition("/")[0]:
        return None
    reader = _Reader(resource)
    reader.read()
    return Facts(
        resource.key,
        resource.path,
        resource.line,
        tuple(reader.mentions),
        tuple(reader.subnet_mentions),
        tuple(reader.claims),
        frozenset(reader.subnets),
        tuple(reader.prefixes),
        tuple(reader.vlans),
        tuple(reader.traits),
        tuple(reader.flaws),
    )


class _Reader:
    """Reads one spec, collecting on the way."""

    def __init__(self, resource: Resource) -> None:
        self._kind = resource.kind
        self._name = resource.name
        self._spec = resource.spec
        self.mentions: list[Mention] = []
        self.subnet_mentions: list[SubnetMention] = []
        self.claims: list[Claim] = []
        self.subnets: list[str] = []
        self.prefixes: list[Span] = []
        self.vlans: list[Span] = []
        self.traits: list[str] = []
        self.flaws: list[Flaw] = []

    def read(self) -> None:
        for step, rules in REFERENCES_BELOW.get(self._kind, _NO_RULES).items():
            if step in self._spec or rules[0].default:  # which is the only rule of its field
                for rule in rules:
                    self._read_references(rule)
        for subnet_rule in SUBNET_REFERENCES_OF.get(self._kind, ()):
            self._read_subnet_references(subnet_rule)
        if read := _READERS.get(self._kind):
            read(self)

    def _read_references(self, rule: Reference) -> None:
        found = values_at(self._spec, rule.steps)
        if not found and rule.default:
            self.mentions.append(Mention((rule.field.removesuffix("[]"),), rule.target, rule.default))
        for field, value in self._some(found):
            # An empty name stands for none, as it does to Kubernetes.
            if value != "" and self._is_text(field, value):
                self._mention(rule, field, value)

    def _read_subnet_references(self, rule: SubnetReference) -> None:
        for field, value in self._some(values_at(self._spec, rule.steps)):
            vpc = value_beside(self._spec, rule.vpc_steps, field) if rule.vpc else self._name
            if self._is_text(field, value) and isinstance(vpc, str):
                self.subnet_mentions.append(SubnetMention(field, vpc, value))

    def _mention(self, rule: Reference, field: FieldPath, value: str) -> None:
        form = rule.form
        if form is Form.PORT:
            self._mention_port(rule, field, value)
        elif form is Form.NAME:
            self.mentions.append(Mention(field, rule.target, value))
        elif form is Form.SUBNET:
            self._mention_subnet(rule, field, value)
        else:
            name = value.removeprefix(EXTERNAL_PEER)
            self.mentions.append(Mention(field, rule.target if name == value else "External", name))

    def _mention_port(self, rule: Reference, field: FieldPath, value: str) -> None:
        device, _, port = value.partition("/")
        if not device or not port:
            self._flaw("reference.malformed", field, f"must be {rule.target.lower()}/port, not {shown(value)}")
            return
        self.mentions.append(Mention(field, rule.target, device))
        # E1/4 is another name of E1/4/1 once the port is broken out, and names nothing else otherwise.
        whole = f"{port}/1" if port.count("/") == 1 else port
        self.claims.append(Claim("port.in_use", (rule.target, device, whole), field, f"port {value}"))

    def _mention_subnet(self, rule: Reference, field: FieldPath, value: str) -> None:
        vpc, _, subnet = value.partition("/")
        if not vpc:
            self._flaw("reference.malformed", field, f"must be vpc/subnet, not {shown(value)}")
            return
        self.mentions.append(Mention(field, rule.target, vpc))
        self.subnet_mentions.append(SubnetMention(field, vpc, subnet or SUPPLIED_NAME))

    def _is_text(self, field: FieldPath, value: Any) -> bool:
        if not isinstance(value, str):
            self._flaw("reference.malformed", field, f"must be a name, not {shown(value)}")
            return False
        return True

    def _some[T](self, found: list[tuple[FieldPath, T]]) -> list[tuple[FieldPath, T]]:
        """What is looked at of the values at one path; that there are more is a flaw."""
        if len(found) <= MOST_OF_ONE_SORT:
            return found
        self._flaw(
            "reference.too_many",
            found[MOST_OF_ONE_SORT][0],
            f"{len(found)} values stand here; those after the first {MOST_OF_ONE_SORT} are not checked",
        )
        return found[:MOST_OF_ONE_SORT]

    def _flaw(self, code: str, field: FieldPath, message: str) -> None:
        if len(self.flaws) < MOST_OF_ONE_SORT:
            self.flaws.append(Flaw(code, field, message))

    def _text(self, *field: str) -> str:
        value = value_beside(self._spec, field, ())
        return value if isinstance(value, str) else ""

    def _named(self, target: str) -> str:
        for mention in self.mentions:
            if mention.target == target:
                return mention.name
        return ""

    def _claim(self, code: str, key: tuple[str, ...], field: FieldPath, text: str) -> None:
        if "" not in key:  # what is not given is not used
            self.claims.append(Claim(code, key, field, text))

    def _claim_text(self, *field: str) -> None:
        value = self._text(*field)
        self._claim("address.in_use", (field[-1], value.lower()), field, value)

    def _span(self, code: str, read: Callable[[FieldPath, Any], Span], field: FieldPath, value: Any) -> list[Span]:
        """One span, or none where the value cannot be read as one."""
        try:
            return [read(field, value)]
        except Unreadable as error:
            self._flaw(code, field, f"is missing; it {error}" if value is None else f"{error}, not {shown(value)}")
            return []

    def read_connection(self) -> None:
        self.traits = sorted(kind for kind in CONNECTIONS.intersection(self._spec) if self._spec[kind] is not None)
        if len(self.traits) > 1 or not self._spec:
            types = ", ".join(self.traits) or "none"
            self._flaw("connection.type", (), f"a connection has exactly one type; this one has {types}")
        elif not self.traits:  # a later version of Hedgehog may have more
            fields = ", ".join(map(quoted, islice(self._spec, _MOST_SHOWN)))
            self._flaw("connection.unknown_type", (), f"none of its fields is a type that is known here: {fields}")

    def read_switch(self) -> None:
        kind = self._text("redundancy", "type")
        self.traits = [kind, self._text("redundancy", "group")]
        self._claim_text("ip")
        self._claim_text("protocolIP")
        self._claim_text("boot", "serial")
        self._claim_text("boot", "mac")
        asn = self._spec.get("asn")
        # The switches of an MCLAG pair share one VTEP and one AS number on purpose, and so do spines their AS number.
        if kind != "mclag":
            self._claim_text("vtepIP")
        if kind != "mclag" and self._text("role").endswith("-leaf") and type(asn) is int and 0 < asn <= _LAST_ASN:
            self._claim("asn.in_use", (str(asn),), ("asn",), f"AS number {asn}")

    def read_gateway(self) -> None:
        self._claim_text("protocolIP")
        self._claim_text("vtepIP")

    def read_vpc(self) -> None:
        for (*_, name), subnet in self._some(values_at(self._spec, _VPC_SUBNETS)):
            if isinstance(subnet, dict):
                self.subnets.append(str(name))
                self._read_subnet(str(name), subnet)

    def _read_subnet(self, name: str, subnet: dict[str, Any]) -> None:
        field = ("subnets", name)
        self.prefixes += self._span("subnet.malformed", ipv4_span, (*field, "subnet"), subnet.get("subnet"))
        vlan = subnet.get("vlan")
        # Subnets of hosts that speak BGP need no VLAN.
        if not vlan and subnet.get("hostBGP") is True:
            return
        self.vlans += self._span("vlan.malformed", vlan_span, (*field, "vlan"), vlan)

    def read_ipv4_namespace(self) -> None:
        for field, value in self._some(values_at(self._spec, _IPV4_RANGES)):
            self.prefixes += self._span("subnet.malformed", ipv4_span, field, value)

    def read_vlan_namespace(self) -> None:
        for field, value in self._some(values_at(self._spec, _VLAN_RANGES)):
            self.vlans += self._span("vlan.malformed", vlan_range_span, field, value)

    def read_vpc_attachment(self) -> None:
        connection = self._named("Connection")
        for field, vpc, subnet in self.subnet_mentions:
            text = f"subnet {vpc}/{subnet} on {connection}"
            self._claim("attachment.duplicate", (connection, vpc, subnet), field, text)
        if self._spec.get("nativeVLAN") is True:
            self._claim("attachment.native_vlan", (connection,), ("nativeVLAN",), f"the native VLAN of {connection}")

    def read_external_attachment(self) -> None:
        connection = self._named("Connection")
        part = "static" if isinstance(self._spec.get("static"), dict) else "switch"
        vlan = value_beside(self._spec, (part, "vlan"), ()) or 0
        if type(vlan) is int and 0 <= vlan <= LAST_VLAN:
            text = f"VLAN {vlan} of {connection}" if vlan else f"{connection} without a VLAN"
            self._claim("attachment.vlan_in_use", (connection, str(vlan)), (part, "vlan"), text)


_READERS: Final[dict[str, Callable[[_Reader], None]]] = {
    "Connection": _Reader.read_connection,
    "ExternalAttachment": _Reader.read_external_attachment,
    "Gateway": _Reader.read_gateway,
    "IPv4Namespace": _Reader.read_ipv4_namespace,
    "Switch": _Reader.read_switch,
    "VLANNamespace": _Reader.read_vlan_namespace,
    "VPC": _Reader.read_vpc,
    "VPCAttachment": _Reader.read_vpc_attachment,
}
