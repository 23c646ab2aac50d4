"""What deploys the system agrees with the system: commands, variables, addresses and limits exist and fit."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml
from celery.bin.celery import celery
from django.conf import settings
from django.core.management import get_commands
from django.urls import resolve

from netbox_hedgehog import alive

ROOT = Path(__file__).resolve().parents[2]
FILE = "_FILE"
MIGRATE = ["netbox-hedgehog", "migrate", "--no-input"]
# Of others: the interpreter, Django, gunicorn and systemd.
FOREIGN = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "DJANGO_SETTINGS_MODULE", "PATH", "WEB_CONCURRENCY"}
FOREIGN |= {"GUNICORN_CMD_ARGS", "CONCURRENCY"}
SECRETS = {"SECRET_KEY", "HEDGEHOG_ENCRYPTION_KEY", "DATABASE_URL", "REDIS_URL"}


def check_command(words: list[str]) -> None:
    """Fail unless the program knows the command and its options."""
    if words[:2] == ["tini", "--"]:
        words = words[2:]
    program, *arguments = words
    program = program.rpartition("/")[2]
    if program == "netbox-hedgehog":
        assert arguments[0] in get_commands()
    elif program == "celery":
        _, rest, _ = celery.make_parser(click.Context(celery)).parse_args([*arguments])
        command = celery.commands[rest[0]]
        command.make_parser(click.Context(command)).parse_args(rest[1:])
        assert ("-A", "netbox_hedgehog") in pairwise(arguments)
    else:
        assert program == "gunicorn"
        assert arguments == ["--config", "python:netbox_hedgehog.web.server", "netbox_hedgehog.wsgi"]


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The variables of the reference, which is made of those that are read."""
    return set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))


def unknown(names: set[str], known: set[str]) -> set[str]:
    return {name for name in names - FOREIGN if name.removesuffix(FILE) not in known}


def secrets_in(names: set[str]) -> set[str]:
    """Which secrets are read from files."""
    return {name.removesuffix(FILE) for name in names if name.endswith(FILE)}


class TestLocks:
    def packages(self, name: str) -> dict[str, str]:
        """Each package's name → its version, marker and hashes."""
        entries = re.split(r"^(?=[a-z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)
        return {entry.partition("==")[0]: entry for entry in entries if entry}

    @pytest.mark.parametrize("name", ["requirements-production.lock", "requirements-build.lock"])
    def test_production_has_the_versions_that_were_tested_by_hash(self, name):
        everything, some = self.packages("requirements.lock"), self.packages(name)
        assert some
        for package, entry in some.items():
            version, hashes = (re.findall(found, entry) for found in (r"==([^\s;]+)", r"--hash=(\S+)"))
            assert version[:1] == re.findall(r"==([^\s;]+)", everything[package])[:1]
            assert hashes
            assert set(hashes) == set(re.findall(r"--hash=(\S+)", everything[package]))

    def test_production_has_what_the_project_needs_and_nothing_for_developers(self, project):
        def names(requirements: list[Any]) -> set[str]:
            found = {re.split(r"[\[<>=;]", each)[0].strip() for each in requirements if isinstance(each, str)}
            return {name.lower() for name in found}

        locked = set(self.packages("requirements-production.lock"))
        tracing, embedded = (names(project["project"]["optional-dependencies"][e]) for e in ("tracing", "embedded"))
        assert names(project["project"]["dependencies"]) | tracing <= locked
        assert not locked & (names(project["dependency-groups"]["dev"]) | embedded | {"setuptools", "pip"})

    def test_an_image_is_built_by_what_builds_the_wheel(self, project):
        assert set(self.packages("requirements-build.lock")) == {"setuptools"}
        assert project["build-system"]["requires"] == project["dependency-groups"]["build"]


class TestDockerfile:
    @pytest.fixture
    def instructions(self) -> list[tuple[str, str]]:
        text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
        return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]

    def test_it_copies_what_is_there_and_what_the_builder_may_see(self, instructions):
        sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
        copied = set()
        for rest in (rest for word, rest in instructions if word == "COPY" and "--from" not in rest):
            copied.update(rest.split()[:-1])
        assert copied == sent
        assert all((ROOT / name).exists() for name in copied)

    def test_its_python_is_the_one_that_is_tested(self, instructions):
        (image,) = (rest for word, rest in instructions if word == "ARG")
        assert f":{(ROOT / '.python-version').read_text().strip()}-" in image

    def test_it_ends_as_an_unprivileged_user_with_a_command_that_exists(self, instructions):
        words = dict(instructions)
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", words["USER"])
        check_command(yaml.safe_load(words["CMD"]))
        assert yaml.safe_load(words["ENTRYPOINT"]) == ["tini", "--"]

    def test_its_variables_exist_and_none_is_a_secret(self, instructions, known):
        names = {name for word, rest in instructions if word == "ENV" for name in re.findall(r"([A-Z_]+)=", rest)}
        names -= {"PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR"}
        assert {"HEDGEHOG_DATA_DIR", "STATIC_ROOT"} <= names
        assert unknown(names, known) == set()
        assert not names & SECRETS

    def test_everything_that_it_installs_is_locked(self, instructions):
        installs = [
            step
            for word, rest in instructions
            if word == "RUN"
            for step in rest.split("&&")
            if re.search(r"pip (install|wheel)", step)
        ]
        assert len(installs) == 4
        assert all("--no-deps" in step for step in installs)
        assert [step for step in installs if "--require-hashes" not in step and "/build/dist" not in step] == []

    def test_its_health_check_asks_what_exists(self, instructions):
        (check,) = (rest for word, rest in instructions if word == "HEALTHCHECK")
        (address,) = re.findall(r"urlopen\('([^']+)'", check)
        assert resolve(urlsplit(address).path).url_name == "healthz"


