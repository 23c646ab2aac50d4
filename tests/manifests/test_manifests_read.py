from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import pytest

import netbox_hedgehog.manifests as package
from netbox_hedgehog.errors import ContentProblem, NeedsOperator
from netbox_hedgehog.manifests import (
    ForeignRule,
    ManifestLimits,
    Manifests,
    Problem,
    ReadingPolicy,
    Severity,
    duplicates,
    problems_error,
    read_manifests,
)
from tests.support.definitions import compiled, definition

LIMITS = ManifestLimits()

FABRIC = {
    "wiring/switches.yaml": """\
        apiVersion: wiring.githedgehog.com/v1beta1
        kind: VLANNamespace
        metadata: {name: default}
        spec: {ranges: [{from: 1000, to: 2999}]}
        ---
        apiVersion: wiring.githedgehog.com/v1beta1
        kind: Switch
        metadata:
          name: leaf-1
          annotations: {type.hhfab.githedgehog.com: hw, link.hhfab.githedgehog.com/E1/1: "pci@0000:12"}
        spec:
          role: server-leaf
          profile: dell-s5248f-on
          boot: {serial: ABC123}
          groups: [eslag-1]
          redundancy: {group: eslag-1, type: eslag}
          vlanNamespaces: [default]
          portBreakouts: {E1/55: 4x25G}
          enableAllPorts: true
        ---
        apiVersion: wiring.githedgehog.com/v1beta1
        kind: SwitchGroup
        metadata: {name: eslag-1}
        spec: {}
        """,
    "wiring/connections.yaml": """\
        # servers
        apiVersion: wiring.githedgehog.com/v1beta1
        kind: Connection
        metadata: {name: server-1--unbundled--leaf-1}
        spec:
          unbundled:
            link:
              server: {port: server-1/enp2s1}
              switch: {port: leaf-1/E1/1}
        ---
        # spines
        apiVersion: wiring.githedgehog.com/v1beta1
        kind: Connection
        metadata: {name: spine-1--fabric--leaf-1}
        spec:
          fabric:
            links:
            - leaf: {ip: 172.30.128.1/31, port: leaf-1/E1/7}
              spine: {ip: 172.30.128.0/31, port: spine-1/E1/1}
        """,
    "vpc/vpc-1.json": """\
        {"apiVersion": "vpc.githedgehog.com/v1beta1", "kind": "VPC",
         "metadata": {"name": "vpc-1", "namespace": "tenants"},
         "spec": {"ipv4Namespace": "default", "vlanNamespace": "default",
                  "subnets": {"subnet-1": {"subnet": "10.10.1.0/24", "gateway": "10.10.1.1", "vlan": 1001,
                              "dhcp": {"enable": true, "range": {"start": "10.10.1.10", "end": "10.10.1.99"}}}},
                  "permit": [["subnet-1"]], "staticRoutes": null}}
        """,
    "vpc/peerings.yaml": """\
        apiVersion: v1
        kind: List
        items:
        - apiVersion: vpc.githedgehog.com/v1beta1
          kind: VPCPeering
          metadata: {name: vpc-1--vpc-2}
          spec:
            permit:
            - {vpc-1: {}, vpc-2: {subnets: [subnet-1]}}
        - apiVersion: gateway.githedgehog.com/v1alpha1
          kind: GatewayPeering
          metadata: {name: vpc-1--ext}
          spec:
            peering:
              vpc-1: {expose: [{ips: [{cidr: 10.10.1.0/24}], as: [{cidr: 192.168.9.0/24}]}]}
        """,
    "kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [vpc]\n",
    "README.yaml": "# nothing yet\n",
}


def read(files: Mapping[str, str | bytes], limits: ManifestLimits = LIMITS, **options: Any) -> Manifests:
    pairs = ((path, dedent(text).encode() if isinstance(text, str) else text) for path, text in files.items())
    return read_manifests(pairs, limits=limits, policy=ReadingPolicy(**options))


def resource(name: str, version: str = "v1beta1", namespace: str = "default") -> str:
    return f"apiVersion: vpc.githedgehog.com/{version}\nkind: VPC\nmetadata: {{name: {name}, namespace: {namespace}}}\n"


