"""A real Git repository of Hedgehog manifests behind a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pygit2
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric
from tests.support.git_server import GitServer, commit_files

WIRING = "wiring.githedgehog.com/v1beta1"


def document(name: str, kind: str = "Switch", *, metadata: dict[str, Any] | None = None, **spec: Any) -> str:
    """One YAML document, three lines long."""
    content = {"apiVersion": WIRING, "kind": kind, "metadata": {"name": name, **(metadata or {})}, "spec": spec}
    return f"---\n{json.dumps(content)}\n\n"


class Remote:
    """One repository of ``server``, and the fabrics that follow it."""

    def __init__(self, server: GitServer, name: str = "fabrics.git") -> None:
        self.server = server
        self.url = server.url(name)
        self.path: Path = server.root / name

    def commit(self, files: dict[str, str | None]) -> str:
        """Commit texts (None deletes a file); returns the commit's id."""
        return commit_files(self.path, {path: text and text.encode() for path, text in files.items()}, "a change")

    def rewrite_history(self, files: dict[str, str | None]) -> str:
        """As a forced push of a branch without any commit that was there before."""
        pygit2.Repository(str(self.path)).references["refs/heads/main"].delete()
        return self.commit(files)

    def fabric(self, directory: str = "/", **fields: Any) -> HedgehogFabric:
        """An active fabric that follows the repository and has never been synced."""
        fields = {"git_repository__url": self.url} | fields if "git_repository" not in fields else fields
        return baker.make_recipe("tests.never_synced_fabric", gitops_directory=directory, **fields)
