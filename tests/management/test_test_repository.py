from __future__ import annotations

import io
import json

import asyncssh
import pytest
from django.core.management import CommandError, call_command
from model_bakery import baker

from tests.support.remote import document
from tests.support.ssh_server import SshServer, private_text

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[int, str]:
    """The exit code and what was printed."""
    output = io.StringIO()
    try:
        call_command("test_repository", *arguments, stdout=output, stderr=output, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), output.getvalue()
    return 0, output.getvalue()


@pytest.fixture
def commit(remote):
    return remote.commit({"east/a.yaml": document("a"), "east/b.yaml": document("b")})


@pytest.fixture
def repository(remote, commit):
    return baker.make_recipe("tests.repository", name="core", url=remote.url)


def test_what_works_is_said_with_its_head_and_counts(repository, commit):
    code, said = run("core", "--directory", "/east", "--directory", "/")
    assert code == 0
    assert [line.split("  ") for line in said.splitlines()][1:] == [["/east", "2 manifests"], ["/", "2 manifests"]]
    assert f"main  commit {commit}" in said


def test_json_says_the_same(repository, commit):
    code, said = run("core", "--json")
    report = json.loads(said)
    assert (code, report["ok"], report["commit"]) == (0, True, commit)
    assert report["directories"] == [{"directory": "/", "manifests": 2, "error": None}]


def test_what_somebody_must_mend_ends_with_1_and_its_remedy(repository):
    code, said = run("core", "--ref", "gone")
    assert code == 1
    assert "git.ref_not_found" in said
    assert "Correct the branch" in said
    assert run("core", "--directory", "/gone", "--json")[0] == 1


def test_what_may_pass_by_itself_ends_with_3(repository, remote):
    remote.server.status = 503
    code, said = run("core", "--json")
    assert (code, json.loads(said)["error"]["code"]) == (3, "git.server_error")


def test_a_name_that_no_repository_has_ends_with_2():
    with pytest.raises(CommandError, match="no repository “core”") as raised:
        run("core")
    assert raised.value.returncode == 2


def test_an_unknown_host_key_is_stored_only_when_asked_for(remote, commit, repository):
    key = asyncssh.generate_private_key("ssh-ed25519")
    with SshServer(remote.server.root, authorized=[key]) as ssh:
        repository.url, repository.ssh_private_key = ssh.url("fabrics.git"), private_text(key)
        repository.save()
        code, said = run("core")
        assert code == 1
        assert "git.host_key" in said
        assert ssh.known_hosts.split()[2] in said
        assert run("core")[0] == 1
        assert run("core", "--trust-host-key")[0] == 0
        assert run("core")[0] == 0
