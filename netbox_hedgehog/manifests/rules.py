"""What the cross-resource checks look at: who refers to whom, and what each finding's code stands for.

The rules follow the admission webhooks of Hedgehog's fabric controller (``api/*/v1beta1/*_types.go`` of
github.com/githedgehog/fabric), which see the same resources only once they are applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import groupby
from typing import Final

from netbox_hedgehog.manifests.fields import Steps, steps_of
from netbox_hedgehog.manifests.finding import Severity

CODES: Final[dict[str, Severity]] = {
    "reference.missing": Severity.ERROR,
    "reference.subnet_missing": Severity.ERROR,
    "reference.malformed": Severity.ERROR,
    "reference.unverified": Severity.WARNING,
    "reference.too_many": Severity.WARNING,
    "connection.type": Severity.ERROR,
    "connection.unknown_type": Severity.WARNING,
    "connection.redundancy": Severity.ERROR,
    "port.in_use": Severity.ERROR,
    "address.in_use": Severity.ERROR,
    "asn.in_use": Severity.ERROR,
    "attachment.duplicate": Severity.ERROR,
    "attachment.native_vlan": Severity.ERROR,
    "attachment.vlan_in_use": Severity.ERROR,
    "attachment.connection_type": Severity.ERROR,
    "attachment.vlan_namespace": Severity.ERROR,
    "peering.namespace": Severity.ERROR,
    "subnet.malformed": Severity.ERROR,
    "subnet.outside_namespace": Severity.ERROR,
    "subnet.overlap": Severity.ERROR,
    "vlan.malformed": Severity.ERROR,
    "vlan.outside_namespace": Severity.ERROR,
    "vlan.in_use": Severity.ERROR,
    "namespace.overlap": Severity.ERROR,
}
"""Every code that the checks report, and how bad it is: an error is what Hedgehog refuses or what cannot work."""

GROUPS: Final = {
    "Connection": "wiring.githedgehog.com",
    "External": "vpc.githedgehog.com",
    "ExternalAttachment": "vpc.githedgehog.com",
    "ExternalPeering": "vpc.githedgehog.com",
    "Gateway": "gateway.githedgehog.com",
    "GatewayGroup": "gateway.githedgehog.com",
    "GatewayPeering": "gateway.githedgehog.com",
    "IPv4Namespace": "vpc.githedgehog.com",
    "Server": "wiring.githedgehog.com",
    "ServerProfile": "wiring.githedgehog.com",
    "Switch": "wiring.githedgehog.com",
    "SwitchGroup": "wiring.githedgehog.com",
    "SwitchProfile": "wiring.githedgehog.com",
    "VLANNamespace": "wiring.githedgehog.com",
    "VPC": "vpc.githedgehog.com",
    "VPCAttachment": "vpc.githedgehog.com",
    "VPCPeering": "vpc.githedgehog.com",
}
"""The kinds that the checks know, each with its API group. Any version counts: to Kubernetes they are one object.

What controllers write (agents, catalogs, DHCP subnets, VPC infos) is not here: nobody keeps it in Git.
"""

CHECKED_KINDS: Final = frozenset(GROUPS)

ANY_NAMESPACE: Final = frozenset({"Gateway", "GatewayGroup"})
"""Kinds that are found by name alone, because Hedgehog keeps gateways and what refers to them in two namespaces."""

SUPPLIED_KINDS: Final = frozenset({"SwitchProfile", "ServerProfile"})
"""Kinds that Hedgehog brings along; one that is not in Git may well exist."""

SUPPLIED_NAME: Final = "default"
"""The name of the namespaces and the gateway group that an installation makes for itself."""

SERVER_CONNECTIONS: Final = frozenset({"unbundled", "bundled", "mclag", "eslag"})
EXTERNAL_CONNECTIONS: Final = frozenset({"external"})
SWITCH_CONNECTIONS: Final = frozenset({"fabric", "mesh", "gateway", "mclagDomain", "vpcLoopback", "staticExternal"})
CONNECTIONS: Final = SERVER_CONNECTIONS | EXTERNAL_CONNECTIONS | SWITCH_CONNECTIONS

REDUNDANT_CONNECTIONS: Final = {"mclag": "mclag", "mclagDomain": "mclag", "eslag": "eslag"}
"""Connections to several switches that act as one, and the redundancy that these need."""

EXTERNAL_PEER: Final = "ext."
"""What a gateway peering puts before the name of an external, to tell it from a VPC."""


class Form(Enum):
    """How a value names a resource."""

    NAME = "name"
    PORT = "device/port"
    SUBNET = "vpc/subnet"
    PEER = "the name of a VPC, or ext. and the name of an External"


@dataclass(frozen=True)
class Reference:
    """``field`` of ``kind``'s spec names a resource of kind ``target``; ``default`` is meant where it is absent."""

    kind: str
    field: str
    target: str
    form: Form = Form.NAME
    default: str = ""

    @cached_property
    def steps(self) -> Steps:
        return steps_of(self.field)


