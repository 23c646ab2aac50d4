"""Requests. Promise: whatever the path, the query and the ``Authorization`` header, whoever asks, the answer is a page,
a redirect or a refusal (or a probe's 503), never an error; a stranger gets no page of the admin but the one to sign in.

An input is three lines: path and query, the header, the name of another header and its value.
"""

from tests.fuzz.pages import Pages

WORDS = (
    *(
        b"/admin/",
        b"/healthz",
        b"/metrics",
        b"/health/fleet",
        b"netbox_hedgehog/syncrun/",
        b"netbox_hedgehog/hedgehogfabric/",
    ),
    *(
        b"?",
        b"&",
        b"=",
        b"__exact=",
        b"__gte=",
        b"__in=",
        b"__isnull=",
        b"o=",
        b"p=",
        b"q=",
        b"all=",
        b"e=1",
        b"_popup=1",
        b"_to_field=id",
    ),
    *(
        b"-1",
        b"99999999999999999999",
        b"%00",
        b"%ff",
        b"%F0%9F",
        b"../",
        b"change/",
        b"add/",
        b"1/",
        b"\n",
        b"Bearer a key",
    ),
    *(
        b"started_at_from_0=2026-01-01",
        b"started_at_to_1=25:61",
        b"fabric=",
        b"status__exact=",
        b"show=",
        b"exclude=database",
    ),
)
_GOOD = 200
_ERROR = 500
_pages = Pages()
prepare = _pages.prepare


def take(data: bytes) -> None:
    address, authorization, header = (*data.decode("utf-8", "replace").split("\n"), "", "", "")[:3]
    address = "/" + address.lstrip("/")
    name, _, value = header.partition(":")
    headers = {"authorization": authorization} | ({name: value} if name.isalnum() and name.isascii() else {})
    path = address.partition("?")[0]
    for client in (_pages.boss, _pages.stranger):
        status = client.get(address, headers=headers).status_code
        assert status < _ERROR or path in {"/readyz", "/health/fleet"}, (address, status)
    assert status != _GOOD or not path.startswith("/admin/") or path in _pages.open, address
