"""A whole demo fabric as the files of its GitOps directory. Pure: the same plan gives the same bytes."""

from __future__ import annotations

from netbox_hedgehog.local.demo import cabling, switches, tenants
from netbox_hedgehog.local.demo.documents import Document, to_yaml
from netbox_hedgehog.local.demo.edits import loan
from netbox_hedgehog.local.demo.plans import CHANGING, Plan

type Files = dict[str, bytes]


def directory(plan: Plan) -> str:
    """Where in its repository the fabric's manifests are."""
    return f"fabrics/{plan.name}"


def files(plan: Plan) -> Files:
    """Path in the repository → content, for the first commit."""
    tree = {f"{directory(plan)}/{path}": to_yaml(documents) for path, documents in _documents(plan).items()}
    if plan is CHANGING:
        tree |= loan(directory(plan), 0)
    return {"README.md": _readme(plan), **tree}


def _documents(plan: Plan) -> dict[str, list[Document]]:
    built = switches.build(plan)
    links = cabling.fabric_links(plan, built)
    domains = cabling.mclag_domains(built)
    loopbacks = cabling.vpc_loopbacks(built)
    servers = cabling.servers(plan, built)
    outside = cabling.externals(built)
    documents = {
        "wiring/namespaces.yaml": tenants.namespaces(plan),
        "wiring/switches.yaml": switches.groups(built) + switches.documents(plan, built),
        "wiring/servers.yaml": cabling.server_documents(plan, servers),
        "wiring/connections/fabric.yaml": links + domains,
        "wiring/connections/loopback.yaml": loopbacks,
        "wiring/connections/servers.yaml": [server.connection for server in servers],
        "wiring/connections/external.yaml": outside + cabling.static_externals(built),
        **tenants.vpc_files(plan, servers),
        "vpcs/peerings.yaml": tenants.peerings(plan),
        "externals.yaml": tenants.externals(plan, outside),
    }
    return {path: found for path, found in documents.items() if found}


def _readme(plan: Plan) -> bytes:
    return (
        f"# {plan.name}\n\nA made-up Hedgehog fabric for trying netbox-hedgehog out. The manifests are in\n"
        f"`{directory(plan)}`; clone, edit, commit and push, and watch the next sync.\n"
    ).encode()
