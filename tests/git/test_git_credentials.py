from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pygit2
import pytest

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git import (
    Anonymous,
    Credential,
    GitSource,
    SshKey,
    UserPassword,
    mirror_at,
    remote_head,
)
from netbox_hedgehog.git.failures import translate
from tests.git.conftest import LOOSE
from tests.support.git_server import GitServer

KEY = SshKey("git", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "phrase-of-mine")


@pytest.mark.parametrize(
    ("credential", "secrets"),
    [
        (UserPassword("alice", "hunter2"), ["hunter2"]),
        (UserPassword("my-own-token", ""), ["my-own-token"]),
        (UserPassword("my-own-token", "x-oauth-basic"), ["my-own-token"]),
        (KEY, ["BEGIN OPENSSH", "phrase-of-mine"]),
    ],
)
def test_no_repr_shows_a_secret(credential: Credential, secrets: list[str]) -> None:
    source = GitSource(url="https://bob:swordfish@host/x", ref="main", policy=LOOSE, credential=credential)
    shown = f"{credential!r} {credential} {source!r} {source} {[source]}"
    assert "[REDACTED]" in repr(credential)
    assert not [secret for secret in [*secrets, "swordfish"] if secret in shown]


def test_credentials_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        UserPassword("a", "b").password = "c"  # type: ignore[misc]


def test_a_secret_that_a_server_repeats_is_removed_from_the_error() -> None:
    error = translate(pygit2.GitError("remote said: opensesame-7 is wrong"), UserPassword("alice", "opensesame-7"))
    assert "opensesame-7" not in f"{error}{error.args}{error.message}{error.remedy}"
    assert "[REDACTED]" in error.message


@pytest.fixture
def private(served: Path, fabric: Path) -> Iterator[GitServer]:
    with GitServer(served, "alice", "pä:ss wörd/@") as running:
        yield running


@pytest.fixture
def guarded(private: GitServer) -> Callable[[Credential], GitSource]:
    return lambda credential: GitSource(url=private.url("fabric.git"), ref="main", policy=LOOSE, credential=credential)


def test_the_right_password_opens_the_repository(guarded: Callable[[Credential], GitSource], tmp_path: Path) -> None:
    source = guarded(UserPassword("alice", "pä:ss wörd/@"))
    head = remote_head(source)
    assert str(mirror_at(tmp_path / "mirrors", source, head)[head].id) == head


@pytest.mark.parametrize(
    ("credential", "reason"),
    [
        (Anonymous(), "none are set"),
        (UserPassword("alice", "wrong-password"), "refused"),
        (KEY, "kind of credential"),
    ],
)
def test_a_wrong_credential_needs_the_operator(
    guarded: Callable[[Credential], GitSource], credential: Credential, reason: str
) -> None:
    with pytest.raises(NeedsOperator, match=reason) as caught:
        remote_head(guarded(credential))
    assert caught.value.code == "git.auth_failed"
    assert "wrong-password" not in str(caught.value)


def test_a_refused_password_is_not_tried_twice(guarded: Callable[[Credential], GitSource], private: GitServer) -> None:
    with pytest.raises(NeedsOperator):
        remote_head(guarded(UserPassword("alice", "wrong")))
    assert private.requests == 2  # one without, one with the credential


def test_a_password_is_nowhere_in_the_mirror(guarded: Callable[[Credential], GitSource], tmp_path: Path) -> None:
    source = guarded(UserPassword("alice", "pä:ss wörd/@"))
    mirror_at(tmp_path / "mirrors", source, remote_head(source))
    files = [path for path in (tmp_path / "mirrors").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if "wörd".encode() in path.read_bytes() or b"alice" in path.read_bytes()]
    assert not [path for path in files if "alice" in str(path.relative_to(tmp_path))]
