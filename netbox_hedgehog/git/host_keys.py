"""SSH servers' keys: reading ``known_hosts`` lines, and saying what is wrong with a key that they do not vouch for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from netbox_hedgehog.errors import NeedsOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS: Final = 3
_LENGTH: Final = 4
_SSH_PORT: Final = 22
_LONGEST_KIND: Final = 64
_NO_SIGN: Final = re.compile(rb"[^!-~]")


def check_known_hosts(text: str) -> None:
    """Refuse a text that is not a list of ``known_hosts`` lines; nothing at all is fine.

    Raises NeedsOperator ``git.known_hosts_invalid``, which names the line.
    """
    for number, fields in _lines(text):
        if fields[0].startswith("@"):
            raise _invalid(number, f"the marker {fields[0]} is not supported")
        if len(fields) < _FIELDS:
            raise _invalid(number, "it needs a host, a kind of key and a key")
        if _kind_of(_decoded(fields[2])) != fields[1]:
            raise _invalid(number, f"its key is not one of the kind {fields[1][:40]}")


def host_key_line(host: str, port: int, key: bytes) -> str:
    """The ``known_hosts`` line for the ``key`` (its wire form, RFC 4253) of a server."""
    return f"{_pattern(host, port)} {_kind_of(key)} {base64.b64encode(key).decode()}\n"


def fingerprint(key: bytes) -> str:
    """What ``ssh-keygen -lf`` shows of ``key``, to be compared by people."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def not_vouched_for(host: str, port: int, known_hosts: str, key: bytes) -> NeedsOperator:
    """The error of a server whose ``key`` the known hosts do not vouch for: a new server, or a changed key."""
    shown = f"it shows a key of the kind {_kind_of(key)} with the fingerprint {fingerprint(key)}"
    if _is_listed(host, port, known_hosts):
        return NeedsOperator(
            "git.host_key_changed",
            f"The SSH host key of {host} is not the one among this repository's known hosts: {shown}. "
            "Somebody may be in between.",
            "Ask the server's operator whether its key was changed; if so, replace its line in the known hosts.",
        )
    return NeedsOperator(
        "git.host_key",
        f"The SSH host {host} is not among the known hosts of this repository: {shown}.",
        "Compare it with the server's operator, then enter the key's line or trust it in “Test connection”.",
    )


def _is_listed(host: str, port: int, known_hosts: str) -> bool:
    names = {_pattern(host, port).lower(), host.lower()}
    return any(_names_one_of(fields[0], names) for _, fields in _lines(known_hosts))


def _names_one_of(entry: str, names: set[str]) -> bool:
    if not entry.startswith("|1|"):
        return not names.isdisjoint(entry.lower().split(","))
    salt, _, digest = entry.removeprefix("|1|").partition("|")
    key = _decoded(salt)
    return any(hmac.digest(key, name.encode(), "sha1") == _decoded(digest) for name in names)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if fields and not fields[0].startswith("#"):
            yield number, fields


def _pattern(host: str, port: int) -> str:
    return host if port == _SSH_PORT else f"[{host}]:{port}"


def _kind_of(key: bytes) -> str:
    """What the key says that it is: one word, whatever a server puts there, as it is shown and stored."""
    length = int.from_bytes(key[:_LENGTH])
    kind = key[_LENGTH : _LENGTH + length][:_LONGEST_KIND]
    return _NO_SIGN.sub(b"?", kind).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _invalid(number: int, reason: str) -> NeedsOperator:
    return NeedsOperator(
        "git.known_hosts_invalid",
        f"Line {number} of the known hosts is not usable: {reason}.",
        "Enter lines as `ssh-keyscan HOST` prints them: host, kind of key, key.",
    )
