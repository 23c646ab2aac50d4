"""One of each that `make taint` must find, so that a rule that finds nothing is noticed."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pygit2
from django.db import connection
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git.limits import GitLimits
from netbox_hedgehog.git.tree import ManifestFile, read_manifest
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.sync.source import credential_of


def executes(request: HttpRequest) -> None:
    """A command of the browser's choice."""
    subprocess.Popen(["git", request.GET["command"]])


def states(request: HttpRequest) -> None:
    """Words of the browser in a statement."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {request.POST['columns']}")


def marks_up(repository: pygit2.Repository, file: ManifestFile) -> SafeString:
    """A manifest as it is in a page."""
    return mark_safe(_text_of(repository, file))


def _text_of(repository: pygit2.Repository, file: ManifestFile) -> str:
    return read_manifest(repository, file, GitLimits()).decode()


def chooses_a_file(request: HttpRequest) -> bytes:
    """A file of the browser's choice."""
    return Path("/srv", request.GET["name"]).read_bytes()


def chooses_an_address(repository: GitRepository) -> socket.socket:
    """A host that somebody has stored, unchecked."""
    return socket.create_connection((urlsplit(repository.url).netloc, 80))


def tells(repository: GitRepository) -> None:
    """A password in an error."""
    raise NeedsOperator("git.url_refused", f"{credential_of(repository).secrets[0]} was refused")
