"""What kind of SSH private key a text holds."""

from __future__ import annotations

import base64
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from netbox_hedgehog.errors import NeedsOperator

_OPENSSH: Final = b"openssh-key-v1\0"
_LENGTH: Final = 4
_BEFORE_THE_PUBLIC_KEY: Final = 3  # cipher, key derivation and its options
_RSA: Final = b"ssh-rsa"


def check_ssh_key(private_key: str, passphrase: str) -> None:
    """Refuse an RSA key: libssh2 (1.11.1) may write past the end of its memory when it signs with one.

    It collects those of the server's signature algorithms that it supports without counting repetitions, so a server
    that names one twice ends the process. What is no key at all passes: that has its own error where it is used.
    Raises NeedsOperator ``git.ssh_key_rsa``.
    """
    if _is_rsa(private_key, passphrase):
        raise NeedsOperator(
            "git.ssh_key_rsa",
            "The repository's SSH key is an RSA key, which this installation does not use: "
            "a defect in libssh2 lets a server end the worker that signs with one.",
            "Make a new key (ssh-keygen -t ed25519) and give its public half read access, or use https with a token. "
            "Where all servers are trusted, HEDGEHOG_GIT_ALLOW_RSA_KEYS=true allows RSA keys.",
        )


def _is_rsa(private_key: str, passphrase: str) -> bool:
    if "BEGIN OPENSSH" in private_key:
        return _kind_of_openssh(private_key) == _RSA
    try:
        key = load_pem_private_key(private_key.encode(), passphrase.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "BEGIN RSA" in private_key
    return isinstance(key, RSAPrivateKey)


def _kind_of_openssh(private_key: str) -> bytes:
    """The kind in the public half, which is never encrypted (PROTOCOL.key of OpenSSH)."""
    lines = (line.strip() for line in private_key.splitlines())
    try:
        rest = base64.b64decode("".join(line for line in lines if not line.startswith("-----")))
    except ValueError:  # also of what is not ASCII
        return b""
    rest = rest.removeprefix(_OPENSSH)
    for _ in range(_BEFORE_THE_PUBLIC_KEY):
        _, rest = _string(rest)
    public_key, _ = _string(rest[_LENGTH:])  # after the number of keys
    return _string(public_key)[0]


def _string(data: bytes) -> tuple[bytes, bytes]:
    end = _LENGTH + int.from_bytes(data[:_LENGTH])
    return data[_LENGTH:end], data[end:]
