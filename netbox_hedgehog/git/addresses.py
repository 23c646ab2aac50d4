"""Which network addresses a repository's host may resolve to."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple

from netbox_hedgehog.errors import NeedsOperator, RetryLater
from netbox_hedgehog.git.urls import UrlPolicy, check_host

# Link-local, this-network, multicast and reserved ranges, and the metadata services of the large clouds that do not
# sit in a link-local range: whoever can point a repository at one reads the machine's own cloud credentials.
_ALWAYS_REFUSED: Final = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("224.0.0.0/3"),
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv6Network("::/128"),
    IPv6Network("fe80::/10"),
    IPv6Network("ff00::/8"),
    IPv6Network("fd00:ec2::/32"),  # AWS
    IPv6Network("fd20:ce::254/128"),  # Google
)
# Ranges whose addresses say nothing of their own: each stands for the IPv4 address in its last 32 bits.
_STANDS_FOR_IPV4: Final = (
    IPv6Network("::ffff:0:0/96"),  # mapped: what a dual-stack socket shows
    IPv6Network("::ffff:0:0:0/96"),  # translated (SIIT, RFC 2765)
    IPv6Network("64:ff9b::/96"),  # NAT64
)
# Where a network may have its own NAT64 prefix (RFC 8215), and other forms that hold an IPv4 address.
_MAY_HOLD_IPV4: Final = (IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))
_ISATAP: Final = 0x5EFE
_LOW_32_BITS: Final = 0xFFFF_FFFF


class Address(NamedTuple):
    """One address of a host, in the form that a socket connects to."""

    family: int
    sockaddr: tuple[Any, ...]


def allowed_addresses(host: str, port: int, policy: UrlPolicy, timeout_seconds: float = 10.0) -> list[Address]:
    """Resolve ``host``, all of whose addresses must be allowed; connect to what is returned, not to the name.

    One refused address among many refuses the host: it is a mistake or an attempt to get past this check.
    Raises NeedsOperator ``git.url_refused``, RetryLater ``git.dns``.
    """
    check_host(host, policy)
    addresses = _resolve(host, port, timeout_seconds)
    for address in addresses:
        _check(ip_address(address.sockaddr[0]), policy)
    return addresses


def check_numeric_host(host: str, policy: UrlPolicy) -> None:
    """Refuse a ``host`` that is an address, in whatever notation, and not allowed; a name is not resolved.

    Raises NeedsOperator ``git.url_refused``.
    """
    if not host:
        return
    try:
        answers = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return
    for answer in answers:
        _check(ip_address(answer[4][0]), policy)


def _resolve(host: str, port: int, timeout_seconds: float) -> list[Address]:
    """Ask the system's resolver, which has no limit of its own: with many search domains it can take minutes."""
    answered: SimpleQueue[list[Address] | None] = SimpleQueue()
    # A thread that is left behind ends with the resolver's patience.
    Thread(target=lambda: answered.put(_ask_resolver(host, port)), daemon=True).start()
    try:
        addresses = answered.get(timeout=timeout_seconds)
    except Empty:
        raise _unresolved(f"The name {host} was not resolved within {timeout_seconds:g} seconds.") from None
    if addresses is None:
        raise _unresolved(f"The name {host} cannot be resolved.")
    return addresses


def _ask_resolver(host: str, port: int) -> list[Address] | None:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return [Address(answer[0], answer[4]) for answer in answers]


def _unresolved(message: str) -> RetryLater:
    return RetryLater("git.dns", message, "Check the host in the repository's URL and the DNS servers of the workers.")


def _check(address: IPv4Address | IPv6Address, policy: UrlPolicy) -> None:
    for seen in _meanings(address):
        if any(seen.version == network.version and seen in network for network in _ALWAYS_REFUSED):
            raise _refused(f"{address} is a link-local, metadata, multicast or unspecified address")
        if not policy.allow_private and not seen.is_global:
            raise _refused(f"{address} is a loopback or private address, which this installation does not allow")
        if seen in map(_as_address, policy.denied_hosts):
            raise _refused(f"{address} is on the list of denied hosts")


def _as_address(entry: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(entry)
    except ValueError:
        return None


def _meanings(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """``address``, and the IPv4 addresses that it would reach through mapping or a tunnel; or these alone."""
    if isinstance(address, IPv4Address):
        return [address]
    low = IPv4Address(int(address) & _LOW_32_BITS)
    if any(address in network for network in _STANDS_FOR_IPV4):
        return [low]
    held: list[IPv4Address | IPv6Address] = [address]
    is_isatap = (int(address) >> 32) & 0xFDFF_FFFF == _ISATAP  # whatever its "universal" bit says
    if is_isatap or (any(address in network for network in _MAY_HOLD_IPV4) and int(address) > 1):  # ::1 is loopback
        held.append(low)
    held += filter(None, [address.sixtofour, *(address.teredo or ())])
    return held


def _refused(reason: str) -> NeedsOperator:
    return NeedsOperator(
        "git.url_refused",
        f"The repository's host is refused: {reason}.",
        "Use a host that the administrator allows, or check what its name resolves to.",
    )
