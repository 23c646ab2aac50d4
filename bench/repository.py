"""The repository that syncs are measured with: a large fabric, a Git server of its own process, and commits to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from netbox_hedgehog.local.demo.documents import Document, to_yaml, vpc, wiring

DOCUMENTS_PER_FILE: Final = 3
_SERVERS_PER_LEAF: Final = 40
_NAME: Final = "fabric.git"


def files(count: int, revision: int = 0) -> dict[str, bytes]:
    """``count`` files with three documents each; ``revision`` changes every document."""
    leaves = -(-count // _SERVERS_PER_LEAF)
    tree = {"namespaces.yaml": to_yaml(_namespaces(revision))}
    tree |= {leaf_path(number): leaf_file(number, revision) for number in range(leaves)}
    tree |= {server_path(number): server_file(number, revision) for number in range(count - leaves - 1)}
    return tree


def in_few_files(count: int, few: int) -> dict[str, bytes]:
    """The documents of ``files(count)`` in ``few`` files of about the same size."""
    each = list(files(count).values())
    return {f"part-{number:03}.yaml": b"".join(each[number::few]) for number in range(few)}


def leaf_path(number: int) -> str:
    """Where one leaf's documents are."""
    return f"leaves/leaf-{number:03}.yaml"


def leaf_file(number: int, revision: int) -> bytes:
    """One leaf's documents, all three changed by ``revision``; also its VPC's VLAN, which the checks look at."""
    return to_yaml(_leaf(number, revision))


def server_path(number: int) -> str:
    """Where one server's documents are."""
    return f"servers/server-{number:04}.yaml"


def server_file(number: int, revision: int) -> bytes:
    """One server's documents, all three changed by ``revision``."""
    return to_yaml(_server(number, revision))


def _namespaces(revision: int) -> list[Document]:
    label = str(revision)
    return [
        wiring("VLANNamespace", "default", {"ranges": [{"from": 1000, "to": 2999}]}, revision=label),
        vpc("IPv4Namespace", "default", {"subnets": ["10.0.0.0/8"]}, revision=label),
        wiring("SwitchGroup", "racks", {}, revision=label),
    ]


def _leaf(number: int, revision: int) -> list[Document]:
    switch = {
        "role": "server-leaf",
        "description": f"Rack {number}, revision {revision}",
        "profile": "dell-s5248f-on",
        "asn": 65101 + number,
        "ip": f"172.30.{number // 250}.{number % 250 + 1}/21",
        "protocolIP": f"172.30.{8 + number // 250}.{number % 250 + 1}/32",
        "vtepIP": f"172.30.{12 + number // 250}.{number % 250 + 1}/32",
        "boot": {"mac": f"0c:20:12:fe:{number // 250:02x}:{number % 250:02x}"},
        "portBreakouts": {f"E1/{port}": "4x25G" for port in range(49, 57)},
    }
    subnet = {
        "subnet": f"10.{number // 250}.{number % 250}.0/24",
        "gateway": f"10.{number // 250}.{number % 250}.1",
        "vlan": 1000 + number + 100 * (revision % 5),
        "dhcp": {"enable": True, "options": {"interfaceMTU": 9036, "leaseTimeSeconds": 3600 + revision}},
    }
    network = {"ipv4Namespace": "default", "vlanNamespace": "default", "subnets": {"default": subnet}}
    ends = {f"switch{end}": {"port": f"leaf-{number:03}/E1/49/{end}"} for end in (1, 2)}
    loopback = {"vpcLoopback": {"links": [ends]}}
    return [
        wiring("Switch", f"leaf-{number:03}", switch),
        wiring("Connection", f"leaf-{number:03}--vpc-loopback", loopback, revision=str(revision)),
        vpc("VPC", f"vpc-{number:03}", network),
    ]


def _server(number: int, revision: int) -> list[Document]:
    server, leaf = f"server-{number:04}", number // _SERVERS_PER_LEAF
    connection = f"{server}--unbundled--leaf-{leaf:03}"
    link = {
        "server": {"port": f"{server}/enp2s1"},
        "switch": {"port": f"leaf-{leaf:03}/E1/{number % _SERVERS_PER_LEAF + 1}"},
    }
    attachment = {"connection": connection, "subnet": f"vpc-{leaf:03}/default", "nativeVLAN": True}
    return [
        wiring("Server", server, {"description": f"Hypervisor {number}, revision {revision}"}, rack=f"rack-{leaf}"),
        wiring("Connection", connection, {"unbundled": {"link": link, "mtu": 9036 - revision}}),
        vpc("VPCAttachment", f"{server}--vpc-{leaf:03}", attachment, revision=str(revision)),
    ]


@contextmanager
def served(root: Path) -> Iterator[str]:
    """A Git server for ``root`` in a process of its own, so that it takes no time from whom it serves; its URL."""
    command = [sys.executable, "-m", "bench.repository", str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()


def commit(root: Path, changes: dict[str, bytes]) -> str:
    """Commit to the repository below ``root``; the commit's id."""
    from tests.support.git_server import commit_files  # noqa: PLC0415 - only where the tests are

    return commit_files(root / _NAME, changes, "a change")


def _serve(root: Path) -> None:
    from tests.support.git_server import GitServer  # noqa: PLC0415 - only where the tests are

    with GitServer(root) as server:
        print(server.url(_NAME), flush=True)
        sys.stdin.read()  # until whoever started this has gone


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
