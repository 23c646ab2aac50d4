"""Repository URLs. Promise: a URL passes or raises NeedsOperator ``git.url_…``, which quotes no password; what
passed names no credentials and a host that every parser agrees on. Taking credentials out is done once and for all.
"""

import re
from urllib.parse import unquote, urlsplit

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git.urls import UrlPolicy, check_url, is_usual_host, parse_location, shown_url, split_credentials

WORDS = (
    *(
        b"https://",
        b"http://",
        b"ssh://",
        b"file://",
        b"git@",
        b":22/",
        b"@",
        b"%40",
        b"%2f",
        b"[::1]",
        b"?",
        b"#",
        b"\\",
    ),
    *(b"ext::", b"..", b"//", b"user:password@", b"127.0.0.1", b".git", b"-", b"ghp_0123456789abcdef0123"),
)
_POLICY = UrlPolicy(
    allow_private=True, schemes=frozenset({"https", "http", "ssh", "file"}), denied_hosts=(".evil.example",)
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_END_OF_WORD = re.compile(r"[\s\"<>]")
_SECRET = "c4n4ry-s3cr3t"


def take(data: bytes) -> None:
    url = data.decode("utf-8", "replace")
    _checked(url)
    split = split_credentials(url)
    again = split_credentials(split.url)
    assert again.url == split.url, (url, split.url, again.url)
    assert not again.password
    if _SECRET not in url:  # the fuzzer learns what is compared with
        _hides_the_password(url)


def _checked(url: str) -> None:
    try:
        check_url(url, _POLICY)
    except NeedsOperator as problem:
        assert problem.code in {"git.url_invalid", "git.url_refused"}
        return
    location = parse_location(url)
    assert not location.has_password
    if location.scheme != "file":
        assert is_usual_host(location.host)
        assert not location.host.endswith(".evil.example")
    if _SCHEME.match(url):
        assert urlsplit(url).hostname == (location.host or None)
    assert "\0" not in unquote(location.path)


def _hides_the_password(url: str) -> None:
    """Where a password stands in a URL, or in what was meant for one, nothing that is kept, shown or raised has it."""
    rest = url.partition("//")[2]
    for before in ("ssh://", "https://", "https:/", "1https://", ""):
        _is_not_kept(f"{before}user:{_SECRET}@{rest}")


def _is_not_kept(url: str) -> None:
    for each in (url, kept := split_credentials(url).url):
        try:
            check_url(each, _POLICY)
        except NeedsOperator as problem:
            assert _SECRET not in str(problem), url
        else:
            assert _SECRET not in each, url
    if not _END_OF_WORD.search(url):
        assert _SECRET not in kept, url
        assert _SECRET not in shown_url(url), url
