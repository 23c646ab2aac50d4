"""`lint_manifests`: the checks of a sync, for a repository's own CI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
from django.core.management import CommandError, call_command

from netbox_hedgehog.lint.command import main
from tests.support.definitions import definition

VPC = "apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata: {name: NAME}\nspec: {ipv4Namespace: default}\n"
NAMESPACES = dedent("""\
    apiVersion: vpc.githedgehog.com/v1beta1
    kind: IPv4Namespace
    metadata: {name: default}
    ---
    apiVersion: wiring.githedgehog.com/v1beta1
    kind: VLANNamespace
    metadata: {name: default}
    """)
SOUND = {"vpcs/a.yaml": VPC.replace("NAME", "a"), "namespaces.yaml": NAMESPACES}
BROKEN = SOUND | {
    "b.yaml": VPC.replace("NAME", "B"),
    "c.yaml": "kind: [\n",
    "d.yaml": VPC.replace("NAME", "a"),
    "e.yaml": VPC.replace("NAME", "e").replace("Namespace: default", "Namespace: defualt"),
}
DEFINITION = definition(
    {"type": "object", "properties": {"ipv4Namespace": {"type": "string", "maxLength": 3}}},
    kind="VPC",
    group="vpc.githedgehog.com",
    name="v1beta1",
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path):
    def write(files: dict[str, str], folder: str = "fabric") -> Path:
        for name, text in files.items():
            file = here / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return here / folder

    return write


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    """Run it as a command without Django: exit code, output, and what is said beside the output."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def places(output: str) -> list[str]:
    return [" ".join(line.split(" ")[:3]) for line in output.splitlines()]


class TestExitCode:
    def test_a_sound_fabric_is_clean(self, write, run):
        write(SOUND)
        assert run("fabric") == (0, "", "0 errors and 0 warnings in 2 files with 3 resources.\n")

    def test_everything_that_is_wrong_in_any_file_is_reported_at_once(self, write, run):
        write(BROKEN)
        code, output, said = run("fabric")
        assert code == 1
        assert places(output) == [
            "fabric/b.yaml:3: error manifest.invalid",
            "fabric/c.yaml:1: error manifest.unreadable",
            "fabric/e.yaml:1: error reference.missing",
            "fabric/vpcs/a.yaml:1: error manifest.duplicate",
        ]
        assert "VPC default/a is already defined at fabric/d.yaml:1" in output
        assert said == "4 errors and 0 warnings in 6 files with 5 resources.\n"

    def test_warnings_fail_only_if_asked_to(self, write, run):
        write(SOUND | {"values.yaml": "replicas: 1\n"})
        assert run("fabric", "--foreign", "warn")[0] == 0
        assert run("fabric", "--foreign", "warn", "--fail-on", "warning")[0] == 1
        assert run("fabric", "--foreign", "refuse")[0] == 1

    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("nowhere",),
            ("empty",),
            ("fabric", "--schemas", "nowhere"),
            ("fabric", "--schemas", "empty"),
            ("fabric", "--format", "html"),
        ],
    )
    def test_wrong_usage_is_told_apart_from_findings(self, arguments, write, run, here):
        write(BROKEN)
        (here / "empty").mkdir()
        code, output, said = run(*arguments)
        assert (code, output) == (2, "")
        assert "error: " in said


class TestWhichFiles:
    def test_those_that_a_sync_reads(self, write, run, here):
        bad = "a: ["
        folder = write(
            SOUND
            | {
                "x.yml": bad,
                "x.json": bad,
                "x.txt": bad,
                ".hidden.yaml": bad,
                ".git/x.yaml": bad,
                "deep/er/x.yaml": bad,
            }
        )
        outside = write({"x.yaml": bad}, "outside")
        (folder / "link.yaml").symlink_to(outside / "x.yaml")
        (folder / "linked").symlink_to(outside)
        assert places(run("fabric")[1]) == [
            "fabric/deep/er/x.yaml:1: error manifest.unreadable",
            "fabric/x.json:1: error manifest.unreadable",
            "fabric/x.yml:1: error manifest.unreadable",
        ]

    def test_not_those_that_the_ignore_file_of_the_folder_leaves_out(self, write, run):
        write(
            SOUND | {".hedgehogignore": "/generated/\n*.bad.yaml\n", "generated/x.yaml": "a: [", "d/x.bad.yaml": "a: ["}
        )
        assert run("fabric")[0] == 0

    def test_a_broken_ignore_file_is_wrong_usage_with_its_line(self, write, run):
        write(SOUND | {".hedgehogignore": "ok\nb[\n"})
        code, _, said = run("fabric")
        assert code == 2
        assert "fabric/.hedgehogignore:2: the pattern has a [ without its ]" in said

    def test_a_named_file_whatever_its_name(self, write, run):
        write({"rendered.txt": VPC})
        code, output, _ = run("fabric/rendered.txt", "--no-references")
        assert (code, places(output)) == (1, ["fabric/rendered.txt:3: error manifest.invalid"])

    def test_a_part_of_a_fabric_without_the_checks_between_resources(self, write, run):
        write(BROKEN)
        assert run("fabric/e.yaml", "fabric/namespaces.yaml")[0] == 1
        assert run("fabric/e.yaml", "fabric/namespaces.yaml", "--no-references")[0] == 0

    def test_a_file_larger_than_the_limit_is_not_read(self, write, run):
        write(SOUND | {"large.yaml": "# " + "x" * 5 * 1024 * 1024})
        code, output, _ = run("fabric")
        assert (code, places(output)) == (1, ["fabric/large.yaml:1: error manifest.unreadable"])

    def test_the_namespace_that_manifests_leave_out(self, write, run):
        write(SOUND | {"z.yaml": VPC.replace("{name: NAME}", "{name: a, namespace: lab}")})
        assert run("fabric", "--no-references")[0] == 0
        assert "VPC lab/a is already defined" in run("fabric", "--no-references", "--namespace", "lab")[1]


