"""Secrets at rest: a text column whose values are encrypted, and never shown unless asked for by name."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.observability.redaction import REDACTED

PREFIX: Final = "fernet:"


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    """The first key encrypts, all of them decrypt; any text serves as a key, it is stretched to Fernet's form."""
    derived = (
        HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"netbox-hedgehog field encryption").derive(
            key.encode()
        )
        for key in keys
    )
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])


class Secret:
    """A secret value that is kept encrypted until :meth:`reveal`; every other view of it is ``[REDACTED]``."""

    __slots__ = ("stored",)

    def __init__(self, stored: str) -> None:
        self.stored = stored

    @classmethod
    def of(cls, plain: str) -> Secret:
        """Encrypt ``plain`` with the current key; the empty text stays empty."""
        if not plain:
            return cls("")
        return cls(PREFIX + _cipher(tuple(settings.HEDGEHOG_ENCRYPTION_KEYS)).encrypt(plain.encode()).decode())

    def reveal(self) -> str:
        """Return the plain text.

        Raises:
            NeedsOperator: ``secret.undecryptable`` when no configured key fits.
        """
        if not self.stored:
            return ""
        try:
            token = self.stored.removeprefix(PREFIX)
            return _cipher(tuple(settings.HEDGEHOG_ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
        except InvalidToken:
            raise NeedsOperator(
                "secret.undecryptable",
                "A stored credential cannot be decrypted with the configured keys.",
                "Put the former key back (HEDGEHOG_ENCRYPTION_KEY takes several, comma-separated), or enter the "
                "credential again.",
            ) from None

    @property
    def is_current(self) -> bool:
        """Whether the first of the configured keys decrypts it."""
        try:
            _cipher(tuple(settings.HEDGEHOG_ENCRYPTION_KEYS[:1])).decrypt(self.stored.removeprefix(PREFIX).encode())
        except InvalidToken:
            return False
        return True

    def __bool__(self) -> bool:
        return bool(self.stored)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.stored == other.stored

    def __hash__(self) -> int:
        return hash(self.stored)

    def __repr__(self) -> str:
        return REDACTED if self.stored else "''"

    def __str__(self) -> str:
        return REDACTED if self.stored else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


class _SecretAttribute(DeferredAttribute):
    """Encrypts on assignment, so that an instance never holds the plain text."""

    def __set__(self, instance: models.Model, value: str | Secret | None) -> None:
        instance.__dict__[self.field.attname] = value if isinstance(value, Secret) else Secret.of(value or "")


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is encrypted at rest; instances hold :class:`Secret`, assignments take plain text or a Secret."""

    descriptor_class = _SecretAttribute

    def from_db_value(self, value: str | None, *_args: Any) -> Secret:
        """Wrap the ciphertext as it is; nothing is decrypted by loading a row."""
        return Secret(value or "")

    def to_python(self, value: Any) -> Secret:
        """Accept plain text or ciphertext (fixtures hold what the column holds)."""
        if isinstance(value, Secret):
            return value
        return Secret(value) if str(value or "").startswith(PREFIX) else Secret.of(value or "")

    def get_prep_value(self, value: Any) -> str:
        """The ciphertext."""
        return value.stored if isinstance(value, Secret) else Secret.of(value or "").stored

    def value_to_string(self, obj: models.Model) -> str:
        """Serialise the ciphertext, never the plain text."""
        return self.get_prep_value(self.value_from_object(obj))
