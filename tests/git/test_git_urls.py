from __future__ import annotations

from pathlib import Path

import pytest

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git import UrlPolicy, check_url, shown_url, split_credentials

POLICY = UrlPolicy(allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/network/fabric.git",
        "https://git.example.com:8443/network/fabric",
        "HTTPS://git.example.com/network/fabric",
        "https://[2001:db8::1]/network/fabric",
        "https://example.com/a%20b.git".replace("%20", "-"),
        "ssh://git@git.example.com/network/fabric.git",
        "ssh://git@git.example.com:2222/network/fabric.git",
        "git@git.example.com:network/fabric.git",
        "git.example.com:network/fabric.git",
    ],
)
def test_https_and_ssh_urls_are_allowed_by_default(url: str) -> None:
    check_url(url, POLICY)


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example.com/fabric.git",
        "git://git.example.com/fabric.git",
        "ftp://git.example.com/fabric.git",
        "file:///srv/fabric.git",
        "ext::sh -c touch% /tmp/x".replace(" ", "%"),
        "ext::https://git.example.com/fabric.git",
        "fd::17/foo",
        "https://user:hunter2@git.example.com/fabric.git",
        "https://ghp_0123456789abcdef0123@git.example.com/fabric.git",
        "ssh://git:hunter2@git.example.com/fabric.git",
    ],
)
def test_what_the_policy_does_not_allow_is_refused(url: str) -> None:
    with pytest.raises(NeedsOperator) as caught:
        check_url(url, POLICY)
    assert caught.value.code == "git.url_refused"
    assert "hunter2" not in str(caught.value)
    assert "ghp_" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "/srv/fabric.git",
        "../fabric.git",
        "-oProxyCommand=touch",
        "https://-oProxyCommand=x/fabric.git",
        "ssh://-oProxyCommand=x/fabric.git",
        "ssh://-oProxyCommand=x@host/fabric.git",
        "-oProxyCommand=x@host:fabric.git",
        "git@-host:fabric.git",
        "git@host:-fabric.git",
        "git@host:%2dfabric.git",
        "ssh://git@host/-fabric.git",
        "ssh://git@host/%2dfabric.git",
        "https://host/a\nb",
        "https://host/a%0ab",
        "https://host/\x00",
        "https://good.example\\@evil.example/x",
        "https://good.example%2f@evil/x".replace("@", "%40"),
        "https://host:notaport/x",
        "https://host:99999/x",
        "https://[::1/x",
        "https:///x",
        "https://host",
        "https://host/x?service=y",
        "https://host/x#y",
    ],
)
def test_a_url_that_could_mean_something_else_is_invalid(url: str) -> None:
    with pytest.raises(NeedsOperator) as caught:
        check_url(url, POLICY)
    assert caught.value.code == "git.url_invalid"
    assert caught.value.remedy


def test_credentials_in_a_url_are_refused_with_a_way_out() -> None:
    with pytest.raises(NeedsOperator) as caught:
        check_url("https://user:hunter2@git.example.com/x", POLICY)
    assert "credential fields" in caught.value.remedy


class TestFileUrls:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "root"
        root.mkdir()
        return root

    @pytest.fixture
    def policy(self, root: Path) -> UrlPolicy:
        return UrlPolicy(allow_private=True, schemes=frozenset({"file"}), file_root=root)

    def test_a_path_below_the_root_is_allowed(self, root: Path, policy: UrlPolicy) -> None:
        check_url(f"file://{root}/fabric.git", policy)

    @pytest.mark.parametrize("path", ["/etc", "{root}/../outside", "{root}-twin/x", "{root}/%2e%2e/outside"])
    def test_a_path_outside_the_root_is_refused(self, path: str, root: Path, policy: UrlPolicy) -> None:
        with pytest.raises(NeedsOperator, match="outside") as caught:
            check_url("file://" + path.format(root=root), policy)
        assert caught.value.code == "git.url_refused"

    def test_a_link_out_of_the_root_is_refused(self, root: Path, policy: UrlPolicy, tmp_path: Path) -> None:
        (root / "link").symlink_to(tmp_path)
        with pytest.raises(NeedsOperator, match="outside"):
            check_url(f"file://{root}/link/fabric.git", policy)

    def test_the_scheme_alone_opens_nothing(self) -> None:
        with pytest.raises(NeedsOperator, match="no directory"):
            check_url("file:///etc", UrlPolicy(allow_private=True, schemes=frozenset({"file"})))

    def test_a_root_alone_opens_nothing(self, root: Path) -> None:
        with pytest.raises(NeedsOperator, match="scheme file"):
            check_url(f"file://{root}/x", UrlPolicy(allow_private=True, file_root=root))

    def test_a_root_that_is_not_there_opens_nothing(self, root: Path) -> None:
        policy = UrlPolicy(allow_private=True, schemes=frozenset({"file"}), file_root=root / "gone")
        with pytest.raises(NeedsOperator, match="cannot be read"):
            check_url(f"file://{root}/gone/x", policy)

    def test_a_host_in_a_file_url_is_invalid(self, root: Path, policy: UrlPolicy) -> None:
        with pytest.raises(NeedsOperator, match=r"file:///"):
            check_url(f"file://host{root}/x", policy)