class TestCompose:
    @pytest.fixture
    def compose(self) -> dict[str, Any]:
        return yaml.safe_load((ROOT / "compose.yaml").read_text())

    @pytest.fixture
    def ours(self, compose) -> dict[str, Any]:
        services = {name: s for name, s in compose["services"].items() if "netbox-hedgehog" in s["image"]}
        assert set(services) == {"migrate", "web", "worker", "beat"}
        return services

    def test_its_commands_exist(self, ours):
        assert "command" not in ours["web"]  # the image's own
        for name in ("migrate", "worker", "beat"):
            check_command(ours[name]["command"])

    def test_its_variables_exist_and_secrets_are_files(self, ours, compose, known):
        for service in ours.values():
            names = set(service["environment"])
            assert unknown(names, known) == set()
            assert secrets_in(names) == SECRETS
            files = {
                value.removeprefix("/run/secrets/")
                for name, value in service["environment"].items()
                if name.endswith("_FILE")
            }
            assert files == set(service["secrets"]) <= set(compose["secrets"])

    def test_its_containers_may_do_little(self, ours):
        for service in ours.values():
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
            assert service["volumes"] == ["mirrors:/var/lib/hedgehog"]

    def test_database_and_broker_are_reached_from_inside_alone(self, compose):
        assert compose["networks"]["servers"] == {"internal": True}
        for name in ("database", "valkey"):
            assert compose["services"][name]["networks"] == ["servers"]
            assert "ports" not in compose["services"][name]

    def test_everything_waits_for_its_tables(self, ours):
        for name in ("web", "worker", "beat"):
            assert ours[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert ours["migrate"]["command"] == MIGRATE
        assert ours["migrate"]["restart"] == "no"

    def test_a_worker_may_finish_its_syncs(self, ours):
        assert int(ours["worker"]["stop_grace_period"].removesuffix("s")) > settings.CELERY_TASK_TIME_LIMIT

    @pytest.mark.parametrize("role", [alive.WORKER, alive.BEAT])
    def test_its_health_checks_ask_the_process_itself(self, ours, role):
        assert ours[role]["healthcheck"]["test"] == ["CMD", "netbox-hedgehog", "alive", role]

    def test_every_secret_that_it_reads_is_made_once_and_fits(self, compose, tmp_path):
        make = [ROOT / "deploy/make-secrets", tmp_path / "secrets"]
        subprocess.run(make, check=True, capture_output=True, timeout=30)
        assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
        made = {file.name: file.read_text().strip() for file in (tmp_path / "secrets").iterdir()}
        assert {Path(secret["file"]).name for secret in compose["secrets"].values()} <= set(made)
        database, redis = urlsplit(made["database_url"]), urlsplit(made["redis_url"])
        assert (database.hostname, redis.hostname) == ("database", "valkey")
        assert (database.password, redis.password) == (made["postgres_password"], made["valkey_password"])
        assert made["valkey_conf"] == f"requirepass {redis.password}"
        keys = {made[name] for name in ("secret_key", "encryption_key", "postgres_password", "valkey_password")}
        assert len(keys) == 4
        assert min(map(len, keys)) >= 48
        subprocess.run(make, check=True, capture_output=True, timeout=30)
        assert {file.name: file.read_text().strip() for file in (tmp_path / "secrets").iterdir()} == made


class TestKubernetes:
    FOLDER = ROOT / "deploy/kubernetes"

    def documents(self) -> Iterator[dict[str, Any]]:
        for file in self.FOLDER.rglob("*.yaml"):
            if file.name != "kustomization.yaml":
                yield from yaml.safe_load_all(file.read_text())

    def workloads(self) -> dict[str, Any]:
        found = {
            each["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"]
            for each in self.documents()
            if each["kind"] in {"Deployment", "Job"}
        }
        assert set(found) == {"web", "worker", "beat", "migrate"}
        return found

    def container(self, workload: dict[str, Any]) -> dict[str, Any]:
        (container,) = workload["template"]["spec"]["containers"]
        return container

    def test_every_file_is_part_of_a_kustomization(self):
        named = set()
        for file in self.FOLDER.rglob("kustomization.yaml"):
            for name in yaml.safe_load(file.read_text())["resources"]:
                named.add((file.parent / name).resolve())
        assert {file for file in self.FOLDER.rglob("*.yaml") if file.name != "kustomization.yaml"} <= named
        assert all(path.exists() for path in named)

    def test_its_commands_exist(self):
        for workload in self.workloads().values():
            check_command(self.container(workload)["command"])
        assert self.container(self.workloads()["migrate"])["command"][2:] == MIGRATE

    def test_its_variables_exist_and_secrets_are_files(self, known):
        (made,) = yaml.safe_load((self.FOLDER / "config/kustomization.yaml").read_text())["configMapGenerator"]
        values = dict(literal.split("=", 1) for literal in made["literals"])
        assert unknown(set(values), known) == set()
        assert secrets_in(set(values)) == SECRETS
        for workload in self.workloads().values():
            container = self.container(workload)
            assert container["envFrom"] == [{"configMapRef": {"name": made["name"]}}]
            assert "env" not in container
            mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert {str(Path(value).parent) for name, value in values.items() if name.endswith("_FILE")} == {
                mounted["secrets"]
            }

    def test_its_probes_ask_what_exists(self):
        found = 0
        for name, workload in self.workloads().items():
            container = self.container(workload)
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container.get(probe, {})
                if "httpGet" in asked:
                    path = urlsplit(asked["httpGet"]["path"]).path
                    assert resolve(path).url_name == ("readyz" if probe == "readinessProbe" else "healthz")
                    found += 1
                elif "exec" in asked:
                    assert asked["exec"]["command"] == ["netbox-hedgehog", "alive", name]
                    found += 1
        assert found == 5

    def test_its_containers_may_do_little(self):
        for workload in self.workloads().values():
            pod, container = workload["template"]["spec"], self.container(workload)
            assert pod["securityContext"]["runAsNonRoot"]
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert pod["automountServiceAccountToken"] is False
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]

    def test_its_user_is_the_images(self):
        (user,) = re.findall(r"^USER (\d+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for workload in self.workloads().values():
            context = workload["template"]["spec"]["securityContext"]
            assert {context["runAsUser"], context["runAsGroup"], context["fsGroup"]} == {int(user)}

    def test_a_worker_may_finish_its_syncs_and_beat_is_alone(self):
        worker, beat = self.workloads()["worker"], self.workloads()["beat"]
        assert worker["template"]["spec"]["terminationGracePeriodSeconds"] > settings.CELERY_TASK_TIME_LIMIT
        assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})

    def test_what_selects_pods_finds_some(self):
        labels = [spec["template"]["metadata"]["labels"] for spec in self.workloads().values()]
        for each in self.documents():
            spec = each.get("spec", {})
            selector = spec.get("selector") or spec.get("podSelector")
            if each["kind"] == "Service":
                selector = {"matchLabels": spec["selector"]}
            for wanted in [selector["matchLabels"]] if selector else []:
                assert any(wanted.items() <= there.items() for there in labels), each["metadata"]["name"]

    def test_mirrors_fit_their_volume(self):
        text = (self.FOLDER / "config/kustomization.yaml").read_text()
        (mirrors,) = re.findall(r"HEDGEHOG_GIT_MAX_MIRRORS_BYTES=(\d+)", text)
        volumes = {each["name"]: each for each in self.workloads()["worker"]["template"]["spec"]["volumes"]}
        assert int(mirrors) < int(volumes["data"]["emptyDir"]["sizeLimit"].removesuffix("Gi")) * 1024**3


UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))


class TestSystemd:
    def directives(self, unit: Path) -> list[tuple[str, str]]:
        lines = [line for line in unit.read_text().splitlines() if line and line[0] not in "#["]
        return [(name, value) for name, _, value in (line.partition("=") for line in lines)]

    def only(self, unit: Path, name: str) -> str:
        (value,) = (value for directive, value in self.directives(unit) if directive == name)
        return value

    def test_there_is_one_for_each_process(self):
        assert [unit.stem.rpartition("-")[2] for unit in UNITS] == ["beat", "migrate", "web", "worker"]
        wanted = (ROOT / "deploy/systemd/netbox-hedgehog.target").read_text()
        assert all(unit.name in wanted for unit in UNITS if "migrate" not in unit.name)

    @pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
    def test_its_command_and_variables_exist_and_secrets_are_files(self, unit, known):
        check_command(shlex.split(self.only(unit, "ExecStart")))
        values = [shlex.split(value)[0] for name, value in self.directives(unit) if name == "Environment"]
        variables = dict(value.split("=", 1) for value in values)
        assert unknown(set(variables), known) == set()
        assert secrets_in(set(variables)) == SECRETS
        given = {value.partition(":")[0] for name, value in self.directives(unit) if name == "LoadCredential"}
        assert {value for name, value in variables.items() if name.endswith("_FILE")} == {f"%d/{n}" for n in given}

    @pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
    def test_its_process_may_do_little(self, unit):
        for name, value in (
            ("DynamicUser", "yes"),
            ("ProtectSystem", "strict"),
            ("NoNewPrivileges", "yes"),
            ("CapabilityBoundingSet", ""),
            ("StateDirectory", "netbox-hedgehog"),
        ):
            assert self.only(unit, name) == value

    def test_a_worker_may_finish_its_syncs(self):
        unit = ROOT / "deploy/systemd/netbox-hedgehog-worker.service"
        assert int(self.only(unit, "TimeoutStopSec")) > settings.CELERY_TASK_TIME_LIMIT
        assert self.only(unit, "KillMode") == "mixed"

    def test_commands_run_as_the_units_do(self, tmp_path, known):
        """With a stand-in for systemd-run, and for the installed command, that tell what they are given."""
        script = (ROOT / "deploy/systemd/netbox-hedgehog-manage").read_text()
        (tmp_path / "netbox-hedgehog").write_text("#!/bin/sh\nenv; printf '%s\\n' \"$@\"\n")
        (tmp_path / "systemd-run").write_text(
            '#!/bin/sh\nwhile [ "$1" != -- ]; do echo "$1"; shift; done; shift\n'
            'CREDENTIALS_DIRECTORY=/credentials exec "$@"\n'
        )
        manage = tmp_path / "manage"
        manage.write_text(script.replace("/opt/netbox-hedgehog/bin", str(tmp_path)))
        for file in tmp_path.iterdir():
            file.chmod(0o755)
        command = [manage, "fabric_status", "a name"]
        told = subprocess.run(
            command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True, timeout=30
        ).stdout.splitlines()
        assert told[-2:] == ["fabric_status", "a name"]
        names = {line.partition("=")[0] for line in told if re.match(r"[A-Z_]+_FILE=/credentials/", line)}
        assert secrets_in(names) == SECRETS
        unit = self.directives(ROOT / "deploy/systemd/netbox-hedgehog-worker.service")
        for directive, value in unit:
            if directive in {"LoadCredential", "EnvironmentFile", "User", "DynamicUser", "StateDirectory"}:
                assert f"--property={directive}={value}" in told
        variables = {line.removeprefix("--setenv=").partition("=")[0] for line in told if line.startswith("--setenv=")}
        assert variables == {"HEDGEHOG_DATA_DIR", "STATIC_ROOT"} <= known
