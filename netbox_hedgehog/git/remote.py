"""Ask a server where a ref points, without fetching anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import pygit2

from netbox_hedgehog.git.failures import ref_not_found
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.session import connect
from netbox_hedgehog.git.urls import check_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygit2.remotes import RemoteHead

    from netbox_hedgehog.git.source import GitSource

_COMMIT_ID: Final = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")
_PEELED: Final = "^{}"


class Tip(NamedTuple):
    """A ref of the server and the commit it leads to, annotated tags peeled."""

    name: str
    commit: str


def is_commit_id(ref: str) -> bool:
    return _COMMIT_ID.fullmatch(ref) is not None


def remote_head(source: GitSource) -> str:
    """The commit id (hex, lower case) that ``source.ref`` stands for on the server now.

    A full commit id is returned as it is, without contacting the server. Of a branch and a tag with the same name
    the branch wins, because that is what an operator who names a branch expects to follow.

    Raises NeedsOperator ``git.url_invalid``, ``git.url_refused``, ``git.ref_not_found``, ``git.auth_failed``,
    ``git.not_found``, ``git.tls``, ``git.host_key``, ``git.not_owned``; RetryLater ``git.dns``, ``git.refused``,
    ``git.timeout``, ``git.network``, ``git.server_error``, ``git.failed``.
    """
    check_url(source.url, source.policy)
    if is_commit_id(source.ref):
        return source.ref.lower()
    check_ref(source.ref)
    deadline = Deadline(source.limits.timeout_seconds)
    with connect(pygit2.Repository(), source, deadline) as (remote, _):
        return find_tip(remote.list_heads(connect=False), source.ref).commit


def find_tip(heads: Sequence[RemoteHead], ref: str) -> Tip:
    """The server's ref that ``ref`` means.

    Raises NeedsOperator ``git.ref_not_found``.
    """
    commits = {head.name: str(head.oid) for head in heads if head.name is not None}
    for name in _candidates(ref):
        if name in commits:
            return Tip(name, commits.get(name + _PEELED, commits[name]))
    raise ref_not_found(ref, "the server has no branch or tag of this name" if heads else "the repository is empty")


def check_ref(ref: str) -> None:
    """Refuse a ref that is no valid name: it must never be read as a pattern, a refspec or an option.

    Raises NeedsOperator ``git.ref_not_found``.
    """
    # For libgit2 a name ends at a NUL, and what follows would not be looked at.
    if "\0" in ref or ref.startswith("-") or not all(map(pygit2.reference_is_valid_name, _candidates(ref))):
        raise ref_not_found(ref, "it is not a valid name")


def _candidates(ref: str) -> tuple[str, ...]:
    if ref == "HEAD" or ref.startswith("refs/"):
        return (ref,)
    return (f"refs/heads/{ref}", f"refs/tags/{ref}")
