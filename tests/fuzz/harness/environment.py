"""The environment. Promise: values of the right type and within their bounds, or ImproperlyConfigured with the names
of all that are wrong and none of their values.
"""

import os
import tempfile
from pathlib import Path
from unittest.mock import patch

from django.core.exceptions import ImproperlyConfigured
from environs import ValidationError

from netbox_hedgehog.conf import Conf
from netbox_hedgehog.env import next_database, read_list, read_option, reading, url_with, verified_redis

WORDS = (
    *(
        b"true",
        b"1e9",
        b"-1",
        b"https,ssh",
        b"redis://:p@h:1/0",
        b"rediss://h?ssl_cert_reqs=none",
        b"postgres://",
        b"sqlite:///",
    ),
    *(b"[::1]", b"%2F", b"amqp://", b"NAME_FILE", b"/dev/null", b"\n", b"=", b'"', b"${HOME}", b"$(id)", b"\xff"),
)
_DIRECTORY = Path(tempfile.mkdtemp(prefix="hedgehog-fuzz-"))
_OPTIONS = Conf.options()
_URL = url_with("redis", "rediss", "amqp", "postgres", "sqlite")
_SECRET = "c4n4ry-s3cr3t"


def take(data: bytes) -> None:
    (_DIRECTORY / "embedded.env").write_bytes(data)
    _read({}, lambda reader: reader.str("A", default=""))
    (_DIRECTORY / "embedded.env").unlink()
    value = data.split(b"\0")[0].decode("utf-8", "surrogateescape")
    for option in _OPTIONS:
        _read({option.name: value}, lambda reader, option=option: _is_right(option, read_option(reader, option)))
    _read({"URL": value}, lambda reader: reader.str("URL", validate=_URL))
    _read({"URL": f"{value}:{_SECRET}@{value}"}, lambda reader: reader.str("URL", validate=_URL))
    _read({"LIST": value}, lambda reader: read_list(reader, "LIST", choices=("https", "ssh")))
    _read({"TEXT_FILE": value}, lambda reader: reader.str("TEXT", default=""))
    verified_redis(next_database(value)) if value.startswith(("redis://", "rediss://")) and _is_url(value) else None


def _read(variables: dict[str, str], read) -> None:
    with patch.dict(os.environ, {"HEDGEHOG_DATA_DIR": str(_DIRECTORY)} | variables, clear=True):
        try:
            with reading(_DIRECTORY) as reader:
                read(reader)
        except ImproperlyConfigured as problem:
            assert _SECRET not in str(problem)
            assert str(problem).startswith("Wrong environment variables") or "is no text" in str(problem)


def _is_right(option, value) -> None:
    if value is None:  # wrong, and told at the end
        return
    assert type(value) is type(option.default)
    if isinstance(value, int | float) and not isinstance(value, bool):
        assert option.minimum is None or value >= option.minimum
        assert option.maximum is None or value <= option.maximum


def _is_url(value: str) -> bool:
    try:
        _URL(value)
    except ValidationError:
        return False
    return True
