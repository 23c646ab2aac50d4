"""libgit2's errors in an operator's words: a stable code, what went wrong, what to do.

libgit2 has no error codes for most network failures, so its English messages are matched; the tests provoke each of
them with a real server, and would notice a message that changed.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import pygit2

from netbox_hedgehog.errors import InternalFault, NeedsOperator, RetryLater, SyncError
from netbox_hedgehog.git.credentials import Credential, without_secrets

if TYPE_CHECKING:
    from netbox_hedgehog.git.limits import GitLimits

_CHECK_CREDENTIALS: Final = "Check the repository's credentials and that they grant read access to it."
_CHECK_URL: Final = "Check the repository's URL; some servers also say this when the credentials grant no access."
_DISK_FULL: Final = "The disk that holds the mirrors is full."
_REDIRECTED: Final = "The server redirects to another address, which is not followed."
_REDIRECT_TARGET: Final = "Enter the address that the server redirects to (often the same URL with .git at its end)."
_RIGHT_REPOSITORY: Final = "Check that this is the repository with the manifests; if so, raise the limit."
_WAIT: Final = "It is tried again by itself; if it stays, ask the operators of the Git server."


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    kind: type[SyncError]
    code: str
    message: str
    remedy: str


def _rule(pattern: str, kind: type[SyncError], code: str, message: str, remedy: str) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), kind, code, message, remedy)


# The first match wins: the specific stand before the general.
_RULES: Final = (
    _rule(
        r"no space left|disk quota exceeded",
        RetryLater,
        "git.disk_full",
        _DISK_FULL,
        "Free space on the worker.",
    ),
    _rule(
        r"malformed (hostname|url)|invalid url",
        NeedsOperator,
        "git.url_invalid",
        "The repository URL is not valid.",
        "Correct the URL, for example https://git.example.com/network/fabric.git.",
    ),
    _rule(
        r"(private|public) ?key|passphrase",
        NeedsOperator,
        "git.auth_failed",
        "The SSH private key cannot be used: it is damaged, of an unknown kind, or its passphrase is wrong.",
        "Enter the key and its passphrase again.",
    ),
    _rule(
        r"status code: 40[13]|authenticat|too many redirects or auth",
        NeedsOperator,
        "git.auth_failed",
        "The server refused the credentials.",
        _CHECK_CREDENTIALS,
    ),
    _rule(
        r"status code: 3\d\d|redirect",
        NeedsOperator,
        "git.url_refused",
        _REDIRECTED,
        _REDIRECT_TARGET,
    ),
    _rule(
        r"status code: (404|410)|repository .*not found|not appear to be a git|failed to resolve path"
        r"|could not find repo|invalid content-type|not exported",
        NeedsOperator,
        "git.not_found",
        "There is no Git repository at this URL.",
        _CHECK_URL,
    ),
    _rule(
        r"status code",
        RetryLater,
        "git.server_error",
        "The Git server is overloaded or has an internal error.",
        _WAIT,
    ),
    _rule(
        r"certificate",
        NeedsOperator,
        "git.tls",
        "The TLS certificate of the Git server is not trusted.",
        "Install the certificate of the signing authority on the workers, or correct the host name.",
    ),
    _rule(
        r"hostkey|host key|known.?hosts",
        NeedsOperator,
        "git.host_key",
        "The SSH host key of the server is not among the known hosts of this repository.",
        "Compare the server's key with its operator and add its line to the known hosts.",
    ),
    _rule(
        r"resolve address",
        RetryLater,
        "git.dns",
        "The name of the Git server cannot be resolved.",
        "Check the host in the repository's URL and the DNS servers of the workers.",
    ),
    _rule(
        r"connection refused",
        RetryLater,
        "git.refused",
        "The Git server refuses connections.",
        "Check the host and port in the repository's URL, and that the server runs.",
    ),
    _rule(
        r"timed out|timeout",
        RetryLater,
        "git.timeout",
        "The Git server did not answer in time.",
        "Check that the worker can reach the server and that the server is not overloaded.",
    ),
    _rule(
        r"not owned by current user",
        NeedsOperator,
        "git.not_owned",
        "The repository's directory belongs to another user of this machine.",
        "Give the directory to the user that runs the workers.",
    ),
    _rule(
        r"mismatch|corrupt|inflate|zlib|packfile|indexer|trailer|object not found|unresolved deltas"
        r"|missing (tree|blob|commit|object)|loose object|reference",
        RetryLater,
        "git.corrupt",
        "The Git data received or stored is damaged.",
        _WAIT,
    ),
    _rule(
        r"could not read refs",  # over SSH, all that libgit2 tells of a missing repository
        RetryLater,
        "git.network",
        "The Git server closed the connection before it listed its branches.",
        "Check the path in the repository's URL and that the credentials may read it; otherwise it is a passing fault.",
    ),
    _rule(
        r"ssl|tls|ssh|socket|network|connect|eof|unreachable|transport|protocol|pkt|stream|http|could not read"
        r"|invalid response|packet",
        RetryLater,
        "git.network",
        "The connection to the Git server broke.",
        _WAIT,
    ),
)


def translate(error: BaseException, credential: Credential) -> SyncError:
    """The SyncError that says what ``error`` means; never contains a secret of ``credential``."""
    if isinstance(error, SyncError):
        return error
    said = without_secrets(str(error), credential)
    if isinstance(error, OSError):
        return _from_os_error(error, said)
    if isinstance(error, pygit2.AuthError):
        return auth_failed("the server refused the credentials")
    for rule in _RULES:
        if rule.pattern.search(said):
            return rule.kind(rule.code, f"{rule.message} (Git says: {said})", rule.remedy)
    return RetryLater("git.failed", f"Git failed: {said}", _WAIT)


def auth_failed(reason: str, remedy: str = _CHECK_CREDENTIALS) -> NeedsOperator:
    return NeedsOperator("git.auth_failed", f"Authentication failed: {reason}.", remedy)


def redirected() -> NeedsOperator:
    """The ``git.url_refused`` error of a server that sends its visitors to another host."""
    return NeedsOperator("git.url_refused", _REDIRECTED, _REDIRECT_TARGET)


def timed_out(limits: GitLimits) -> RetryLater:
    return RetryLater(
        "git.timeout",
        f"The Git server did not finish within {limits.timeout_seconds:g} seconds.",
        "Check that the server is not overloaded; a very large repository may need a longer timeout.",
    )


def too_large(limits: GitLimits) -> NeedsOperator:
    return NeedsOperator(
        "git.too_large",
        f"The repository sends more than the limit of {limits.max_received_bytes} bytes.",
        _RIGHT_REPOSITORY,
    )


def too_many_objects(announced: int, limits: GitLimits) -> NeedsOperator:
    return NeedsOperator(
        "git.too_many_objects",
        f"The repository sends {announced} objects, more than the limit of {limits.max_objects}.",
        _RIGHT_REPOSITORY,
    )


def ref_not_found(ref: str, reason: str) -> NeedsOperator:
    return NeedsOperator(
        "git.ref_not_found",
        f"The ref {ref!r} is not in the repository: {reason}.",
        "Correct the branch, tag or commit of the repository, or push it.",
    )


def _from_os_error(error: OSError, said: str) -> SyncError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return RetryLater("git.disk_full", _DISK_FULL, "Free space on the worker.")
    return InternalFault(
        "git.storage",
        f"The directory of the mirrors cannot be used: {said}",
        "Check its path, owner and permissions on the worker.",
    )
