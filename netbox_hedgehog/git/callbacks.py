"""The answers to libgit2's questions during one connection, and the limits while it receives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pygit2
from pygit2 import callbacks as pygit2_callbacks
from pygit2.enums import CredentialType
from pygit2.ffi import ffi

from netbox_hedgehog.git.credentials import Anonymous, SshKey, UserPassword
from netbox_hedgehog.git.failures import auth_failed, timed_out, too_large, too_many_objects
from netbox_hedgehog.git.host_keys import not_vouched_for
from netbox_hedgehog.git.ssh_keys import check_ssh_key
from netbox_hedgehog.git.streams import host_key_at
from netbox_hedgehog.git.urls import DEFAULT_PORTS, parse_location

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygit2.remotes import TransferProgress

    from netbox_hedgehog.git.limits import Deadline
    from netbox_hedgehog.git.source import GitSource

type Progress = Callable[[str, int, int], None]
"""Called with a stage (``receiving``, ``indexing``), how many objects are done, and of how many; often."""


class Callbacks(pygit2.RemoteCallbacks):
    """Serves one connection: a second question for the same credential means that the first was refused."""

    # libgit2's Python layer decodes the server's chatter strictly before it calls a handler, so one byte that is not
    # UTF-8 would fail the fetch. Without a handler it is dropped undecoded.
    sideband_progress: Final = None  # type: ignore[assignment]

    def __init__(self, source: GitSource, deadline: Deadline, progress: Progress | None = None) -> None:
        super().__init__()
        self._source = source
        self._deadline = deadline
        self._progress = progress
        self._answered = False
        self.host_key = b""
        """The key that the SSH server showed, in its wire form."""

    def credentials(
        self,
        url: str,  # noqa: ARG002
        username_from_url: str | None,
        allowed_types: CredentialType,
    ) -> pygit2.UserPass | pygit2.Keypair | pygit2.Username:
        """Hand out the source's credential once.

        Raises NeedsOperator ``git.auth_failed``, ``git.ssh_key_rsa``.
        """
        credential = self._source.credential
        if isinstance(credential, Anonymous):
            raise auth_failed(
                "the server asks for credentials and none are set", "Enter credentials for this repository."
            )
        if allowed_types & CredentialType.USERNAME:
            return pygit2.Username(credential.username)
        if self._answered:
            raise auth_failed("the server refused the credentials")
        self._answered = True
        if isinstance(credential, UserPassword) and allowed_types & CredentialType.USERPASS_PLAINTEXT:
            return pygit2.UserPass(credential.username, credential.password)
        if isinstance(credential, SshKey) and allowed_types & CredentialType.SSH_MEMORY:
            if not self._source.allow_rsa_keys:
                check_ssh_key(credential.private_key, credential.passphrase)
            return pygit2.KeypairFromMemory(
                username_from_url or credential.username, None, credential.private_key, credential.passphrase
            )
        raise auth_failed(
            "the server does not accept this kind of credential", "Use the other kind: password or SSH key."
        )

    def certificate_check(self, certificate: None, valid: bool, host: bytes) -> bool:  # noqa: ARG002, FBT001
        """Accept an SSH server that the source's known hosts vouch for; certificates are the dialler's to verify.

        Raises NeedsOperator ``git.host_key``, ``git.host_key_changed``.
        """
        if valid:
            return True
        raise not_vouched_for(*address_of(self._source), self._source.known_hosts, self.host_key)

    def transfer_progress(self, stats: TransferProgress) -> None:
        """Stop a fetch that outgrows its limits or its time.

        Raises NeedsOperator ``git.too_large``, ``git.too_many_objects``; RetryLater ``git.timeout``.
        """
        limits = self._source.limits
        if stats.total_objects > limits.max_objects:
            raise too_many_objects(stats.total_objects, limits)
        if stats.received_bytes > limits.max_received_bytes:
            raise too_large(limits)
        if self._deadline.passed:
            raise timed_out(limits)
        if self._progress is not None:
            if stats.received_objects < stats.total_objects or not stats.total_deltas:
                self._progress("receiving", stats.received_objects, stats.total_objects)
            else:
                self._progress("indexing", stats.indexed_deltas, stats.total_deltas)


def address_of(source: GitSource) -> tuple[str, int]:
    """Host and port under which the known hosts list the SSH server of ``source``."""
    location = parse_location(source.url)
    return location.host, location.port or DEFAULT_PORTS["ssh"]


# pygit2 passes no certificate on to Python. Its own function stays in charge; this one looks at the key on the way.
_passed_on: Final = pygit2_callbacks._certificate_check_cb  # noqa: SLF001 - there is no public way to the key


def _look_at_host_key(certificate: Any, valid: int, host: Any, payload: Any) -> int:
    callbacks = ffi.from_handle(payload)
    if isinstance(callbacks, Callbacks):
        callbacks.host_key = host_key_at(int(ffi.cast("uintptr_t", certificate)))
    return int(_passed_on(certificate, valid, host, payload))


ffi.def_extern(name="_certificate_check_cb")(_look_at_host_key)
