from __future__ import annotations

import socket

import pytest

from netbox_hedgehog.errors import NeedsOperator, RetryLater
from netbox_hedgehog.git import UrlPolicy, check_address

ON_PREMISES = UrlPolicy(allow_private=True)
PUBLIC_ONLY = UrlPolicy(allow_private=False)


def url_of(address: str) -> str:
    return f"https://[{address}]/x" if ":" in address else f"https://{address}/x"


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "ff02::1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
    ],
)
@pytest.mark.parametrize("policy", [ON_PREMISES, PUBLIC_ONLY], ids=["on-premises", "public-only"])
def test_metadata_and_link_local_addresses_are_always_refused(address: str, policy: UrlPolicy) -> None:
    with pytest.raises(NeedsOperator) as caught:
        check_address(url_of(address), policy)
    assert caught.value.code == "git.url_refused"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "::ffff:10.0.0.1", "127.1"]
)
def test_private_addresses_are_for_the_policy_to_decide(address: str) -> None:
    assert check_address(url_of(address), ON_PREMISES)
    with pytest.raises(NeedsOperator, match="private") as caught:
        check_address(url_of(address), PUBLIC_ONLY)
    assert caught.value.code == "git.url_refused"


@pytest.mark.parametrize("address", ["140.82.121.4", "2606:50c0:8000::153", "::ffff:140.82.121.4"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert check_address(url_of(address), PUBLIC_ONLY)


def test_one_refused_address_among_many_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("140.82.121.4", "169.254.169.254")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(NeedsOperator, match=r"169\.254\.169\.254"):
        check_address("https://rebound.example/x", ON_PREMISES)


@pytest.mark.parametrize("url", ["https://no-such-host.invalid/x", "git@no-such-host.invalid:x"])
def test_a_name_that_does_not_resolve_is_tried_again(url: str) -> None:
    with pytest.raises(RetryLater) as caught:
        check_address(url, ON_PREMISES)
    assert caught.value.code == "git.dns"
    assert "no-such-host.invalid" in caught.value.message


def test_a_file_url_has_no_address() -> None:
    assert check_address("file:///srv/x", PUBLIC_ONLY) == ()
