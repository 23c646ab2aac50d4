from __future__ import annotations

import socket

import pytest

from netbox_hedgehog.errors import NeedsOperator, RetryLater
from netbox_hedgehog.git import UrlPolicy, check_numeric_host
from netbox_hedgehog.git.addresses import allowed_addresses

ON_PREMISES = UrlPolicy(allow_private=True)
PUBLIC_ONLY = UrlPolicy(allow_private=False)


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
        "64:ff9b:1::a9fe:a9fe",
        "::ffff:0:a9fe:a9fe",
        "::a9fe:a9fe",
        "2001:0:a9fe:a9fe::1",
        "2001:db8::200:5efe:a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
    ],
)
@pytest.mark.parametrize("policy", [ON_PREMISES, PUBLIC_ONLY], ids=["on-premises", "public-only"])
def test_metadata_and_link_local_addresses_are_always_refused(address: str, policy: UrlPolicy) -> None:
    with pytest.raises(NeedsOperator) as caught:
        allowed_addresses(address, 443, policy)
    assert caught.value.code == "git.url_refused"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "::ffff:10.0.0.1", "127.1"]
)
def test_private_addresses_are_for_the_policy_to_decide(address: str) -> None:
    assert allowed_addresses(address, 443, ON_PREMISES)
    with pytest.raises(NeedsOperator, match="private") as caught:
        allowed_addresses(address, 443, PUBLIC_ONLY)
    assert caught.value.code == "git.url_refused"


@pytest.mark.parametrize("address", ["140.82.121.4", "2606:50c0:8000::153", "::ffff:140.82.121.4"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert allowed_addresses(address, 443, PUBLIC_ONLY)


def test_one_refused_address_among_many_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("140.82.121.4", "169.254.169.254")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(NeedsOperator, match=r"169\.254\.169\.254"):
        allowed_addresses("rebound.example", 443, ON_PREMISES)


def test_a_name_that_does_not_resolve_is_tried_again() -> None:
    with pytest.raises(RetryLater) as caught:
        allowed_addresses("no-such-host.invalid", 443, ON_PREMISES)
    assert caught.value.code == "git.dns"
    assert "no-such-host.invalid" in caught.value.message


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1", "::ffff:127.0.0.1", "localhost"])
def test_a_denied_address_is_refused_under_whatever_name(address: str) -> None:
    policy = UrlPolicy(allow_private=True, denied_hosts=("127.0.0.1",))
    with pytest.raises(NeedsOperator, match="denied") as caught:
        allowed_addresses(address, 443, policy)
    assert caught.value.code == "git.url_refused"


def test_a_denied_ipv6_address_may_be_written_in_any_form() -> None:
    policy = UrlPolicy(allow_private=True, denied_hosts=("2001:DB8:0::0001",))
    with pytest.raises(NeedsOperator, match="denied"):
        allowed_addresses("2001:db8::1", 443, policy)


def test_what_may_be_connected_to_is_an_address_never_a_name() -> None:
    assert {answer.sockaddr[:2] for answer in allowed_addresses("localhost", 443, ON_PREMISES)} <= {
        ("127.0.0.1", 443),
        ("::1", 443),
    }


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "::ffff:169.254.169.254", "fe80::1"])
def test_an_address_in_the_url_itself_is_judged_without_resolving_anything(host: str) -> None:
    with pytest.raises(NeedsOperator) as caught:
        check_numeric_host(host, ON_PREMISES)
    assert caught.value.code == "git.url_refused"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "", "10.0.0.1"])
def test_names_and_allowed_addresses_pass_as_text(host: str) -> None:
    check_numeric_host(host, ON_PREMISES)
