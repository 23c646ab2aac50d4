"""Credentials by reference: in an environment variable or a file of the worker, instead of in the database.

An operator of the admin chooses which server a credential is sent to. So a reference reaches only what the machine's
administrator set aside for it: variables with one prefix, files of one directory.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from django.conf import settings

from netbox_hedgehog.conf import conf
from netbox_hedgehog.errors import NeedsOperator

PREFIX: Final = "HEDGEHOG_CREDENTIAL_"

_ENVIRONMENT: Final = re.compile(rf"env:({PREFIX}[A-Z0-9_]+)")
# No part begins with a dot: neither `..`, nor the directories that Kubernetes swaps below a mounted secret.
_FILE: Final = re.compile(r"file:([A-Za-z0-9_][A-Za-z0-9_.\-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*)")
_LONGEST_BYTES: Final = 64 * 1024


def check_reference(reference: str) -> None:
    """Refuse what is no reference by its text alone; whether it leads to anything is for the worker to see.

    Raises NeedsOperator ``secret.reference_invalid``.
    """
    if _ENVIRONMENT.fullmatch(reference):
        return
    if not _FILE.fullmatch(reference):
        raise NeedsOperator(
            "secret.reference_invalid",
            "The reference to a credential has another form than those allowed.",
            f"Use env:{PREFIX}… for an environment variable of the workers, or file:… for a file below "
            "HEDGEHOG_CREDENTIALS_DIR.",
        )
    if not conf.credentials_dir:
        raise NeedsOperator(
            "secret.reference_invalid",
            "References to files are not set up here.",
            "Ask the administrator to set HEDGEHOG_CREDENTIALS_DIR on every machine.",
        )


def read_reference(reference: str) -> str:
    """What ``reference`` leads to now, without the end of its last line.

    Raises NeedsOperator ``secret.reference_invalid``, ``secret.reference_missing``; neither quotes a content.
    """
    check_reference(reference)
    variable = _ENVIRONMENT.fullmatch(reference)
    value = os.environ.get(variable[1], "") if variable else _content(reference)
    if not value.strip():
        raise _missing(reference, "it is not set, or empty")
    return value.rstrip("\r\n")


def _content(reference: str) -> str:
    try:
        root = Path(conf.credentials_dir).resolve(strict=True)
        path = (root / reference.removeprefix("file:")).resolve(strict=True)
    except (OSError, RuntimeError):
        raise _missing(reference, "there is no such file") from None
    if not path.is_relative_to(root):
        raise _missing(reference, "it leads out of HEDGEHOG_CREDENTIALS_DIR")
    if _is_our_own(path):
        raise _missing(reference, "it belongs to this installation itself")
    try:
        return _read(path).decode()
    except (OSError, ValueError):
        raise _missing(reference, "it is no readable file of text") from None


def _is_our_own(path: Path) -> bool:
    """Whether the file holds one of the installation's own secrets: directories of secrets are often shared."""
    named = {Path(value).resolve() for name, value in os.environ.items() if name.endswith("_FILE")}
    return path in named or path.is_relative_to(Path(settings.DATA_DIR).resolve())


def _read(path: Path) -> bytes:
    """The content of a regular file that is no link any more, and not too large."""
    # Not blocking: opening a pipe would wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST_BYTES:
            raise OSError
        return file.read(_LONGEST_BYTES)


def _missing(reference: str, reason: str) -> NeedsOperator:
    return NeedsOperator(
        "secret.reference_missing",
        f"The credential “{reference}” cannot be read: {reason}.",
        "Provide it to every worker (a variable needs a restart), or correct the repository; then sync now.",
    )
