"""Refs that a server lists, the ref that an operator names, and what a server says when it fails. Promise: one of the
listed refs, or NeedsOperator ``git.ref_not_found``; every text of a server becomes an error with a ``git.`` code, which
no password survives.
"""

from types import SimpleNamespace

import pygit2

from netbox_hedgehog.errors import NeedsOperator, SyncError
from netbox_hedgehog.git.credentials import UserPassword
from netbox_hedgehog.git.failures import translate
from netbox_hedgehog.git.remote import check_ref, find_tip, is_commit_id

WORDS = (
    *(
        b"refs/heads/",
        b"refs/tags/",
        b"HEAD",
        b"^{}",
        b"\n",
        b"-",
        b"..",
        b"@{",
        b"~",
        b"*",
        b"unexpected http status code: 401",
    ),
    *(
        b"not found",
        b"certificate",
        b"known hosts",
        b"password",
        b"token=",
        b"c4n4ry-s3cr3t",
        b"http://u:c4n4ry-s3cr3t@h/",
    ),
)
_CREDENTIAL = UserPassword("reader", "c4n4ry-s3cr3t")


def take(data: bytes) -> None:
    ref, *names = data.decode("utf-8", "replace").split("\n")
    try:
        check_ref(ref)
    except NeedsOperator as problem:
        assert problem.code == "git.ref_not_found"
    else:
        assert not ref.startswith("-")
        assert "*" not in ref
    _found(ref, names)
    for kind in (pygit2.GitError, ValueError, OSError):
        error = translate(kind(data.decode("utf-8", "replace")), _CREDENTIAL)
        assert isinstance(error, SyncError)
        assert error.code.startswith("git.")
        assert "c4n4ry-s3cr3t" not in str(error)
    assert is_commit_id(ref) in {True, False}


def _found(ref: str, names: list[str]) -> None:
    heads = [SimpleNamespace(name=name or None, oid=f"{number:040x}") for number, name in enumerate(names)]
    try:
        tip = find_tip(heads, ref)
    except NeedsOperator as problem:
        assert problem.code == "git.ref_not_found"
    else:
        assert tip.name in names