class TestSchemas:
    def test_resources_are_checked_against_the_definitions(self, write, run):
        write(SOUND)
        write({"vpc.json": json.dumps(DEFINITION)}, "crds")
        code, output, _ = run("fabric", "--schemas", "crds")
        assert code == 1
        assert places(output) == [
            "fabric/namespaces.yaml:2: error schema.unknown_kind",
            "fabric/namespaces.yaml:5: warning schema.no_definition",
            "fabric/vpcs/a.yaml:4: error schema.max_length",
        ]

    def test_broken_definitions_are_reported_instead_of_what_they_would_find(self, write, run):
        write(SOUND)
        write({"vpc.json": json.dumps(definition({"$ref": "#/"}))}, "crds")
        code, output, _ = run("fabric", "--schemas", "crds")
        assert (code, places(output)) == (1, ["crds/vpc.json:1: error schema.definition"])

    def test_what_they_ask_for_and_is_not_checked_is_a_warning(self, write, run):
        write(SOUND)
        write({"a.json": json.dumps(definition({"type": "string", "pattern": "(?=x)"}))}, "crds")
        assert "crds/a.json:1: warning schema.unchecked" in places(run("fabric", "--schemas", "crds")[1])


class TestOutput:
    def test_json(self, write, run):
        write(BROKEN)
        document = json.loads(run("fabric", "--format", "json")[1])
        assert (document["files"], document["errors"], document["warnings"], document["resources"]) == (6, 4, 0, 5)
        assert document["diagnostics"][0] == {
            "path": "fabric/b.yaml",
            "line": 3,
            "severity": "error",
            "code": "manifest.invalid",
            "field": "metadata.name",
            "message": "'B' is not valid: lower-case letters, digits, '-' and '.', at most 253 characters",
        }

    def test_sarif_as_the_standard_wants_it(self, write, run):
        write(BROKEN | {"ü &.yaml": "a: [", "values.yaml": "a: 1\n"})
        document = json.loads(run("fabric", "--format", "sarif", "--foreign", "warn")[1])
        jsonschema_rs.validate(SARIF, document)
        (log,) = document["runs"]
        rules = [rule["id"] for rule in log["tool"]["driver"]["rules"]]
        assert len(log["results"]) == 6
        for result in log["results"]:
            assert rules[result["ruleIndex"]] == result["ruleId"]
        places = [result["locations"][0]["physicalLocation"] for result in log["results"]]
        assert places[0] == {"artifactLocation": {"uri": "fabric/b.yaml"}, "region": {"startLine": 3}}
        assert places[-1]["artifactLocation"]["uri"] == "fabric/%C3%BC%20%26.yaml"
        assert {result["level"] for result in log["results"]} == {"error", "warning"}

    def test_sarif_of_an_absolute_path_is_a_file_url(self, write, run):
        folder = write(BROKEN)
        document = json.loads(run(str(folder), "--format", "sarif")[1])
        place = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == (folder / "b.yaml").as_uri()

    def test_a_clean_run_is_valid_in_each_format(self, write, run):
        write(SOUND)
        document = json.loads(run("fabric", "--format", "sarif")[1])
        jsonschema_rs.validate(SARIF, document)
        assert document["runs"][0]["results"] == []
        assert ET.fromstring(run("fabric", "--format", "junit")[1]).get("failures") == "0"
        assert json.loads(run("fabric", "--format", "json")[1])["diagnostics"] == []

    def test_junit_has_a_case_for_each_file_that_fails_by_what_is_bad_enough(self, write, run):
        write(BROKEN | {"values.yaml": "a: 1\n"})
        root = ET.fromstring(run("fabric", "--format", "junit", "--foreign", "warn")[1])
        (suite,) = root
        assert (root.tag, suite.tag) == ("testsuites", "testsuite")
        for counted in (root, suite):
            assert (counted.get("tests"), counted.get("failures"), counted.get("errors")) == ("7", "4", "0")
        cases = {case.get("name"): case for case in suite}
        failed = {name for name, case in cases.items() if case.find("failure") is not None}
        assert failed == {"fabric/b.yaml", "fabric/c.yaml", "fabric/e.yaml", "fabric/vpcs/a.yaml"}
        failure = cases["fabric/c.yaml"].find("failure")
        assert failure is not None
        assert failure.get("type") == "manifest.unreadable"
        assert (failure.text or "").startswith("fabric/c.yaml:1: error manifest.unreadable ")
        assert "manifest.foreign" in (cases["fabric/values.yaml"].findtext("system-out") or "")
        strict = ET.fromstring(run("fabric", "--format", "junit", "--foreign", "warn", "--fail-on", "warning")[1])
        assert strict.get("failures") == "5"

    @pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
    def test_names_and_values_cannot_forge_lines_nor_break_the_format(self, form, write, run):
        write({"a\x1b[31m\n.yaml": VPC.replace("NAME", '"x\\x1b\\nfabric/z.yaml:1: error <&]]>"')})
        output = run("fabric", "--format", form, "--no-references")[1]
        assert "\x1b" not in output
        if form == "text":
            assert len(output.splitlines()) == 1
        elif form == "junit":
            assert len(ET.fromstring(output)[0]) == 1
        else:
            json.loads(output)

    def test_a_secret_in_a_value_is_not_printed(self, write, run):
        write({"a.yaml": VPC.replace("NAME", "'https://user:hunter2@example.com'")})
        output = run("fabric", "--no-references")[1]
        assert "[REDACTED]" in output
        assert "hunter2" not in output