def test_a_whole_fabric_is_read() -> None:
    manifests = read(FABRIC)
    assert manifests.problems == []
    assert manifests.total_problems == 0
    assert manifests.ignored == 1
    assert [(each.kind, each.namespace, each.name, each.path, each.line) for each in manifests.resources] == [
        ("VLANNamespace", "default", "default", "wiring/switches.yaml", 1),
        ("Switch", "default", "leaf-1", "wiring/switches.yaml", 6),
        ("SwitchGroup", "default", "eslag-1", "wiring/switches.yaml", 21),
        ("Connection", "default", "server-1--unbundled--leaf-1", "wiring/connections.yaml", 2),
        ("Connection", "default", "spine-1--fabric--leaf-1", "wiring/connections.yaml", 12),
        ("VPC", "tenants", "vpc-1", "vpc/vpc-1.json", 1),
        ("VPCPeering", "default", "vpc-1--vpc-2", "vpc/peerings.yaml", 4),
        ("GatewayPeering", "default", "vpc-1--ext", "vpc/peerings.yaml", 10),
    ]
    assert manifests.resources[1].spec["portBreakouts"] == {"E1/55": "4x25G"}
    assert manifests.resources[1].annotations["link.hhfab.githedgehog.com/E1/1"] == "pci@0000:12"
    assert manifests.resources[4].spec["fabric"]["links"][0]["leaf"] == {
        "ip": "172.30.128.1/31",
        "port": "leaf-1/E1/7",
    }
    assert manifests.resources[5].spec["subnets"]["subnet-1"]["dhcp"]["range"]["end"] == "10.10.1.99"


def test_options_reach_the_documents() -> None:
    manifests = read({"a.yaml": resource("a", namespace='""')}, default_namespace="lab", groups=["example.org"])
    assert (manifests.resources, manifests.ignored) == ([], 1)
    (only,) = read({"a.yaml": resource("a", namespace='""')}, default_namespace="lab").resources
    assert only.namespace == "lab"


def test_all_problems_of_all_files_are_reported_at_once() -> None:
    manifests = read(
        {
            "a.yaml": resource("A") + "---\n" + resource("ok"),
            "b.yaml": "a: [\n",
            "c.yaml": b"\xff",
            "d.yaml": resource("ok"),
        }
    )
    assert [(problem.path, problem.line) for problem in manifests.problems] == [
        ("a.yaml", 3),
        ("b.yaml", 1),
        ("c.yaml", 1),
        ("d.yaml", 1),
    ]
    assert manifests.total_problems == 4


def test_two_documents_with_one_identity_are_a_problem_that_names_both_places() -> None:
    manifests = read({"a.yaml": "---\n" + resource("x"), "b.yaml": resource("y") + "---\n" + resource("x")})
    assert [str(problem) for problem in manifests.problems] == [
        "b.yaml:5: metadata.name: VPC default/x is already defined at a.yaml:2"
    ]


def test_versions_of_one_object_are_one_identity() -> None:
    manifests = read({"a.yaml": resource("x"), "b.yaml": resource("x", version="v1alpha2")})
    assert len(manifests.problems) == 1


def test_same_names_elsewhere_are_no_duplicates() -> None:
    other_kind = resource("x").replace("kind: VPC", "kind: VPCInfo")
    other_group = resource("x").replace("vpc.git", "gateway.git")
    resources = read(
        {"a": resource("x"), "b": resource("x", namespace="lab"), "c": other_kind, "d": other_group}
    ).resources
    assert len(resources) == 4
    assert duplicates(resources) == []
    assert [problem.line for problem in duplicates([*resources, resources[2]])] == []


def test_problems_are_capped_but_all_are_counted() -> None:
    files = {f"{index}.yaml": "kind: VPC\n" for index in range(10)}
    manifests = read(files, limits=ManifestLimits(max_problems=5))
    assert len(manifests.problems) == 5
    assert manifests.total_problems == 20


def test_files_are_read_one_at_a_time() -> None:
    seen: list[str] = []

    def files() -> Iterator[tuple[str, bytes]]:
        for path in ("a", "b"):
            seen.append(path)
            yield path, resource(path).encode()

    read_manifests(files(), limits=ManifestLimits())
    assert seen == ["a", "b"]