@pytest.mark.parametrize(
    ("url", "clean", "username", "password"),
    [
        ("https://host/x", "https://host/x", "", ""),
        ("https://u:p@host:1/x", "https://host:1/x", "u", "p"),
        ("https://token@host/x", "https://host/x", "token", ""),
        ("https://u:p%40ss%2Fw%3A@host/x", "https://host/x", "u", "p@ss/w:"),
        ("https://u:p@ss@host/x", "https://host/x", "u", "p@ss"),
        ("https://u:p@host", "https://host", "u", "p"),
        ("https://host/x@y", "https://host/x@y", "", ""),
        ("http://u:p@host/x", "http://host/x", "u", "p"),
        ("ssh://git@host/x", "ssh://git@host/x", "git", ""),
        ("ssh://git:p@host/x", "ssh://git@host/x", "git", "p"),
        ("git@host:x", "git@host:x", "", ""),
    ],
)
def test_credentials_are_moved_out_of_a_url(url: str, clean: str, username: str, password: str) -> None:
    split = split_credentials(url)
    assert (split.url, split.username, split.password) == (clean, username, password)


def test_a_split_url_does_not_show_its_secrets() -> None:
    text = repr(split_credentials("https://alice:hunter2@host/x"))
    assert "hunter2" not in text
    assert "[REDACTED]" in text


def test_a_split_url_passes_the_check() -> None:
    check_url(split_credentials("https://alice:hunter2@host/x").url, POLICY)


@pytest.mark.parametrize("before", ["", "https:/", "1https://", "git@host:"])
def test_a_password_without_a_scheme_is_neither_accepted_nor_kept_nor_shown(before):
    url = f"{before}user:s3cr3t@host/fabric.git"
    with pytest.raises(NeedsOperator) as refused:
        check_url(url, UrlPolicy(allow_private=True))
    assert refused.value.code == "git.url_invalid"
    assert "s3cr3t" not in str(refused.value)
    split = split_credentials(url)
    assert (split.url, split.username, split.password) == ("host/fabric.git", "user", "s3cr3t")
    assert shown_url(url) == "host/fabric.git"


def test_a_token_without_a_scheme_is_kept_as_the_password():
    split = split_credentials("https:/t0k3n@host/fabric.git")
    assert (split.url, split.username, split.password) == ("host/fabric.git", "x-access-token", "t0k3n")


@pytest.mark.parametrize("userinfo", ["{token}", "{token}:", "{token}:x-oauth-basic"])
def test_a_token_in_the_users_place_is_kept_as_the_password(userinfo):
    token = "ghp_" + "a1B2" * 9
    split = split_credentials(f"https://{userinfo.format(token=token)}@github.com/network/fabric.git")
    assert (split.url, split.username, split.password) == (
        "https://github.com/network/fabric.git",
        "x-access-token",
        token,
    )


@pytest.mark.parametrize("url", ["ssh://{}@github.com/network/fabric.git", "{}@github.com:network/fabric.git"])
def test_a_token_in_the_account_s_place_does_not_stay_in_the_url(url):
    token = "ghp_" + "a1B2" * 9
    split = split_credentials(url.format(token))
    assert (split.username, split.password) == ("x-access-token", token)
    assert split.url == url.format("").replace("@", "")


LISTS = UrlPolicy(
    allow_private=True, allowed_hosts=("git.example.com", ".lab.example.com"), denied_hosts=("old.lab.example.com",)
)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/x",
        "https://GIT.example.com./x",
        "git@git.example.com:x",
        "ssh://git@a.lab.example.com:2222/x",
        "https://a.b.lab.example.com/x",
    ],
)
def test_a_listed_host_is_allowed_by_name_or_by_its_domain(url: str) -> None:
    check_url(url, LISTS)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://lab.example.com/x", "not on the list"),
        ("https://git.example.com.evil.test/x", "not on the list"),
        ("https://evilgit.example.com/x", "not on the list"),
        ("https://old.lab.example.com/x", "denied"),
        ("https://OLD.lab.example.com./x", "denied"),
        ("git@old.lab.example.com:x", "denied"),
    ],
)
def test_any_other_host_is_refused_and_so_is_a_denied_one(url: str, reason: str) -> None:
    with pytest.raises(NeedsOperator, match=reason) as caught:
        check_url(url, LISTS)
    assert caught.value.code == "git.url_refused"


@pytest.mark.parametrize(
    "url",
    ["ssh://git@git.example.com:2222/x.git", "git@git.example.com:x.git", "https://git.example.com/x", "ssh://host/x"],
)
def test_the_account_of_an_ssh_url_is_shown_as_it_is(url: str) -> None:
    assert shown_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://bob:swordfish-77@git.example.com/x",
        "https://swordfish-77@git.example.com/x",
        "ssh://git:swordfish-77@git.example.com/x",
        "https://bob:swordfish-77@git.example.com/x?y",
        "ssh://ghp_swordfish77swordfish77swordfish77@git.example.com/x",
    ],
)
def test_anything_else_before_the_host_is_hidden(url: str) -> None:
    assert "swordfish" not in shown_url(url)
