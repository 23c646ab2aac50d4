"""From a GitRepository row and the settings to the values that the Git engine works with; the only bridge."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings

from netbox_hedgehog.conf import conf
from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git import (
    Anonymous,
    Credential,
    GitLimits,
    GitSource,
    Proxy,
    SshKey,
    UrlPolicy,
    UserPassword,
    check_numeric_host,
    check_proxy,
    check_url,
    parse_location,
)
from netbox_hedgehog.manifests import ManifestLimits
from netbox_hedgehog.models import GitRepository, HedgehogFabric
from netbox_hedgehog.models.fields import Secret
from netbox_hedgehog.sync.references import read_reference


def url_policy() -> UrlPolicy:
    """The URL policy that the settings ask for; ``file`` URLs exist only below the demo's directory."""
    demo_root = settings.HEDGEHOG_DEMO_ROOT
    schemes = frozenset(conf.git_schemes) - {"file"}
    return UrlPolicy(
        schemes=schemes | {"file"} if demo_root else schemes,
        allow_private=conf.git_allow_private,
        allowed_hosts=conf.git_allowed_hosts,
        denied_hosts=conf.git_denied_hosts,
        file_root=Path(demo_root) if demo_root else None,
    )


def check_source_url(url: str) -> None:
    """Hold a repository's URL against the policy, as far as that goes without asking anybody.

    Raises:
        NeedsOperator: what it has against it.
    """
    policy = url_policy()
    check_url(url, policy)
    check_numeric_host(parse_location(url).host, policy)


def check_proxy_url(url: str) -> None:
    """The same for a proxy, which is contacted as the server is."""
    policy = url_policy()
    check_proxy(url, policy)
    check_numeric_host(parse_location(url).host, policy)


def git_limits() -> GitLimits:
    """The limits that the settings ask for."""
    return GitLimits(
        connect_timeout_seconds=conf.git_connect_timeout_seconds,
        timeout_seconds=conf.git_timeout_seconds,
        max_received_bytes=conf.git_max_fetch_bytes,
        max_objects=conf.git_max_objects,
        max_file_bytes=conf.git_max_file_bytes,
        max_files=conf.git_max_files,
        max_mirrors_bytes=conf.git_max_mirrors_bytes,
        max_unused_seconds=timedelta(days=conf.git_keep_mirrors_days).total_seconds(),
        min_free_bytes=conf.git_min_free_bytes,
    )


def manifest_limits() -> ManifestLimits:
    """The limits that the settings ask for."""
    return ManifestLimits(max_file_bytes=conf.git_max_file_bytes)


def mirror_root() -> Path:
    """Where this machine keeps its mirrors."""
    return Path(settings.DATA_DIR) / "mirrors"


def credential_of(repository: GitRepository) -> Credential:
    """Read or decrypt the repository's credential; an SSH key wins over a password.

    Raises:
        NeedsOperator: ``secret.undecryptable``, ``secret.reference_invalid``, ``secret.reference_missing``.
    """
    if private_key := _secret_of(repository, "ssh_private_key"):
        return SshKey(
            username=repository.username or "git",
            private_key=private_key,
            passphrase=_secret_of(repository, "ssh_key_passphrase"),
        )
    if password := _secret_of(repository, "password"):
        return UserPassword(username=repository.username, password=password)
    return Anonymous()


def _secret_of(repository: GitRepository, name: str) -> str:
    """What the reference leads to, if there is one, or else what is stored."""
    reference = getattr(repository, f"{name}_reference")
    if reference:
        return read_reference(reference)
    stored: Secret = getattr(repository, name)
    return stored.reveal()


def proxy_of(repository: GitRepository) -> Proxy | None:
    """The proxy through which the repository is reached, with its password decrypted."""
    if not repository.proxy_url:
        return None
    return Proxy(
        url=repository.proxy_url,
        username=repository.proxy_username,
        password=_secret_of(repository, "proxy_password"),
    )


def source_of(fabric: HedgehogFabric) -> GitSource:
    """What to fetch for a fabric.

    Raises:
        NeedsOperator: ``sync.no_source`` without a repository or URL; what :func:`source_at` raises.
    """
    repository = fabric.git_repository
    if repository is None or not repository.url:
        raise NeedsOperator(
            "sync.no_source",
            f"Fabric {fabric.name} has no Git repository.",
            "Choose a repository with a URL on the fabric's page.",
        )
    return source_at(repository)


def source_at(repository: GitRepository, ref: str = "", limits: GitLimits | None = None) -> GitSource:
    """What to fetch of ``ref``, by default the repository's own.

    Raises:
        NeedsOperator: ``secret.undecryptable``, ``secret.reference_invalid``, ``secret.reference_missing``.
    """
    return GitSource(
        url=repository.url,
        ref=ref or repository.branch,
        credential=credential_of(repository),
        known_hosts=repository.ssh_known_hosts,
        allow_rsa_keys=conf.git_allow_rsa_keys,
        proxy=proxy_of(repository),
        authorities=repository.ca_certificates,
        policy=url_policy(),
        limits=limits or git_limits(),
    )