class TestForeignDocuments:
    """Other API groups, kustomizations and Helm values, by the rule that the operator chose."""

    FILES: Final = {
        "a.yaml": resource("x"),
        "deploy.yaml": "# web\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n",
        "kustomization.yaml": "resources: [a.yaml]\n",
        "values.yaml": "replicas: 3\n",
    }

    def test_by_default_they_are_counted_and_passed_over(self) -> None:
        manifests = read(self.FILES)
        assert (manifests.ignored, manifests.problems, manifests.findings) == (3, [], [])

    def test_a_warning_names_each_with_its_place(self) -> None:
        manifests = read(self.FILES, foreign=ForeignRule.WARN)
        assert (len(manifests.resources), manifests.problems) == (1, [])
        assert {(finding.severity, finding.code) for finding in manifests.findings} == {
            (Severity.WARNING, "manifest.foreign")
        }
        first, second, third = manifests.findings
        assert (first.path, first.line, first.key) == ("deploy.yaml", 2, ("apps/v1", "Deployment", "shop", "web"))
        assert first.message == "this is no Hedgehog resource (apps/v1 Deployment), so it is not read"
        assert (second.path, third.path, third.key) == ("kustomization.yaml", "values.yaml", ("", "", "", ""))
        assert "no Kubernetes object at all" in third.message

    def test_refused_each_is_a_problem_at_its_line(self) -> None:
        manifests = read(self.FILES, foreign=ForeignRule.REFUSE)
        assert [(each.path, each.line, each.code) for each in manifests.problems] == [
            ("deploy.yaml", 2, "manifest.foreign"),
            ("kustomization.yaml", 1, "manifest.foreign"),
            ("values.yaml", 1, "manifest.foreign"),
        ]
        assert str(manifests.problems[0]) == (
            "deploy.yaml:2: this is no Hedgehog resource (apps/v1 Deployment), so it is not read;"
            " such documents are refused here"
        )

    def test_an_identity_too_long_for_the_database_is_cut(self) -> None:
        long = "x" * 5000
        text = f"apiVersion: {long}/v1\nkind: {long}\nmetadata: {{name: {long}, namespace: {long}}}\n"
        (finding,) = read({"a.yaml": text}, foreign=ForeignRule.WARN).findings
        assert [len(part) for part in finding.key] == [320, 63, 63, 253]


NAME_RULE = "lower-case letters, digits, '-' and '.', at most 253 characters"


class TestSchemas:
    SCHEMAS: Final = compiled(
        definition(
            {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}},
            kind="VPC",
            group="vpc.githedgehog.com",
            name="v1beta1",
        )
    )
    FILES: Final = {
        "a.yaml": resource("x") + "spec: {id: 5}\n",
        "b.yaml": resource("y") + "spec:\n  id: five\n  idd: 5\n",
        "c.yaml": resource("Z") + "spec: {}\n",
    }

    def test_without_definitions_only_the_rules_of_every_object_are_checked(self) -> None:
        assert [problem.path for problem in read(self.FILES).problems] == ["c.yaml"]

    def test_to_warn_they_are_findings_at_the_very_line_and_stop_nothing(self) -> None:
        files = {name: self.FILES[name] for name in ("a.yaml", "b.yaml")}
        manifests = read(files, schemas=self.SCHEMAS)
        assert (len(manifests.resources), manifests.problems) == (2, [])
        assert [(each.severity, each.code, each.field, each.path, each.line) for each in manifests.findings] == [
            ("warning", "schema.unknown_field", "spec.idd", "b.yaml", 6),
            ("error", "schema.type", "spec.id", "b.yaml", 5),
        ]
        assert {each.key for each in manifests.findings} == {manifests.resources[1].key}

    def test_enforced_every_error_is_a_problem_beside_all_others_and_a_warning_still_stops_nothing(self) -> None:
        manifests = read(self.FILES, schemas=self.SCHEMAS, enforce=True)
        assert [(each.code, str(each)) for each in manifests.problems] == [
            ("schema.type", 'b.yaml:5: spec.id: must be of type integer, not "five"'),
            (
                "manifest.invalid",
                "c.yaml:3: metadata.name: 'Z' is not valid: " + NAME_RULE,
            ),
            ("schema.required", "c.yaml:4: spec.id: is missing"),
        ]
        assert [each.code for each in manifests.findings] == ["schema.unknown_field"]

    def test_findings_of_one_sort_are_capped_and_counted(self) -> None:
        files = {f"{number}.yaml": resource(f"x{number}") + "spec: {id: five}\n" for number in range(150)}
        findings = read(files, schemas=self.SCHEMAS).findings
        assert len(findings) == 100
        assert findings[-1].message.endswith("(and 50 more like this)")


