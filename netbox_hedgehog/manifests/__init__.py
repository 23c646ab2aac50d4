"""Bytes to resources: parse, limit, validate. Pure functions that know neither Django nor settings."""

from __future__ import annotations

from netbox_hedgehog.manifests.check import check
from netbox_hedgehog.manifests.extract import facts_of
from netbox_hedgehog.manifests.facts import Facts
from netbox_hedgehog.manifests.finding import Finding, Severity
from netbox_hedgehog.manifests.index import Index
from netbox_hedgehog.manifests.limits import ManifestLimits
from netbox_hedgehog.manifests.parse import Document, parse
from netbox_hedgehog.manifests.policy import ForeignRule, ReadingPolicy
from netbox_hedgehog.manifests.problem import Problem, field_text, problems_error
from netbox_hedgehog.manifests.read import (
    FINDINGS_OF_READING,
    FileContent,
    Manifests,
    duplicates,
    read_file,
    read_manifests,
)
from netbox_hedgehog.manifests.resource import Content, Resource, ResourceKey
from netbox_hedgehog.manifests.rules import ANY_NAMESPACE, CHECKED_KINDS, SUPPLIED_NAME, kinds_naming
from netbox_hedgehog.manifests.validate import HEDGEHOG_GROUPS, to_resource

__all__ = [
    "ANY_NAMESPACE",
    "CHECKED_KINDS",
    "FINDINGS_OF_READING",
    "HEDGEHOG_GROUPS",
    "SUPPLIED_NAME",
    "Content",
    "Document",
    "Facts",
    "FileContent",
    "Finding",
    "ForeignRule",
    "Index",
    "ManifestLimits",
    "Manifests",
    "Problem",
    "ReadingPolicy",
    "Resource",
    "ResourceKey",
    "Severity",
    "check",
    "duplicates",
    "facts_of",
    "field_text",
    "kinds_naming",
    "parse",
    "problems_error",
    "read_file",
    "read_manifests",
    "to_resource",
]
