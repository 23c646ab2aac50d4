from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest

from netbox_hedgehog.errors import NeedsOperator, RetryLater
from netbox_hedgehog.git import GitSource, UrlPolicy, remote_head
from tests.git.conftest import LOOSE
from tests.support.certificates import Authority
from tests.support.git_server import GitServer, commit_files

type Make = Callable[..., GitSource]
WHO = pygit2.Signature("Test", "test@example.com", 1_700_000_000, 0)


def test_a_branch_is_its_newest_commit(source: Make, fabric: Path) -> None:
    first = remote_head(source())
    second = commit_files(fabric, {"fabric/switch.yaml": b"kind: Server\n"}, "second")
    assert remote_head(source()) == second != first


def test_asking_costs_one_request(source: Make, server: GitServer) -> None:
    remote_head(source())
    assert server.requests == 1


def test_a_tag_is_the_commit_it_stands_for(source: Make, fabric: Path) -> None:
    repository = pygit2.Repository(str(fabric))
    first = repository.references["refs/heads/main"].target
    commit_files(fabric, {"other": b""}, "second")
    repository.create_reference("refs/tags/light", first)
    annotated = repository.create_tag("annotated", first, pygit2.enums.ObjectType.COMMIT, WHO, "release")
    assert str(annotated) != str(first)
    assert {remote_head(source(ref=ref)) for ref in ("light", "annotated", "refs/tags/annotated")} == {str(first)}


def test_a_branch_wins_over_a_tag_of_the_same_name(source: Make, fabric: Path) -> None:
    repository = pygit2.Repository(str(fabric))
    repository.create_reference("refs/tags/main", repository.references["refs/heads/main"].target)
    second = commit_files(fabric, {"other": b""}, "second")
    assert remote_head(source()) == second
    assert remote_head(source(ref="refs/tags/main")) != second


def test_a_full_commit_id_is_returned_without_asking(source: Make, server: GitServer) -> None:
    assert remote_head(source(ref="AB" * 20)) == "ab" * 20
    assert server.requests == 0


def test_the_default_branch_can_be_followed(source: Make) -> None:
    assert remote_head(source(ref="HEAD")) == remote_head(source())


def test_a_file_url_is_asked_too(source: Make, fabric: Path) -> None:
    policy = UrlPolicy(allow_private=False, schemes=frozenset({"file"}), file_root=fabric.parent)
    assert remote_head(source(url=f"file://{fabric}", policy=policy)) == remote_head(source())


def test_a_missing_ref_needs_the_operator(source: Make) -> None:
    with pytest.raises(NeedsOperator, match="no branch or tag") as caught:
        remote_head(source(ref="gone"))
    assert caught.value.code == "git.ref_not_found"
    assert "'gone'" in caught.value.message


def test_an_empty_repository_has_no_ref(source: Make, server: GitServer, served: Path) -> None:
    pygit2.init_repository(str(served / "empty.git"), bare=True)
    with pytest.raises(NeedsOperator, match="empty") as caught:
        remote_head(source(url=server.url("empty.git")))
    assert caught.value.code == "git.ref_not_found"


@pytest.mark.parametrize("ref", ["", "-x", "--upload-pack=touch", "a:b", "a..b", "*", "refs/heads/*", "a b", "a\nb"])
def test_a_ref_that_could_mean_something_else_is_refused_unasked(source: Make, server: GitServer, ref: str) -> None:
    with pytest.raises(NeedsOperator) as caught:
        remote_head(source(ref=ref))
    assert caught.value.code == "git.ref_not_found"
    assert server.requests == 0


def test_a_missing_repository_needs_the_operator(source: Make, server: GitServer) -> None:
    with pytest.raises(NeedsOperator) as caught:
        remote_head(source(url=server.url("gone.git")))
    assert caught.value.code == "git.not_found"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (403, NeedsOperator, "git.auth_failed"),
        (410, NeedsOperator, "git.not_found"),
        (429, RetryLater, "git.server_error"),
        (500, RetryLater, "git.server_error"),
        (503, RetryLater, "git.server_error"),
    ],
)
def test_an_answer_says_whether_trying_again_helps(
    source: Make, server: GitServer, status: int, kind: type[Exception], code: str
) -> None:
    server.status = status
    with pytest.raises(kind) as caught:
        remote_head(source())
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_a_server_that_is_down_is_tried_again(source: Make, closed_port: int) -> None:
    with pytest.raises(RetryLater) as caught:
        remote_head(source(url=f"http://127.0.0.1:{closed_port}/x"))
    assert caught.value.code == "git.refused"


def test_a_redirect_to_another_host_is_not_followed(source: Make, server: GitServer) -> None:
    target = server.url("").replace("127.0.0.1", "localhost").rstrip("/")
    server.redirect_to = target
    with pytest.raises(NeedsOperator) as caught:
        remote_head(source())
    assert caught.value.code == "git.url_refused"
    assert server.requests == 1


def test_a_redirect_within_the_same_host_is_followed(source: Make, server: GitServer, served: Path) -> None:
    with GitServer(served) as elsewhere:
        server.redirect_to = elsewhere.url("").rstrip("/")
        assert len(remote_head(source())) == 40


def test_a_redirect_from_https_to_http_is_not_followed(source: Make, server: GitServer, tmp_path: Path) -> None:
    """It would take the credentials along, in clear text."""
    authority = Authority("Ours")
    with GitServer(server.root, tls=authority.context(tmp_path)) as secure:
        secure.redirect_to = server.url("").rstrip("/")
        with pytest.raises(NeedsOperator) as caught:
            remote_head(source(url=secure.url("fabric.git"), authorities=authority.pem))
    assert caught.value.code == "git.url_refused"
    assert server.requests == 0


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://169.254.169.254/x", "git.url_refused"),
        ("https://u:p@127.0.0.1/x", "git.url_refused"),
        ("http://[::ffff:169.254.169.254]/x", "git.url_invalid"),
    ],
)
def test_a_url_is_checked_again_at_every_connection(source: Make, url: str, code: str) -> None:
    with pytest.raises(NeedsOperator) as caught:
        remote_head(source(url=url))
    assert caught.value.code == code


def test_an_address_that_the_policy_forbids_is_never_contacted(source: Make, server: GitServer) -> None:
    policy = UrlPolicy(allow_private=False, schemes=LOOSE.schemes)
    with pytest.raises(NeedsOperator, match="private"):
        remote_head(source(policy=policy))
    assert server.requests == 0


ASK = """
import sys
from netbox_hedgehog.git import GitSource, UrlPolicy, remote_head
policy = UrlPolicy(allow_private=True, schemes=frozenset({"http"}))
print(remote_head(GitSource(url=sys.argv[1], ref="main", policy=policy)))
"""


def test_the_machines_git_configuration_changes_nothing(source: Make, tmp_path: Path, server: GitServer) -> None:
    (tmp_path / ".gitconfig").write_text(f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {server.url("")}\n')
    # Another process: libgit2 looks for its configuration once, when it is loaded.
    told = subprocess.run(
        [sys.executable, "-c", ASK, source().url],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == remote_head(source())


def test_an_untrusted_certificate_is_refused(served: Path, fabric: Path, tmp_path: Path) -> None:
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        ["openssl", "req", "-x509", *kind, *subject, "-keyout", "key.pem", "-out", "certificate.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with GitServer(served, tls=context) as server:
        with pytest.raises(NeedsOperator) as caught:
            remote_head(GitSource(url=server.url("fabric.git"), ref="main", policy=LOOSE))
        assert server.requests == 0
    assert caught.value.code == "git.tls"
