"""Open the connections of one Git operation: to an address that the policy allows, within the time, verified."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING, Final

from netbox_hedgehog.errors import NeedsOperator, RetryLater, SyncError
from netbox_hedgehog.git.addresses import allowed_addresses, check_numeric_host
from netbox_hedgehog.git.authorities import trusting
from netbox_hedgehog.git.failures import redirected, timed_out, too_large
from netbox_hedgehog.git.proxy import check_proxy, open_tunnel
from netbox_hedgehog.git.urls import check_host

if TYPE_CHECKING:
    from netbox_hedgehog.git.addresses import Address
    from netbox_hedgehog.git.limits import Deadline, GitLimits
    from netbox_hedgehog.git.proxy import Proxy
    from netbox_hedgehog.git.source import GitSource


class Dialler:
    """Makes every connection of one operation against one source, also those after a redirect."""

    def __init__(self, source: GitSource, deadline: Deadline) -> None:
        self.deadline = deadline
        self.failure: BaseException | None = None
        """What went wrong inside a callback from libgit2, to be raised once libgit2 has returned."""
        self._source = source
        self._host = ""
        self._raw: list[socket.socket] = []
        self._received_bytes = 0

    @property
    def limits(self) -> GitLimits:
        return self._source.limits

    @property
    def wants_descriptor(self) -> bool:
        """Whether libgit2 reads the socket by itself, as its SSH library does."""
        return self._source.is_ssh

    def connect(self, host: str, port: int, *, tls: bool) -> socket.socket:
        """Open a connection to ``host`` and hold the server to its certificate if ``tls``.

        The first one is to the source's own host. After it, libgit2 comes only for what a redirect leads to, which is
        followed within the host alone: to the same name with ``.git``, or to another port.

        Raises NeedsOperator ``git.url_refused``, ``git.tls``, ``git.ca_invalid``; RetryLater ``git.dns``,
        ``git.refused``, ``git.connect_timeout``, ``git.timeout``, ``git.network``; and those of a proxy.
        """
        self._host = self._host or host
        if host != self._host:
            raise redirected()
        proxy = self._source.proxy
        connection = self._tunnel(host, port, proxy) if proxy else self._open(host, port)
        if self.wants_descriptor:
            self._raw.append(connection.dup())
        return self._secured(connection, host) if tls else connection

    def count_received(self, count: int) -> None:
        """Stop an operation in which the server never stops sending; it may do so before any pack: a list of refs.

        Raises NeedsOperator ``git.too_large``.
        """
        self._received_bytes += count
        if self._received_bytes > self.limits.max_received_bytes:
            raise too_large(self.limits)

    def cut(self) -> None:
        """Shut down the connections that libgit2 reads by itself."""
        for connection in self._raw:
            connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give up this object's own hold on connections; libgit2 closes its own."""
        for connection in self._raw:
            connection.close()

    def _tunnel(self, host: str, port: int, proxy: Proxy) -> socket.socket:
        """Connect through ``proxy``, which resolves a name by itself; an address in its place is judged here."""
        policy = self._source.policy
        check_host(host, policy)
        check_numeric_host(host, policy)
        check_proxy(proxy.url, policy)
        connection = self._open(proxy.host, proxy.port, who="proxy")
        try:
            open_tunnel(connection, proxy, (host, port), self.deadline)
        except OSError as error:
            connection.close()
            raise _unreachable("proxy", proxy.host, proxy.port, error) from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self, host: str, port: int, *, who: str = "Git server") -> socket.socket:
        """Connect to the first address that answers; all of them are allowed."""
        failure: SyncError | None = None
        patience = min(self.deadline.remaining_seconds, self.limits.connect_timeout_seconds)
        for address in allowed_addresses(host, port, self._source.policy, patience):
            try:
                return self._connect_to(address)
            except OSError as error:
                failure = _unreachable(who, host, port, error)
        raise failure or RetryLater("git.dns", f"The name {host} has no address.", "Check the host in the URL.")

    def _connect_to(self, address: Address) -> socket.socket:
        remaining = self.deadline.remaining_seconds
        if not remaining:
            raise timed_out(self.limits)
        connection = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            connection.settimeout(min(remaining, self.limits.connect_timeout_seconds))
            connection.connect(address.sockaddr)
            # libgit2 sends a request in two writes; the second would wait for the first one's acknowledgement.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            connection.close()
            raise
        return connection

    def _secured(self, connection: socket.socket, host: str) -> socket.socket:
        try:
            connection.settimeout(min(self.deadline.remaining_seconds, self.limits.connect_timeout_seconds) or 0.001)
            return trusting(self._source.authorities).wrap_socket(connection, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise _not_trusted(host, error, own=bool(self._source.authorities)) from None
        except ssl.SSLError as error:
            connection.close()
            raise _no_tls(host, error) from None
        except BaseException:
            connection.close()
            raise


def _unreachable(who: str, host: str, port: int, error: OSError) -> SyncError:
    where = f"{host}, port {port}"
    if isinstance(error, ConnectionRefusedError):
        return RetryLater(
            "git.refused",
            f"The {who} refuses connections ({where}).",
            f"Check the host and port of the {who}, and that it runs.",
        )
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return RetryLater(
            "git.connect_timeout",
            f"The {who} does not answer ({where}).",
            f"Check that the worker can reach the {who}: routes, firewalls, and that it runs.",
        )
    return RetryLater(
        "git.network",
        f"The {who} cannot be reached ({where}): {error.strerror or error}.",
        f"Check the network between the worker and the {who}.",
    )


_CERTIFICATE_EXPIRED: Final = 10
_HOST_MISMATCH: Final = frozenset({62, 64})  # a name; an address


def _not_trusted(host: str, error: ssl.SSLCertVerificationError, *, own: bool) -> NeedsOperator:
    remedy = "Enter the signing authority's certificate on the repository, or install it on the workers."
    if own:
        remedy = "Enter the certificate of the authority that signed the server's: the one entered did not."
    if error.verify_code == _CERTIFICATE_EXPIRED:
        remedy = "Let the server's operator renew it. If the server is right, check the clock of the worker."
    if error.verify_code in _HOST_MISMATCH:
        remedy = "Correct the host in the repository's URL, or have the certificate issued for this host."
    return NeedsOperator(
        "git.tls", f"The TLS certificate of {host} is not trusted: {error.verify_message.rstrip('.')}.", remedy
    )


def _no_tls(host: str, error: ssl.SSLError) -> NeedsOperator:
    return NeedsOperator(
        "git.tls",
        f"No TLS connection to {host} can be made: {(error.reason or str(error)).replace('_', ' ').lower()}.",
        "Check that the port in the repository's URL is one that speaks TLS, and that the server is up to date.",
    )
