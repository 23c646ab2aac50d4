from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from netbox_hedgehog.manifests import ManifestLimits, Resource, parse, to_resource

LIMITS = ManifestLimits()


def outcome(text: str, namespace: str = "default", **options: Any) -> Any:
    (document,), problems = parse(dedent(text).encode(), "d/a.yaml", LIMITS)
    assert problems == []
    return to_resource(document, namespace, **options)


def messages(text: str) -> list[str]:
    result = outcome(text)
    assert isinstance(result, list)
    return [str(problem) for problem in result]


def vpc(metadata: str = "name: vpc-1", api_version: str = "vpc.githedgehog.com/v1beta1", kind: str = "VPC") -> str:
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{{metadata}}}\n"


def test_a_resource_keeps_what_a_person_writes_and_drops_what_a_server_writes() -> None:
    result = outcome(
        """\
        # exported
        apiVersion: wiring.githedgehog.com/v1beta1
        kind: Server
        metadata:
          name: server-1
          namespace: lab
          uid: 5f0c
          resourceVersion: "12"
          generation: 3
          creationTimestamp: "2026-01-01T00:00:00Z"
          managedFields: [{manager: kubectl}]
          labels: {rack: "1"}
          annotations:
            note: spare
            kubectl.kubernetes.io/last-applied-configuration: "{}"
        spec: {description: S-1}
        status: {ready: true}
        """
    )
    assert result == Resource(
        api_version="wiring.githedgehog.com/v1beta1",
        kind="Server",
        namespace="lab",
        name="server-1",
        labels={"rack": "1"},
        annotations={"note": "spare"},
        spec={"description": "S-1"},
        path="d/a.yaml",
        line=2,
    )
    assert result.key == ("wiring.githedgehog.com/v1beta1", "Server", "lab", "server-1")


@pytest.mark.parametrize("namespace", ["", ", namespace: null", ', namespace: ""'])
def test_the_fabric_gives_the_namespace_that_a_manifest_leaves_out(namespace: str) -> None:
    assert outcome(vpc(f"name: a{namespace}"), "fabric-1").namespace == "fabric-1"


@pytest.mark.parametrize("rest", ["", "spec:\n", "spec: {}\nstatus: null\n"])
def test_what_is_missing_or_null_is_empty(rest: str) -> None:
    result = outcome(vpc("name: a, labels: null, annotations: ~") + rest)
    assert (result.labels, result.annotations, result.spec) == ({}, {}, {})


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: y}\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {}\n",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n",
        "resources: [a.yaml]\nnamePrefix: x\n",
        "image: {tag: v1}\nreplicaCount: 2\n",
        "apiVersion: nothedgehog.com/v1\nkind: X\n",
        "apiVersion: notgithedgehog.com/v1\nkind: X\n",
    ],
)
def test_documents_that_are_not_hedgehogs_are_ignored(text: str) -> None:
    assert outcome(text) is None


