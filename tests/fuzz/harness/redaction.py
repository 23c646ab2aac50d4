"""Texts that are logged, stored and shown. Promise: redacting never raises and is done once and for all; a password in
a URL or beside its name does not survive, whatever harmless text stands before it.
"""

from netbox_hedgehog.observability.redaction import redact, redact_value

WORDS = (
    *(
        b"password=",
        b"token: ",
        b'"secret": "',
        b"Authorization: Basic ",
        b"Bearer ",
        b"://u:p@",
        b"[REDACTED]",
        b"|\n ",
    ),
    *(
        b"-----BEGIN OPENSSH PRIVATE KEY-----",
        b"-----END RSA PRIVATE KEY-----",
        b"ghp_",
        b'\\"',
        b"''",
        b"api_key",
        b"eyJ",
    ),
)
_SECRET = "C4n4ry-s3cr3t"


def take(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    once = redact(text)
    assert redact(once) == once, (text, once)
    before = text[:200].replace(_SECRET, "")  # the fuzzer learns what is compared with
    redact_value({text: [text, {"a": text}], "b": data})
    for form in (
        f"https://user:{_SECRET}@git.example.com/",
        f"\npassword={_SECRET}\n",
        f'\n{{"token": "{_SECRET}"}}\n',
    ):
        assert redact(before) != before or _SECRET not in redact(f"{before}\n{form}"), (before, form)
