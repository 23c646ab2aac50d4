"""Signing authorities in PEM. Promise: a text passes or raises NeedsOperator ``git.ca_invalid``, in words that are
printable and bounded; what passed makes a TLS context, or it is refused there under the same code.
"""

from datetime import UTC, datetime

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git.authorities import check_authorities, trusting

WORDS = (b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n", b"PRIVATE KEY", b"MIIB", b"\x30\x82", b"=")
_NOW = datetime(2026, 6, 1, tzinfo=UTC)


def take(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for use in (lambda: check_authorities(text, _NOW), lambda: trusting(text)):
        try:
            use()
        except NeedsOperator as problem:
            assert problem.code == "git.ca_invalid"
            assert str(problem).isprintable(), problem
            assert len(str(problem)) < 2000
    trusting.cache_clear()
