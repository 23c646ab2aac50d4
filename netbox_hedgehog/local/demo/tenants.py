"""VPCs, the servers attached to them, their peerings, and the networks outside."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from netbox_hedgehog.local.demo.cabling import ServerConnection
from netbox_hedgehog.local.demo.documents import Document, vpc, wiring
from netbox_hedgehog.local.demo.plans import Plan

# Hedgehog allows VPC names of at most 11 characters.
NAMES: Final = (
    "web", "payments", "analytics", "backup", "build", "staging", "voice", "video",
    "search", "mail", "identity", "metrics", "iot", "research", "training", "guests",
)  # fmt: skip
PROVIDER_ASN: Final = 64500
FIRST_VLAN: Final = 1000


def namespaces(plan: Plan) -> list[Document]:
    """The VLANs and addresses that VPCs may use."""
    return [
        wiring("VLANNamespace", "default", {"ranges": [{"from": FIRST_VLAN, "to": 2999}]}),
        vpc("IPv4Namespace", "default", {"subnets": [f"10.{_second_octet(plan)}.0.0/16"]}),
    ]


def network(plan: Plan, name: str, number: int, *, with_storage: bool) -> Document:
    """A VPC: one subnet with DHCP and, for some, an isolated one for storage."""
    prefix = f"10.{_second_octet(plan)}.{number}"
    subnets: dict[str, Any] = {
        "default": {
            "subnet": f"{prefix}.0/24",
            "gateway": f"{prefix}.1",
            "vlan": FIRST_VLAN + number,
            "dhcp": {
                "enable": True,
                "range": {"start": f"{prefix}.10", "end": f"{prefix}.199"},
                "options": {
                    "dnsServers": ["10.99.0.53"],
                    "timeServers": ["10.99.0.123"],
                    "interfaceMTU": 9036,
                    "leaseTimeSeconds": 3600,
                },
            },
        }
    }
    if with_storage:
        storage = f"10.{_second_octet(plan)}.{100 + number}"
        subnets["storage"] = {
            "subnet": f"{storage}.0/24",
            "gateway": f"{storage}.1",
            "vlan": FIRST_VLAN + 100 + number,
            "isolated": True,
            "restricted": True,
        }
    return vpc("VPC", name, {"ipv4Namespace": "default", "vlanNamespace": "default", "subnets": subnets})


def attachment(connection: str, name: str, subnet: str) -> Document:
    """A VPC's subnet on the ports of one connection."""
    return vpc(
        "VPCAttachment",
        f"{connection.split('--', 1)[0]}--{name}--{subnet}",
        {"connection": connection, "subnet": f"{name}/{subnet}", "nativeVLAN": subnet == "default"},
    )


def vpc_files(plan: Plan, connections: list[ServerConnection]) -> dict[str, list[Document]]:
    """One file for each VPC with its attachments, as teams would keep them; servers are dealt in turn."""
    files: dict[str, list[Document]] = {}
    for number, name in enumerate(NAMES[: plan.vpcs], start=1):
        mine = connections[number - 1 :: plan.vpcs]
        has_storage = number % 2 == 0
        files[f"vpcs/{name}.yaml"] = [
            network(plan, name, number, with_storage=has_storage),
            *(attachment(connection.name, name, "default") for connection in mine),
            *(attachment(connection.name, name, "storage") for connection in mine[:2] if has_storage),
        ]
    return files


def peerings(plan: Plan) -> list[Document]:
    """Every other pair of neighbouring VPCs may talk; where there is a storage subnet, it stays out."""
    return [
        vpc(
            "VPCPeering",
            f"{one}--{other}",
            {"permit": [{one: {"subnets": ["default"]}, other: {"subnets": ["default"]}}]},
        )
        for one, other in list(pairwise(NAMES[: plan.vpcs]))[::2]
    ]


def externals(plan: Plan, connections: list[Document]) -> list[Document]:
    """A provider behind each border leaf, reached over BGP, and the first VPCs' way out through the first."""
    documents: list[Document] = []
    for number, connection in enumerate(connections, start=1):
        provider = f"provider-{number}"
        documents += [
            vpc(
                "External",
                provider,
                {
                    "ipv4Namespace": "default",
                    "inboundCommunity": f"{PROVIDER_ASN + number}:5000",
                    "outboundCommunity": f"50000:{50000 + number}",
                },
            ),
            vpc(
                "ExternalAttachment",
                f"{connection['metadata']['name'].split('--', 1)[0]}--{provider}",
                {
                    "connection": connection["metadata"]["name"],
                    "external": provider,
                    "neighbor": {"asn": PROVIDER_ASN + number, "ip": f"100.64.{number}.2"},
                    "switch": {"ip": f"100.64.{number}.1/24", "vlan": 100 + number},
                },
            ),
        ]
    return documents + [
        vpc(
            "ExternalPeering",
            f"{name}--provider-1",
            {
                "permit": {
                    "external": {"name": "provider-1", "prefixes": [{"prefix": "0.0.0.0/0"}]},
                    "vpc": {"name": name, "subnets": ["default"]},
                }
            },
        )
        for name in NAMES[: max(1, plan.vpcs // 3)]
    ]


def _second_octet(plan: Plan) -> int:
    return 10 + plan.number
