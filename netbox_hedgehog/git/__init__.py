"""Fetch and read Git repositories: a small engine that knows neither Django nor Celery."""

from __future__ import annotations

from netbox_hedgehog.git.addresses import check_numeric_host
from netbox_hedgehog.git.authorities import check_authorities
from netbox_hedgehog.git.credentials import Anonymous, Credential, SshKey, UserPassword
from netbox_hedgehog.git.heads import head_of
from netbox_hedgehog.git.host_keys import check_known_hosts
from netbox_hedgehog.git.ignore import IGNORE_FILE, MAX_IGNORE_BYTES, IgnoreRules, parse_ignore_file
from netbox_hedgehog.git.limits import GitLimits
from netbox_hedgehog.git.mirror import Mirror, discard_mirror, mirror_at
from netbox_hedgehog.git.names import same_mirror
from netbox_hedgehog.git.proxy import Proxy, check_proxy
from netbox_hedgehog.git.remote import remote_head
from netbox_hedgehog.git.session import shown_host_key
from netbox_hedgehog.git.source import GitSource
from netbox_hedgehog.git.ssh_keys import check_ssh_key
from netbox_hedgehog.git.tidy import bytes_of_mirror, bytes_of_mirrors, tidy_up
from netbox_hedgehog.git.tree import (
    MANIFEST_SUFFIXES,
    ManifestChanges,
    ManifestFile,
    directory_tree,
    has_tree,
    list_manifests,
    manifest_changes,
    read_manifest,
)
from netbox_hedgehog.git.urls import SplitUrl, UrlPolicy, check_url, parse_location, shown_url, split_credentials

__all__ = [
    "IGNORE_FILE",
    "MANIFEST_SUFFIXES",
    "MAX_IGNORE_BYTES",
    "Anonymous",
    "Credential",
    "GitLimits",
    "GitSource",
    "IgnoreRules",
    "ManifestChanges",
    "ManifestFile",
    "Mirror",
    "Proxy",
    "SplitUrl",
    "SshKey",
    "UrlPolicy",
    "UserPassword",
    "bytes_of_mirror",
    "bytes_of_mirrors",
    "check_authorities",
    "check_known_hosts",
    "check_numeric_host",
    "check_proxy",
    "check_ssh_key",
    "check_url",
    "directory_tree",
    "discard_mirror",
    "has_tree",
    "head_of",
    "list_manifests",
    "manifest_changes",
    "mirror_at",
    "parse_ignore_file",
    "parse_location",
    "read_manifest",
    "remote_head",
    "same_mirror",
    "shown_host_key",
    "shown_url",
    "split_credentials",
    "tidy_up",
]
