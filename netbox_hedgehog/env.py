"""Read the process's environment; every wrong value is named, all of them at once, and never quoted.

Precedence: the variable ``NAME``'s file twin ``NAME_FILE``, the variable itself, the defaults that
``netbox-hedgehog run`` left in ``embedded.env``, the default in the settings module.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import EnvValidationError, FileAwareEnv, validate

from netbox_hedgehog.conf import Option

PACKAGE_PARENT = Path(__file__).resolve().parent.parent


def data_dir() -> Path:
    """The directory for everything this installation writes: ``HEDGEHOG_DATA_DIR``, or ``var`` in the checkout,
    or ``var`` in the current directory when the package is installed from a wheel.
    """
    configured = os.environ.get("HEDGEHOG_DATA_DIR")
    if configured:
        return Path(configured).resolve()
    in_checkout = (PACKAGE_PARENT / "pyproject.toml").exists()
    return (PACKAGE_PARENT if in_checkout else Path.cwd()) / "var"


@contextmanager
def reading(directory: Path) -> Iterator[FileAwareEnv]:
    """Yield a reader whose errors are collected and raised together at the end.

    Raises:
        ImproperlyConfigured: naming each variable whose value is wrong, without its value.
    """
    reader = FileAwareEnv(eager=False, strip_whitespace=True)
    reader.read_env(directory / "embedded.env", recurse=False)
    yield reader
    try:
        reader.seal()
    except EnvValidationError as error:
        wrong = "\n".join(
            f"  {name}: {' '.join(str(message) for message in messages)}"
            for name, messages in sorted(error.error_messages.items())
        )
        raise ImproperlyConfigured(f"Wrong environment variables:\n{wrong}") from None


def read_option(reader: FileAwareEnv, option: Option[object]) -> object:
    """Read one ``HEDGEHOG_*`` option as the type of its default, within its bounds."""
    if isinstance(option.default, bool):
        return reader.bool(option.name, option.default)
    if isinstance(option.default, int | float):
        bounds = validate.Range(min=option.minimum, max=option.maximum)
        parse = reader.int if isinstance(option.default, int) else reader.float
        return parse(option.name, option.default, validate=bounds)
    if isinstance(option.default, tuple):
        return tuple(item.strip() for item in reader.list(option.name, list(option.default)) if item.strip())
    choices = validate.OneOf(option.choices) if option.choices else None
    return reader.str(option.name, option.default, validate=choices)


def url_with(*schemes: str) -> validate.Validator:
    """A validator: the value must be a URL with one of ``schemes``."""

    class UrlScheme(validate.Validator):
        def __call__(self, value: str) -> str:
            if urlsplit(value).scheme not in schemes:
                raise validate.ValidationError(f"Must be a URL that starts with one of: {', '.join(schemes)}.")
            return value

    return UrlScheme()


def next_database(url: str) -> str:
    """The same Redis server's next database: clearing the cache must not empty the queues beside it."""
    parts = urlsplit(url)
    number = parts.path.removeprefix("/") or "0"
    return parts._replace(path=f"/{int(number) + 1}").geturl() if number.isdecimal() else url


def persistent_secret(path: Path) -> str:
    """Return the random secret kept in ``path``, made at the first call; readable by its owner only.

    Several processes may start at once: the first to link its file wins, the others read the winner's.
    """
    try:
        return path.read_text().strip()
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
        return path.read_text().strip()
