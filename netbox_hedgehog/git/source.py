"""Everything that is needed to reach one ref of one repository, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field

from netbox_hedgehog.git.credentials import Anonymous, Credential
from netbox_hedgehog.git.limits import GitLimits
from netbox_hedgehog.git.proxy import Proxy
from netbox_hedgehog.git.urls import UrlPolicy, parse_location
from netbox_hedgehog.observability.redaction import redact


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """One ref of one repository, with the means and the limits to fetch it."""

    url: str
    ref: str
    """A branch, a tag (annotated or not), a full name such as ``refs/heads/main``, or a full commit id."""
    policy: UrlPolicy
    credential: Credential = field(default_factory=Anonymous)
    limits: GitLimits = field(default_factory=GitLimits)
    known_hosts: str = ""
    """Lines in OpenSSH's ``known_hosts`` format; an ssh server that is not among them is refused."""
    allow_rsa_keys: bool = False
    """Whether to sign with RSA keys, at the mercy of the server: see :func:`ssh_keys.check_ssh_key`."""
    proxy: Proxy | None = None
    authorities: str = ""
    """Certificates (PEM) of the only authorities that may vouch for an https server; none: the system's."""

    @property
    def is_ssh(self) -> bool:
        """Whether the server is reached over SSH; ``git@host:path`` is, too."""
        return parse_location(self.url).scheme == "ssh"

    def __repr__(self) -> str:
        return f"GitSource(url={redact(self.url)!r}, ref={self.ref!r}, credential={self.credential!r})"
