"""Read the process's environment; every wrong value is named, all of them at once, and never quoted.

Precedence: the variable ``NAME``'s file twin ``NAME_FILE``, the variable itself, the defaults that
``netbox-hedgehog run`` left in ``embedded.env``, the default in the settings module.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast, override
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import EnvValidationError, FileAwareEnv, ValidationError, validate

from netbox_hedgehog.conf import Option

PACKAGE_PARENT = Path(__file__).resolve().parent.parent
_REDIS: Final = ("redis", "rediss")


def data_dir() -> Path:
    """The directory for everything this installation writes: ``HEDGEHOG_DATA_DIR``, or ``var`` in the checkout,
    or ``var`` in the current directory when the package is installed from a wheel.
    """
    configured = os.environ.get("HEDGEHOG_DATA_DIR")
    if configured:
        return Path(configured).resolve()
    in_checkout = (PACKAGE_PARENT / "pyproject.toml").exists()
    return (PACKAGE_PARENT if in_checkout else Path.cwd()) / "var"


class Reader(FileAwareEnv):
    """Collects what is wrong instead of stopping at the first; also a ``NAME_FILE`` that cannot be read."""

    @override
    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            return super()._get_value(env_key, default)
        except (OSError, ValueError):
            self._errors[f"{env_key}{self.file_suffix}"].append("Must be the path of a readable text file.")
            return default


@contextmanager
def reading(directory: Path) -> Iterator[Reader]:
    """Yield a reader whose errors are collected and raised together at the end.

    Raises:
        ImproperlyConfigured: naming each variable whose value is wrong, without its value.
    """
    reader = Reader(eager=False, strip_whitespace=True)
    embedded = directory / "embedded.env"
    try:
        reader.read_env(embedded, recurse=False)
    except ValueError:
        raise ImproperlyConfigured(f"{embedded} is no text. Remove it; netbox-hedgehog run writes it anew.") from None
    yield reader
    try:
        reader.seal()
    except EnvValidationError as error:
        errors = cast("Mapping[str, list[str]]", error.error_messages)
        wrong = "\n".join(f"  {name}: {' '.join(map(str, errors[name]))}" for name in sorted(errors))
        raise ImproperlyConfigured(f"Wrong environment variables:\n{wrong}") from None


def read_option(reader: Reader, option: Option[object]) -> Any:
    """Read one ``HEDGEHOG_*`` option as the type of its default, within its bounds."""
    if isinstance(option.default, bool):
        return reader.bool(option.name, option.default)
    if isinstance(option.default, int | float):
        bounds = validate.Range(min=option.minimum, max=option.maximum)
        if isinstance(option.default, int):
            return reader.int(option.name, option.default, validate=bounds)
        return reader.float(option.name, option.default, validate=bounds)
    if isinstance(option.default, tuple):
        return tuple(read_list(reader, option.name, option.default, option.choices, option.pattern))
    choices = validate.OneOf(option.choices) if option.choices else None
    return reader.str(option.name, str(option.default), validate=choices)


def read_list(
    reader: Reader, name: str, default: Iterable[str] = (), choices: tuple[str, ...] = (), pattern: str = ""
) -> list[str]:
    """Read a comma-separated list; blanks round its items and empty items do not count."""

    def known(items: list[str]) -> None:
        if choices and not set(_items(items)) <= set(choices):
            raise ValidationError(f"Must be a list of: {', '.join(choices)}.")
        for position, item in enumerate(_items(items), start=1):
            if pattern and not re.fullmatch(pattern, item):
                raise ValidationError(f"Item {position} of the list has the wrong form.")

    return _items(reader.list(name, list(default), validate=known) or [])


def _items(raw: list[str]) -> list[str]:
    return [item.strip() for item in raw if item.strip()]


def url_with(*schemes: str) -> Callable[[str], None]:
    """A validator: the value must be a URL with one of ``schemes``, and a Redis URL may name a database number only."""

    def is_such_url(value: str) -> None:
        try:
            parts = urlsplit(value)
            _ = parts.port, value.encode()
        except ValueError:
            raise ValidationError(
                "Must be a URL; characters such as / ? # [ ] in its user or password must be percent-encoded."
            ) from None
        if parts.scheme not in schemes:
            raise ValidationError(f"Must be a URL that starts with one of: {', '.join(schemes)}.")
        if parts.scheme in _REDIS and not (parts.path.removeprefix("/") or "0").isdecimal():
            raise ValidationError("Must end in the number of a database, such as /0.")

    return is_such_url


def verified_redis(url: str) -> str:
    """``url`` with the server's certificate checked unless it says otherwise.

    kombu's own default for ``rediss://`` is no check at all, and Celery's result backend demands the parameter.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if parts.scheme != "rediss" or "ssl_cert_reqs" in query:
        return url
    return parts._replace(query=urlencode(query | {"ssl_cert_reqs": "required"})).geturl()


def next_database(url: str) -> str:
    """The same Redis server's next database: clearing the cache must not empty the queues beside it."""
    try:
        parts = urlsplit(url)
        number = int(parts.path.removeprefix("/") or "0")
    except ValueError:  # refused already where it was read
        return url
    return parts._replace(path=f"/{number + 1}").geturl()


def persistent_secret(path: Path) -> str:
    """Return the random secret kept in ``path``, made at the first call; readable by its owner only.

    Several processes may start at once: the first to link its file wins, the others read the winner's.
    """
    try:
        kept = path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        kept = path.read_text().strip()
    if not kept:
        raise ImproperlyConfigured(
            f"{path} is empty. Put the key back; without a copy, remove the file to get a new one."
        )
    return kept
