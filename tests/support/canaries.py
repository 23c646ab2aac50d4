"""Secrets that are looked for wherever they must not be: as they are, and in the forms that they take on the way."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus


def forms_of(secret: str) -> set[bytes]:
    """The secret in plain, percent-encoded, inside JSON, and in base64 wherever in the encoded text it begins."""
    plain = secret.encode()
    forms = {plain, quote(secret, safe="").encode(), quote_plus(secret).encode(), json.dumps(secret)[1:-1].encode()}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain)
        # The first and last letters depend on what stands around it.
        inner = encoded[(before * 8 + 5) // 6 : len(plain + b"\0" * before) * 8 // 6]
        forms |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


def found_in(secrets: dict[str, str], places: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    """``place: secret`` for each secret that stands in a place, by its name."""
    forms = {name: forms_of(secret) for name, secret in secrets.items()}
    for place, content in places:
        for name, each in forms.items():
            if any(form in content for form in each):
                yield f"{place}: {name}"