def test_byte_order_mark_line_ends_and_json_make_no_difference() -> None:
    text = resource("a") + "spec: {note: x}\n---\n# only a comment\n---\n" + resource("b")
    plain = read({"a.yaml": text}).resources
    assert [(each.name, each.line) for each in plain] == [("a", 1), ("b", 8)]
    for other in ("\ufeff" + text, text.replace("\n", "\r\n"), "\ufeff" + text.replace("\n", "\r\n")):
        assert read({"a.yaml": other.encode()}).resources == plain
    first = {"apiVersion": plain[0].api_version, "kind": "VPC", "metadata": {"name": "a"}, "spec": {"note": "x"}}
    (written_as_json,) = read({"a.yaml": json.dumps(first)}).resources
    assert written_as_json == plain[0]


def test_each_problem_has_the_code_of_its_sort() -> None:
    problems = read(
        {"a.yaml": "a: [", "b.yaml": resource("X"), "c.yaml": resource("y") + "---\n" + resource("y")}
    ).problems
    assert [problem.code for problem in problems] == ["manifest.unreadable", "manifest.invalid", "manifest.duplicate"]


class TestProblem:
    def test_it_reads_like_a_compilers_message(self) -> None:
        assert str(Problem("d/a.yaml", 3, "spec.x", "is missing")) == "d/a.yaml:3: spec.x: is missing"
        assert str(Problem("d/a.yaml", 3, "", "is missing")) == "d/a.yaml:3: is missing"

    def test_names_from_the_repository_cannot_forge_lines_or_colours(self) -> None:
        text = str(Problem("a\n\x1b[31m.yaml", 1, "\r\u202e", "é"))
        assert text == "a\\n\\x1b[31m.yaml:1: \\r\\u202e: é"


class TestProblemsError:
    def test_it_needs_a_commit(self) -> None:
        error = problems_error([Problem("a.yaml", 3, "spec", "must be a mapping")])
        assert isinstance(error, ContentProblem)
        assert isinstance(error, NeedsOperator)
        assert error.code == "manifest.invalid"
        assert error.message == "The manifests have 1 problem:\na.yaml:3: spec: must be a mapping"
        assert error.remedy

    def test_it_lists_twenty_and_counts_the_rest(self) -> None:
        error = problems_error([Problem("a.yaml", line, "", "bad") for line in range(1, 31)], 500)
        lines = error.message.splitlines()
        assert lines[0] == "The manifests have 500 problems:"
        assert lines[1:21] == [f"a.yaml:{line}: bad" for line in range(1, 21)]
        assert lines[21:] == ["… and 480 more"]

    @pytest.mark.parametrize("count", [1, 20, 21])
    def test_without_a_total_all_are_given(self, count: int) -> None:
        error = problems_error([Problem("a.yaml", 1, "", "bad")] * count)
        assert ("more" in error.message) == (count > 20)

    def test_credentials_quoted_from_a_file_are_redacted(self) -> None:
        error = problems_error([Problem("a.yaml", 1, "x", "'https://user:hunter2@example.org/' is not valid")])
        assert "hunter2" not in error.message


def test_the_package_knows_neither_django_nor_celery_nor_io() -> None:
    imported: set[str | None] = set()
    for source in Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
    allowed = (
        "__future__ bisect collections collections.abc dataclasses enum functools hashlib itertools json math orjson re"
        " typing yamlrocks"
    )
    ours = {name for name in imported if name and name.startswith("netbox_hedgehog.")}
    assert imported - ours == set(allowed.split())
    assert {name for name in ours if ".manifests" not in name} == {"netbox_hedgehog.errors"}
