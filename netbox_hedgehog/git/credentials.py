"""Credentials as frozen values that never show their secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from netbox_hedgehog.observability.redaction import REDACTED

# Git hosts accept a token as the user name beside one of these.
_EMPTY_PASSWORDS: Final = frozenset({"", "x-oauth-basic"})


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No credential: the repository is public."""

    @property
    def secrets(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class UserPassword:
    """A user name with a password or an access token."""

    username: str
    password: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must not appear anywhere."""
        return (self.username,) if self.password in _EMPTY_PASSWORDS else (self.password,)

    def __repr__(self) -> str:
        username = REDACTED if self.password in _EMPTY_PASSWORDS else self.username
        return f"UserPassword(username={username!r}, password={REDACTED!r})"


@dataclass(frozen=True, slots=True)
class SshKey:
    """An SSH private key: the text of its file."""

    username: str
    private_key: str
    passphrase: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must not appear anywhere."""
        return (self.private_key, self.passphrase)

    def __repr__(self) -> str:
        return f"SshKey(username={self.username!r}, private_key={REDACTED!r}, passphrase={REDACTED!r})"


type Credential = Anonymous | UserPassword | SshKey


def without_secrets(text: str, credential: Credential) -> str:
    """``text`` with every secret of ``credential`` replaced; for what servers and libraries say in errors."""
    for secret in sorted(filter(None, credential.secrets), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text
