"""The fleet as a file: what is written can be read, and what is wrong is said before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_bakery import baker

from netbox_hedgehog.fleetfile import KINDS, Plan, Prune, apply, doubled, make_plan, read, write
from netbox_hedgehog.models import (
    FabricResource,
    FabricStatus,
    ForeignDocuments,
    GitRepository,
    HedgehogFabric,
    SchemaMode,
    SchemaSource,
)
from netbox_hedgehog.models.fields import EncryptedTextField
from tests.baker_recipes import NOW

pytestmark = pytest.mark.django_db

HEAD = "apiVersion: netbox-hedgehog/v1\nkind: "
CORE = HEAD + "GitRepository\nname: core\nurl: https://git.example.com/core.git\n"
EAST = HEAD + "HedgehogFabric\nname: east\nstatus: active\ngit_repository: core\n"


def exported() -> str:
    return "".join(written.text for written in write())


def planned(*texts: str, prune: Prune = Prune.NOTHING) -> Plan:
    entries, problems = read("---\n".join(texts).encode(), "fleet.yaml")
    plan = make_plan(entries, prune, NOW)
    plan.problems = [*problems, *doubled(entries), *plan.problems]
    return plan


def imported(*texts: str, prune: Prune = Prune.NOTHING, user_id: int | None = None) -> Plan:
    plan = planned(*texts, prune=prune)
    assert plan.problems == []
    apply(plan, user_id)
    return plan


def problems(*texts: str, prune: Prune = Prune.NOTHING) -> list[tuple[int, str, str]]:
    return [(each.line, each.field, each.message) for each in planned(*texts, prune=prune).problems]


def told() -> dict[str, list[dict[str, Any]]]:
    """Every row as a file tells it."""
    return {
        kind.name: [
            {"name": str(row), **{name: kind.value(row, name) for name in kind.fields}}
            for row in kind.model.objects.order_by("name")
        ]
        for kind in KINDS
    }


# --- There and back

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
words = texts.filter(bool)
limits = st.none() | st.integers(0, 100)
fabrics = st.fixed_dictionaries(
    {
        "description": texts,
        "status": st.sampled_from(FabricStatus.values),
        "sync_enabled": st.booleans(),
        "sync_interval": st.integers(0, 10**8),
        "gitops_directory": words,
        "default_namespace": st.from_regex(r"[a-z0-9]([-a-z0-9]{0,9}[a-z0-9])?", fullmatch=True),
        "foreign_documents": st.sampled_from(["", *ForeignDocuments.values]),
        "schema_mode": st.sampled_from(SchemaMode.values),
        "budget_deletions": limits,
        "budget_changes_percent": limits,
        "budget_by_kind": st.dictionaries(words, st.just({"deletions": 0}), max_size=2),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(words, fabrics, max_size=3), words, texts, words)
def test_what_is_exported_and_imported_into_an_empty_database_is_the_same(rows, name, username, ref):
    for model in (HedgehogFabric, SchemaSource, GitRepository):
        model.objects.all().delete()
    repository = GitRepository.objects.create(name=name, url="https://git.example.com/x.git", username=username)
    schemas = SchemaSource.objects.create(name=name, git_repository=repository, ref=ref)
    for each, values in rows.items():
        HedgehogFabric.objects.create(name=each, git_repository=repository, schema_source=schemas, **values)
    text, before = exported(), told()
    for model in (HedgehogFabric, SchemaSource, GitRepository):
        model.objects.all().delete()
    imported(text)
    assert told() == before
    assert exported() == text


def test_importing_what_was_exported_changes_nothing():
    baker.make_recipe("tests.due_fabric", _quantity=3)
    plan = imported(exported())
    assert not plan
    assert plan.unchanged == HedgehogFabric.objects.count() + GitRepository.objects.count()


def test_an_import_says_the_same_twice_and_does_it_once():
    assert len(imported(CORE, EAST).created) == 2
    assert not imported(CORE, EAST)


def test_fields_that_are_left_out_stay_as_they_are():
    imported(CORE, EAST)
    plan = imported(HEAD + "HedgehogFabric\nname: east\nsync_interval: 60\n")
    assert [change.fields for change in plan.updated] == [{"sync_interval": (300, 60)}]
    east = HedgehogFabric.objects.get(name="east")
    assert (east.sync_interval, east.status, str(east.git_repository)) == (60, "active", "core")


def test_the_example_of_the_documentation_is_right():
    page = (Path(__file__).parents[2] / "docs/fleet-file.md").read_text()
    example = page.split("```yaml\n")[1].split("```")[0]
    assert [change.name for change in imported(example).created] == ["network", "fabric-definitions", "east"]


def test_the_rows_come_in_any_order():
    imported(EAST, CORE)
    assert HedgehogFabric.objects.get().git_repository == GitRepository.objects.get()


def test_every_column_is_the_operators_the_machines_or_a_secret():
    """A new column of an operator must be added to the file; one of the machine, here."""
    machine = {kind.name: kind.machine_fields for kind in KINDS}
    assert machine["GitRepository"] == {"id"}
    assert machine["SchemaSource"] == {"id", "version", "commit", "kind_count", "unchecked", "error"}
    assert machine["HedgehogFabric"] == {
        "id",
        "last_sync",
        "sync_status",
        "sync_error",
        "desired_state_commit",
        "desired_state_tree",
        "resource_count",
        "consecutive_failures",
        "retry_at",
        "synced_source",
        "failed_source",
        "claim_token",
        "claim_trigger",
        "claim_worker",
        "claimed_at",
        "claim_started_at",
        "claim_expires_at",
        "cancelled_message_until",
        "has_claim",
        "due_at",
    }


# --- Credentials


def test_stored_credentials_are_left_out_and_named():
    secrets = [each.name for each in GitRepository._meta.concrete_fields if isinstance(each, EncryptedTextField)]
    repository = baker.make_recipe("tests.repository", **dict.fromkeys(secrets, "hunter2"))
    (written,) = write()
    assert written.left_out == secrets
    assert "hunter2" not in written.text
    assert "fernet:" not in written.text
    imported(exported())
    repository.refresh_from_db()
    assert [getattr(repository, name).reveal() for name in secrets] == ["hunter2"] * 4


def test_a_password_that_a_script_left_in_the_url_is_not_exported():
    GitRepository.objects.bulk_create([GitRepository(name="core", url="https://bob:hunter2@git.example.com/x")])
    assert "hunter2" not in exported()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("password: hunter2", "name a reference with password_reference"),
        ("proxy_password: hunter2", "name a reference with proxy_password_reference"),
        ("proxy_url: http://bob:hunter2@proxy.example.com", "must not hold a password"),
    ],
)
def test_no_credential_is_taken_from_a_file_and_none_quoted(line, said):
    ((number, field, message),) = problems(CORE + line + "\n")
    assert (number, field) == (5, line.split(":")[0])
    assert said in message
    assert "hunter2" not in message


def test_a_reference_takes_the_place_of_a_stored_credential():
    baker.make_recipe("tests.repository", name="core", url="https://git.example.com/core.git", password="hunter2")
    plan = imported(CORE + "password_reference: env:HEDGEHOG_CREDENTIAL_CORE\n")
    assert plan.updated[0].fields["password"] == ("[REDACTED]", "")
    core = GitRepository.objects.get()
    assert (bool(core.password), core.password_reference) == (False, "env:HEDGEHOG_CREDENTIAL_CORE")


def test_a_user_in_the_url_becomes_the_username():
    imported(HEAD + "GitRepository\nname: core\nurl: https://bob@git.example.com/core.git\n")
    core = GitRepository.objects.get()
    assert (core.url, core.username) == ("https://git.example.com/core.git", "bob")
    assert not imported(HEAD + "GitRepository\nname: core\nurl: https://bob@git.example.com/core.git\n")


# --- What is wrong


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sync_intervall: 60", "unknown field of a fabric; did you mean “sync_interval”?"),
        ("last_sync: null", "is not for people to set"),
        ("due_at: 1", "is not for people to set"),
        ("id: 1", "is not for people to set"),
        ('sync_interval: "60"', "must be a whole number"),
        ("sync_interval: 1.5", "must be a whole number"),
        ("sync_interval: true", "must be a whole number"),
        ("sync_interval: null", "must not be null"),
        ("sync_interval: 9999999999", "which are 10 years"),
        ("sync_interval: -1", "Enter 0 for never by schedule"),
        ('sync_enabled: "false"', "must be true or false"),
        ("description: 5", "put it in quotes"),
        ("default_namespace: UPPER", "lower-case letters"),
        ("budget_deletions_percent: 101", "less than or equal to 100"),
        ("budget_by_kind: []", "must be a mapping"),
        ("budget_by_kind: {Switch: {deletion: 0}}", "unknown limit"),
        ("schema_source: upstram", "there is no schema source “upstram”, neither here nor stored"),
        ("gitops_directory: ''", "cannot be blank"),
    ],
)
def test_a_wrong_field_is_said_at_its_line(line, said):
    ((number, field, message),) = problems(CORE, EAST + line + "\n")
    assert (number, field) == (11, line.split(":")[0])
    assert said in message


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (CORE.replace("/v1", "/v2"), 1, "apiVersion must be netbox-hedgehog/v1"),
        (CORE.replace("GitRepository", "GitRepositry"), 2, "did you mean “GitRepository”?"),
        (CORE.replace("kind: GitRepository\n", ""), 1, "an unknown kind"),
        (CORE.replace("name: core", "name: 5"), 3, "name must be given"),
        (CORE.replace("name: core", "name: ''"), 3, "cannot be blank"),
        (CORE.replace("https://git.example.com/core.git", "gopher://git.example.com"), 4, "gopher"),
        (CORE.replace("https://git.example.com", "https://169.254.169.254"), 4, "metadata"),
        (CORE + "ca_certificates: none\n", 5, "certificate"),
        (CORE + "ssh_known_hosts: nonsense\n", 5, "known"),
        (CORE + "password_reference: env:HOME\n", 5, "HEDGEHOG_CREDENTIAL_"),
        (HEAD + "SchemaSource\nname: s\nlocal_folder: x\n", 4, "HEDGEHOG_SCHEMA_ROOT"),
        (HEAD + "SchemaSource\nname: s\n", 1, "git_repository: Choose a repository"),
        (HEAD + "HedgehogFabric\nname: east\nschema_mode: enforce\n", 1, "schema_source: Choose the definitions"),
        (CORE + "---\n" + CORE, 8, "described at fleet.yaml:1 already"),
        ("- a\n", 1, "must be a mapping"),
    ],
)
def test_a_wrong_document_is_said_at_its_line(text, line, said):
    found = problems(text)
    assert [number for number, _, _ in found] == [line]
    assert said in found[0][2]


def test_everything_that_is_wrong_is_said_at_once():
    wrong_core = CORE + "nonsense: 1\nbranch: 5\n"
    wrong_east = EAST.replace("active", "aktive").replace(": core", ": cora") + "sync_interval: soon\n"
    assert [field for _, field, _ in problems(wrong_core, wrong_east)] == [
        "nonsense",
        "branch",
        "sync_interval",
        "git_repository",
        "status",
    ]


def test_a_wrong_reference_names_one_that_is_stored():
    baker.make_recipe("tests.repository", name="core")
    assert "did you mean “core”?" in problems(EAST.replace(": core", ": cora"))[0][2]


# --- Writing


def test_only_columns_that_differ_are_written():
    fabric = baker.make_recipe("tests.due_fabric", name="east", sync_interval=300)
    plan = planned(HEAD + "HedgehogFabric\nname: east\nsync_interval: 60\ndescription: ''\n")
    HedgehogFabric.objects.filter(pk=fabric.pk).update(description="an operator's", resource_count=7, last_sync=NOW)
    apply(plan, None)
    fabric.refresh_from_db()
    assert (fabric.sync_interval, fabric.description) == (60, "an operator's")
    assert (fabric.resource_count, fabric.last_sync) == (7, NOW)


def test_nothing_is_half_applied():
    plan = planned(CORE, EAST)
    HedgehogFabric.objects.create(name="east")
    with pytest.raises(IntegrityError):
        apply(plan, None)
    assert not GitRepository.objects.exists()


def test_queries_do_not_grow_with_the_fabrics():
    def fleet(size: int) -> list[str]:
        return [EAST.replace("name: east", f"name: fabric-{number}") for number in range(size)]

    def queries(*texts: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            imported(*texts)
        return len(caught)

    imported(CORE)
    assert queries(*fleet(2)) == queries(*fleet(60)[2:])
    changed = [text.replace("active", "maintenance") for text in fleet(60)]
    assert queries(*changed[:3]) == queries(*changed[3:])


def test_changes_are_on_record_under_the_user_who_is_named():
    user = baker.make(User)
    imported(CORE, EAST, user_id=user.pk)
    imported(EAST + "sync_interval: 60\n", user_id=user.pk)
    imported(CORE, prune=Prune.DELETE, user_id=user.pk)
    entries = LogEntry.objects.filter(user=user, object_repr="east").order_by("pk")
    assert [entry.action_flag for entry in entries] == [ADDITION, CHANGE, DELETION]
    assert [entry.get_change_message() for entry in entries[1:]] == [
        "Imported. Sync interval: 300 → 60.",
        "Not in the file.",
    ]


def test_without_a_user_nothing_is_on_record():
    imported(CORE)
    assert not LogEntry.objects.exists()


# --- What no entry describes


def test_it_is_left_alone_unless_asked_for():
    baker.make_recipe("tests.due_fabric", name="west")
    imported(CORE, EAST)
    assert HedgehogFabric.objects.get(name="west").sync_enabled


def test_fabrics_are_disabled_once():
    baker.make_recipe("tests.due_fabric", name="west")
    plan = imported(CORE, EAST, prune=Prune.DISABLE)
    assert [change.name for change in plan.disabled] == ["west"]
    assert not HedgehogFabric.objects.get(name="west").sync_enabled
    assert HedgehogFabric.objects.get(name="east").sync_enabled
    assert not imported(CORE, EAST, prune=Prune.DISABLE)


def test_all_kinds_are_deleted_with_what_hangs_on_them():
    west = baker.make_recipe("tests.due_fabric", name="west")
    baker.make(FabricResource, fabric=west)
    SchemaSource.objects.create(name="old", git_repository=west.git_repository)
    imported(CORE, EAST, prune=Prune.DELETE)
    assert [row["name"] for rows in told().values() for row in rows] == ["core", "east"]
    assert not FabricResource.objects.exists()


def test_what_a_described_fabric_uses_is_not_deleted():
    imported(CORE, EAST)
    ((line, _, message),) = problems(HEAD + "HedgehogFabric\nname: east\n", prune=Prune.DELETE)
    assert line == 1
    assert "uses the Git repository “core”" in message


# --- Some of them


def test_chosen_fabrics_come_with_what_they_use():
    imported(CORE, EAST)
    baker.make_recipe("tests.due_fabric", name="west")
    source = GitRepository.objects.create(name="definitions", url="https://git.example.com/crd.git")
    schemas = SchemaSource.objects.create(name="upstream", git_repository=source)
    HedgehogFabric.objects.filter(name="east").update(schema_source=schemas)
    assert [(written.kind.name, written.name) for written in write(["east"])] == [
        ("GitRepository", "core"),
        ("GitRepository", "definitions"),
        ("SchemaSource", "upstream"),
        ("HedgehogFabric", "east"),
    ]