@dataclass(frozen=True)
class SubnetReference:
    """``field`` of ``kind``'s spec names a subnet of the VPC that ``vpc`` names: a path, or "" for the VPC itself."""

    kind: str
    field: str
    vpc: str

    @cached_property
    def steps(self) -> Steps:
        return steps_of(self.field)

    @cached_property
    def vpc_steps(self) -> Steps:
        return steps_of(self.vpc)


REFERENCES: Final = (
    Reference("Connection", "bundled.links[].server.port", "Server", Form.PORT),
    Reference("Connection", "bundled.links[].switch.port", "Switch", Form.PORT),
    Reference("Connection", "eslag.links[].server.port", "Server", Form.PORT),
    Reference("Connection", "eslag.links[].switch.port", "Switch", Form.PORT),
    Reference("Connection", "external.link.switch.port", "Switch", Form.PORT),
    Reference("Connection", "fabric.links[].leaf.port", "Switch", Form.PORT),
    Reference("Connection", "fabric.links[].spine.port", "Switch", Form.PORT),
    Reference("Connection", "gateway.links[].gateway.port", "Gateway", Form.PORT),
    Reference("Connection", "gateway.links[].switch.port", "Switch", Form.PORT),
    Reference("Connection", "mclag.links[].server.port", "Server", Form.PORT),
    Reference("Connection", "mclag.links[].switch.port", "Switch", Form.PORT),
    Reference("Connection", "mclagDomain.peerLinks[].switch1.port", "Switch", Form.PORT),
    Reference("Connection", "mclagDomain.peerLinks[].switch2.port", "Switch", Form.PORT),
    Reference("Connection", "mclagDomain.sessionLinks[].switch1.port", "Switch", Form.PORT),
    Reference("Connection", "mclagDomain.sessionLinks[].switch2.port", "Switch", Form.PORT),
    Reference("Connection", "mesh.links[].leaf1.port", "Switch", Form.PORT),
    Reference("Connection", "mesh.links[].leaf2.port", "Switch", Form.PORT),
    Reference("Connection", "staticExternal.link.switch.port", "Switch", Form.PORT),
    Reference("Connection", "staticExternal.withinVPC", "VPC"),
    Reference("Connection", "unbundled.link.server.port", "Server", Form.PORT),
    Reference("Connection", "unbundled.link.switch.port", "Switch", Form.PORT),
    Reference("Connection", "vpcLoopback.links[].switch1.port", "Switch", Form.PORT),
    Reference("Connection", "vpcLoopback.links[].switch2.port", "Switch", Form.PORT),
    Reference("External", "ipv4Namespace", "IPv4Namespace", default=SUPPLIED_NAME),
    Reference("ExternalAttachment", "connection", "Connection"),
    Reference("ExternalAttachment", "external", "External"),
    Reference("ExternalPeering", "permit.external.name", "External"),
    Reference("ExternalPeering", "permit.vpc.name", "VPC"),
    Reference("Gateway", "groups[].name", "GatewayGroup"),
    Reference("GatewayPeering", "gatewayGroup", "GatewayGroup", default=SUPPLIED_NAME),
    Reference("GatewayPeering", "peering{key}", "VPC", Form.PEER),
    Reference("Server", "profile", "ServerProfile"),
    Reference("Switch", "groups[]", "SwitchGroup"),
    Reference("Switch", "profile", "SwitchProfile"),
    Reference("Switch", "redundancy.group", "SwitchGroup"),
    Reference("Switch", "vlanNamespaces[]", "VLANNamespace", default=SUPPLIED_NAME),
    Reference("VPC", "ipv4Namespace", "IPv4Namespace", default=SUPPLIED_NAME),
    Reference("VPC", "subnets{}.dhcp.relayVPC", "VPC"),
    Reference("VPC", "vlanNamespace", "VLANNamespace", default=SUPPLIED_NAME),
    Reference("VPCAttachment", "connection", "Connection"),
    Reference("VPCAttachment", "subnet", "VPC", Form.SUBNET),
    Reference("VPCPeering", "permit[]{key}", "VPC"),
)

SUBNET_REFERENCES: Final = (
    SubnetReference("ExternalPeering", "permit.vpc.subnets[]", "permit.vpc.name"),
    SubnetReference("GatewayPeering", "peering{}.expose[].ips[].vpcSubnet", "peering{key}"),
    SubnetReference("VPC", "permit[][]", ""),
    SubnetReference("VPCPeering", "permit[]{}.subnets[]", "permit[]{key}"),
)

REFERENCES_OF: Final = {kind: tuple(rules) for kind, rules in groupby(REFERENCES, lambda rule: rule.kind)}
REFERENCES_BELOW: Final = {
    kind: {step: tuple(found) for step, found in groupby(rules, lambda rule: rule.steps[0])}
    for kind, rules in REFERENCES_OF.items()
}
"""By the field of the spec that they begin with: most of a connection's are for another type."""

SUBNET_REFERENCES_OF: Final = {rule.kind: (rule,) for rule in SUBNET_REFERENCES}


def kinds_naming(target: str) -> frozenset[str]:
    """The kinds whose fields may name a resource of kind ``target``."""
    return frozenset(
        rule.kind for rule in REFERENCES if rule.target == target or (target == "External" and rule.form is Form.PEER)
    )
