"""Which network addresses a repository's host may resolve to."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from netbox_hedgehog.errors import NeedsOperator, RetryLater
from netbox_hedgehog.git.urls import UrlPolicy, parse_location

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
_NAT64: Final = IPv6Network("64:ff9b::/96")


def check_address(url: str, policy: UrlPolicy) -> tuple[str, ...]:
    """Resolve the host of ``url`` and return its addresses, all of them allowed; none for a ``file`` URL.

    One refused address among many refuses the host: which of them would be used is not ours to choose.
    Raises NeedsOperator ``git.url_refused`` or ``git.url_invalid``, RetryLater ``git.dns``.
    """
    location = parse_location(url)
    if location.scheme == "file":
        return ()
    addresses = _resolve(location.host, location.port or 0)
    for address in addresses:
        _check(address, policy)
    return tuple(str(address) for address in addresses)


def _resolve(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RetryLater(
            "git.dns",
            f"The name {host} cannot be resolved.",
            "Check the host in the repository's URL and the DNS servers of the workers.",
        ) from None
    return [ip_address(answer[4][0]) for answer in answers]


def _check(address: IPv4Address | IPv6Address, policy: UrlPolicy) -> None:
    for seen in _with_embedded(address):
        if any(seen.version == network.version and seen in network for network in _ALWAYS_REFUSED):
            raise _refused(f"{address} is a link-local, metadata, multicast or unspecified address")
        if not policy.allow_private and not seen.is_global:
            raise _refused(f"{address} is a loopback or private address, which this installation does not allow")


def _with_embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """``address`` and the IPv4 address it would reach through mapping, 6to4 or NAT64."""
    if isinstance(address, IPv4Address):
        return [address]
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is None and address in _NAT64:
        embedded = IPv4Address(int(address) & 0xFFFF_FFFF)
    # A mapped address says nothing of its own: is_global of ::ffff:0:0/96 is false for every one of them.
    return [address] if embedded is None else [embedded]


def _refused(reason: str) -> NeedsOperator:
    return NeedsOperator(
        "git.url_refused",
        f"The repository's host is refused: {reason}.",
        "Use a host that the administrator allows, or check what its name resolves to.",
    )
