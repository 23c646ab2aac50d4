"""Names of the files that are kept of a source: equal for equal sources, and telling nothing to who reads them."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import astuple, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

from netbox_hedgehog.git.files import write_whole
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.locks import exclusive

if TYPE_CHECKING:
    from pathlib import Path

    from netbox_hedgehog.git.source import GitSource

KEY_FILE: Final = "names.key"

_KEY_BYTES: Final = 32
_PATIENCE_SECONDS: Final = 10.0
# What decides how much is fetched, and whether at all, but not what the answer is. All other fields count, also those
# that are added one day: who uses another credential, or trusts another authority, never sees this one's data.
_NOT_OF_HEADS: Final = frozenset({"policy", "limits"})
_NOT_OF_MIRRORS: Final = _NOT_OF_HEADS | {"ref"}


def head_name(root: Path, source: GitSource) -> str:
    """The name for what the server said of ``source.ref``."""
    return _name(root, source, _NOT_OF_HEADS)


def mirror_name(root: Path, source: GitSource) -> str:
    """The name for the mirror of ``source``, whatever the ref."""
    return _name(root, source, _NOT_OF_MIRRORS)


def same_mirror(one: GitSource, other: GitSource) -> bool:
    """Whether both are fetched into the same mirror."""
    return _identity(one, _NOT_OF_MIRRORS) == _identity(other, _NOT_OF_MIRRORS)


def _name(root: Path, source: GitSource, leave_out: frozenset[str]) -> str:
    # Keyed, or who can list the directory could try passwords against the name.
    return hashlib.blake2b(_identity(source, leave_out), key=_key(root), digest_size=16).hexdigest()


def _identity(source: GitSource, leave_out: frozenset[str]) -> bytes:
    identity = {each.name: _plain(getattr(source, each.name)) for each in fields(source) if each.name not in leave_out}
    # No fallback for what is not JSON: a value's text may be redacted, and two credentials would look the same.
    return json.dumps(identity, sort_keys=True).encode()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *astuple(value)]
    return value


def _key(root: Path) -> bytes:
    """The random key of ``root``; made when it is missing or damaged, which makes everything below be fetched anew."""
    path = root / KEY_FILE
    if key := _read_key(path):
        return key
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(path.with_suffix(".lock"), Deadline(_PATIENCE_SECONDS)):
        key = _read_key(path)
        if not key:
            key = secrets.token_bytes(_KEY_BYTES)
            write_whole(path, key)
    return key


def _read_key(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return b""
    return key if len(key) == _KEY_BYTES else b""