def test_which_groups_are_a_fabrics_can_be_set() -> None:
    text = vpc(api_version="net.example.org/v1")
    assert outcome(text) is None
    assert outcome(text, groups=["example.org"]).name == "vpc-1"
    assert outcome(vpc(), groups=["example.org"]) is None
    assert outcome(vpc(api_version="githedgehog.com/v1")).name == "vpc-1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: VPC\nmetadata: {name: a}\n", ["d/a.yaml:1: apiVersion: is missing"]),
        ("apiVersion: 1\nkind: VPC\nmetadata: {name: a}\n", ["d/a.yaml:1: apiVersion: must be a string; quote it"]),
        ("spec: {vni: 1}\n", ["apiVersion: is missing", "kind: is missing", "metadata.name: is missing"]),
        (vpc(kind=""), ["kind: is missing"]),
        ("# c\n" + vpc("labels: {a: }, name: b"), ["d/a.yaml:4: metadata.labels.a: must be a string"]),
        (vpc(kind="[VPC]"), ["d/a.yaml:2: kind: must be a string"]),
        (vpc(kind="vpc"), ["d/a.yaml:2: kind: 'vpc' is not valid: a CamelCase word"]),
        (vpc(kind="V" * 64), ["kind: 'VVV"]),
        (vpc(kind="Vpc-X"), ["kind: 'Vpc-X' is not valid"]),
        (vpc(""), ["metadata.name: is missing"]),
        (vpc().replace("{name: vpc-1}", ""), ["metadata.name: is missing"]),
        (vpc().replace("{name: vpc-1}", "[]"), ["metadata: must be a mapping", "metadata.name: is missing"]),
        (vpc("name: 7"), ["d/a.yaml:3: metadata.name: must be a string; quote it"]),
        (vpc("name: VPC-1"), ["metadata.name: 'VPC-1' is not valid: lower-case letters"]),
        (vpc("name: a, namespace: a.b"), ["metadata.namespace: 'a.b' is not valid"]),
        (vpc(f"name: a, namespace: {'n' * 64}"), ["metadata.namespace: 'nnn"]),
        (vpc("name: a, namespace: [a]"), ["metadata.namespace: must be a string"]),
        (vpc("generateName: a-"), ["metadata.generateName: a resource in Git needs a fixed metadata.name"]),
        (vpc("name: a, labels: [b]"), ["metadata.labels: must be a mapping"]),
        (
            vpc("name: a, labels: {b: 1, c: true}"),
            ["metadata.labels.b: must be a string", "metadata.labels.c: must be"],
        ),
        (vpc("name: a, annotations: {b: null}"), ["metadata.annotations.b: must be a string"]),
        (vpc() + "spec: []\n", ["d/a.yaml:4: spec: must be a mapping"]),
        (vpc() + "spec: text\n", ["d/a.yaml:4: spec: must be a mapping"]),
        (vpc() + "# c\nsepc: {}\n", ["d/a.yaml:5: sepc: unknown field"]),
        (vpc(api_version="vpc.githedgehog.com"), ["apiVersion: 'vpc.githedgehog.com' is not valid: group/version"]),
        (vpc(api_version="VPC.githedgehog.com/v1"), ["apiVersion: 'VPC.githedgehog.com/v1' is not valid"]),
        (vpc(api_version="vpc.githedgehog.com/"), ["apiVersion: 'vpc.githedgehog.com/' is not valid"]),
        (vpc(api_version="vpc.githedgehog.com/v1/v2"), ["apiVersion: 'vpc.githedgehog.com/v1/v2' is not valid"]),
        (vpc(api_version='" vpc.githedgehog.com /v1"'), ["apiVersion: ' vpc.githedgehog.com /v1' is not valid"]),
    ],
)
def test_every_problem_of_a_document_names_its_field(text: str, expected: list[Any]) -> None:
    found = messages(text)
    assert len(found) == len(expected)
    for message, part in zip(found, expected, strict=True):
        assert part in message


def test_a_problem_is_at_the_line_of_its_field() -> None:
    text = """\
        ---
        apiVersion: vpc.githedgehog.com/v1beta1
        kind: VPC
        metadata:
          labels:
            ok: yes
            # c
            bad: 1
          name: Bad
        """
    assert [problem.line for problem in outcome(text)] == [9, 8]


@pytest.mark.parametrize("name", ["a", "0", "a-b.c-d", "a" * 63, ".".join(["a" * 63] * 3 + ["b" * 61])])
def test_names_that_kubernetes_takes(name: str) -> None:
    assert outcome(vpc(f'name: "{name}"')).name == name


@pytest.mark.parametrize(
    "name",
    ["-a", "a-", "a.", ".a", "a..b", "a_b", "A", "é", "a/b", "a b", "a\\n", ".".join(["a" * 63] * 3 + ["b" * 62])],
)
def test_names_that_kubernetes_refuses(name: str) -> None:
    assert "metadata.name" in messages(vpc(f'name: "{name}"'))[0]


def test_hostile_names_take_no_time() -> None:
    for name in ("a" * 200_000, "a." * 126 + "_", "a-" * 126 + "_"):
        assert "metadata.name" in messages(vpc(f'name: "{name}"'))[0]


def test_a_remaining_generate_name_is_dropped() -> None:
    assert outcome(vpc("name: a-x7, generateName: a-")).name == "a-x7"