class TestInDjango:
    """No test here may use the database: pytest-django would refuse it."""

    def call(self, *arguments: str) -> tuple[str, str]:
        output, said = StringIO(), StringIO()
        call_command("lint_manifests", *arguments, stdout=output, stderr=said)
        return output.getvalue(), said.getvalue()

    def test_it_says_the_same(self, write, run):
        write(BROKEN)
        output = StringIO()
        with pytest.raises(CommandError, match="4 errors and 0 warnings in 6 files") as error:
            call_command("lint_manifests", "fabric", stdout=output)
        assert error.value.returncode == 1
        assert output.getvalue() == run("fabric")[1]

    def test_a_clean_one_ends_well(self, write):
        write(SOUND)
        assert self.call("fabric") == ("", "0 errors and 0 warnings in 2 files with 3 resources.\n")

    def test_wrong_usage_ends_with_2(self, here):
        with pytest.raises(CommandError, match="neither a file nor a folder") as error:
            self.call("nowhere")
        assert error.value.returncode == 2

    def test_so_is_the_rule_for_foreign_documents_unless_it_is_given(self, write, settings):
        write(SOUND | {"values.yaml": "replicas: 1\n"})
        settings.HEDGEHOG_FOREIGN_DOCUMENTS = "warn"
        assert "manifest.foreign" in self.call("fabric")[0]
        assert self.call("fabric", "--foreign", "ignore")[0] == ""

    def test_the_limits_are_those_of_the_settings(self, write, settings):
        write(SOUND)
        settings.HEDGEHOG_GIT_MAX_FILES = 1
        with pytest.raises(CommandError, match="more than 1 manifests"):
            self.call("fabric")


def test_the_installed_command_needs_no_settings_and_writes_nothing(write, here):
    write(BROKEN)
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": "nonsense", "HEDGEHOG_DATA_DIR": str(here / "data")}
    result = subprocess.run(
        [sys.executable, "-m", "netbox_hedgehog", "lint_manifests", "fabric"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (1, "4 errors and 0 warnings in 6 files with 5 resources.\n")
    assert not (here / "data").exists()


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
# What of SARIF 2.1.0 is used here, as sections 3.13 to 3.30 of the standard define it.
SARIF = _object(
    ["version", "runs"],
    **{"$schema": {"type": "string", "format": "uri"}, "version": {"const": "2.1.0"}},
    runs={
        "type": "array",
        "minItems": 1,
        "items": _object(
            ["tool", "results"],
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            tool=_object(
                ["driver"],
                driver=_object(
                    ["name"],
                    name=TEXT,
                    semanticVersion=TEXT,
                    rules={"type": "array", "uniqueItems": True, "items": _object(["id"], id=TEXT)},
                ),
            ),
            results={
                "type": "array",
                "items": _object(
                    ["message"],
                    ruleId=TEXT,
                    ruleIndex={"type": "integer", "minimum": 0},
                    level={"enum": ["none", "note", "warning", "error"]},
                    message=_object(["text"], text=TEXT),
                    locations={
                        "type": "array",
                        "items": _object(
                            [],
                            physicalLocation=_object(
                                ["artifactLocation"],
                                artifactLocation=_object(["uri"], uri={"type": "string", "format": "uri-reference"}),
                                region=_object(["startLine"], startLine={"type": "integer", "minimum": 1}),
                            ),
                        ),
                    },
                ),
            },
        ),
    },
)
