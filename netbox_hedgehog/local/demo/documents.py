"""Kubernetes documents and their YAML, as one finds them in a GitOps repository."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import yamlrocks

WIRING: Final = "wiring.githedgehog.com/v1beta1"
VPC: Final = "vpc.githedgehog.com/v1beta1"

type Document = dict[str, Any]


def wiring(kind: str, name: str, spec: dict[str, Any], **labels: str) -> Document:
    """A document of the wiring API: switches, servers and the cables between them."""
    return _document(WIRING, kind, name, spec, labels)


def vpc(kind: str, name: str, spec: dict[str, Any], **labels: str) -> Document:
    """A document of the VPC API: virtual networks, what is attached to them, and the world outside."""
    return _document(VPC, kind, name, spec, labels)


def _document(api_version: str, kind: str, name: str, spec: dict[str, Any], labels: dict[str, str]) -> Document:
    metadata: dict[str, Any] = {"name": name, "namespace": "default"}
    if labels:
        metadata["labels"] = {f"demo.example.com/{key}": value for key, value in labels.items()}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def to_yaml(documents: Iterable[Document]) -> bytes:
    """One multi-document file."""
    return b"".join(yamlrocks.dumps(document, option=yamlrocks.OPT_EXPLICIT_START) for document in documents)
