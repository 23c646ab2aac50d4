"""Which repository URLs are allowed, decided from the text of the URL alone; addresses.py decides about hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.observability.redaction import REDACTED, redact

_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://")
_SCP: Final = re.compile(r"(?:(?P<user>[^@/:]*)@)?(?P<host>[^/:@]+):(?P<path>.*)", re.DOTALL)
# Two parsers that disagree about where the host ends are a way round every check below, so anything unusual in a
# host is refused instead of interpreted.
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+\-]*")
_CONTROL_OR_SPACE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")

TOKEN_USER: Final = "x-access-token"  # noqa: S105 - the name that goes with one
"""The user name that goes with a token alone: GitHub asks for this one, the others take any."""

_OTHER_HOST: Final = "Use a repository on another host, or ask the administrator to allow this one."

DEFAULT_PORTS: Final = {"https": 443, "http": 80, "ssh": 22}


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlPolicy:
    """Where this installation may fetch from."""

    allow_private: bool
    """Whether loopback and private addresses are allowed: true where Git is hosted on premises."""
    schemes: frozenset[str] = frozenset({"https", "ssh"})
    allowed_hosts: tuple[str, ...] = ()
    """If any: the only hosts that may be contacted; ``.example.com`` stands for every host below that domain."""
    denied_hosts: tuple[str, ...] = ()
    """Hosts that are never contacted, in the same form; an address here is refused under whatever name."""
    file_root: Path | None = None
    """``file://`` needs ``file`` among the schemes and a path below this directory, symlinks resolved."""


@dataclass(frozen=True, slots=True)
class SplitUrl:
    """A URL without secrets, and what stood in it (percent-decoded)."""

    url: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"SplitUrl(url={self.url!r}, username='[REDACTED]', password='[REDACTED]')"


@dataclass(frozen=True, slots=True)
class Location:
    """The parts of a URL that decide whether and how it is reached."""

    scheme: str
    username: str
    has_password: bool
    host: str
    port: int | None
    path: str


def parse_location(url: str) -> Location:
    """Take ``url`` apart; ``git@host:path`` is ssh, as for Git.

    Raises NeedsOperator ``git.url_invalid``.
    """
    if not url or _CONTROL_OR_SPACE.search(url):
        raise _invalid("it is empty or contains spaces, backslashes or control characters")
    if url.startswith("-"):
        raise _invalid("it begins with a dash")
    if "::" in url.split("/", 1)[0]:
        raise _refused("remote helpers such as ext:: run commands and are never allowed")
    if _SCHEME.match(url):
        return _parse_with_scheme(url)
    scp = _SCP.fullmatch(url)
    if scp is None:
        raise _invalid("it has no scheme such as https://")
    if _holds_password(scp):
        raise _invalid("it seems to hold a password but no scheme such as https://")
    return Location("ssh", scp["user"] or "", has_password=False, host=scp["host"], port=22, path=scp["path"])


def check_url(url: str, policy: UrlPolicy) -> None:
    """Let ``url`` pass or raise; no name is resolved and nothing is contacted.

    Raises NeedsOperator ``git.url_invalid`` when it cannot be understood, ``git.url_refused`` when it can but is not
    allowed.
    """
    location = parse_location(url)
    if location.scheme not in policy.schemes:
        allowed = ", ".join(sorted(policy.schemes))
        raise _refused(f"the scheme {location.scheme} is not allowed here", f"Use one of: {allowed}.")
    if location.scheme == "file":
        _check_file(location, policy)
    else:
        _check_remote(location)
        check_host(location.host, policy)


def check_host(host: str, policy: UrlPolicy) -> None:
    """Hold ``host`` against the lists of the policy; no name is resolved.

    Raises NeedsOperator ``git.url_refused``.
    """
    if _is_listed(host, policy.denied_hosts):
        raise _refused(f"the host {host} is on the list of denied hosts", _OTHER_HOST)
    if policy.allowed_hosts and not _is_listed(host, policy.allowed_hosts):
        raise _refused(f"the host {host} is not on the list of allowed hosts", _OTHER_HOST)


def _is_listed(host: str, entries: tuple[str, ...]) -> bool:
    host = host.lower().rstrip(".")
    return any(host == entry or (entry.startswith(".") and host.endswith(entry)) for entry in map(str.lower, entries))


def is_usual_host(host: str) -> bool:
    """Whether every parser agrees that ``host`` is one."""
    return _HOST.fullmatch(host) is not None


def split_credentials(url: str) -> SplitUrl:
    """Move a user and password that were pasted into ``url`` out of it.

    An ssh user says which account is meant and is no secret: it stays in the URL, a password beside it does not.
    Of what was meant to be a URL, only what follows the credentials is left: it is refused, but holds no secret.
    """
    match = _SCHEME.match(url)
    if match is None:
        return _split_without_scheme(url)
    rest = url[match.end() :]
    authority_end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    userinfo, at_sign, host = rest[:authority_end].rpartition("@")
    if not at_sign:
        return SplitUrl(url, "", "")
    account, _, password = userinfo.partition(":")
    username, password = unquote(account), unquote(password)
    if _is_token(username):  # hosts take one in the user's place; as a user name it would be shown
        username, password = TOKEN_USER, username
    elif username and match["scheme"].lower() == "ssh":
        host = f"{account}@{host}"
    return SplitUrl(f"{match[0]}{host}{rest[authority_end:]}", username, password)


def _split_without_scheme(url: str) -> SplitUrl:
    scp = _SCP.fullmatch(url)
    if scp is None:
        return SplitUrl(url, "", "")
    if _holds_password(scp):
        before, _, rest = (url if scp["user"] is None else scp["path"]).rpartition("@")
        username, _, password = before.rpartition("/")[2].partition(":")
        return SplitUrl(rest, *((username, password) if password else (TOKEN_USER, username)))
    if _is_token(scp["user"] or ""):
        rest = split_credentials(url.removeprefix(f"{scp['user']}@"))
        return SplitUrl(rest.url, TOKEN_USER, scp["user"])
    return SplitUrl(url, "", "")


def _is_token(username: str) -> bool:
    return REDACTED in redact(username)


def shown_url(url: str) -> str:
    """``url`` as people may see it: an ssh user is no secret, anything else before the host is hidden."""
    hidden = redact(url)
    try:
        location = parse_location(url)
    except NeedsOperator:
        return hidden if _SCHEME.match(url) else redact(split_credentials(url).url)
    is_account = _USER.fullmatch(location.username) and not _is_token(location.username)
    return url if location.scheme == "ssh" and not location.has_password and is_account else hidden


def _holds_password(scp: re.Match[str]) -> bool:
    """Whether ``user:password@host/path`` would be read as a path on the host ``user``, or ``https:/user:password@…``
    as one on the host ``https``: the password would be stored and shown.
    """
    before, at_sign, _ = scp["path"].rpartition("@")
    return bool(at_sign) and (scp["user"] is None or ":" in before)


def _parse_with_scheme(url: str) -> Location:
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise _invalid("its host or port cannot be read") from None
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise _invalid("it contains ? or #")
    scheme = parts.scheme.lower()
    return Location(
        scheme=scheme,
        username=parts.username or "",
        has_password=parts.password is not None,
        host=host,
        port=port or DEFAULT_PORTS.get(scheme),
        path=parts.path,
    )


def _check_remote(location: Location) -> None:
    if location.has_password or (location.username and location.scheme != "ssh"):
        raise _refused(
            "it contains credentials",
            "Remove user and password from the URL and enter them in the repository's credential fields.",
        )
    if location.username and not _USER.fullmatch(location.username):
        raise _invalid("its user name contains unusual characters")
    if not is_usual_host(location.host):
        raise _invalid("its host is missing or contains unusual characters")
    path = unquote(location.path).lstrip("/")
    if not path or _CONTROL_OR_SPACE.search(path):
        raise _invalid("the path to the repository is missing or contains spaces or control characters")
    if path.startswith("-"):
        raise _invalid("its path begins with a dash")


def _check_file(location: Location, policy: UrlPolicy) -> None:
    if location.host or location.username or not location.path.startswith("/"):
        raise _invalid("a file URL has the form file:///directory/repository")
    if policy.file_root is None:
        raise _refused("no directory is set up for file URLs")
    try:
        root = policy.file_root.resolve(strict=True)
        path = Path(unquote(location.path)).resolve()
    except (OSError, ValueError, RuntimeError):
        raise _refused("the directory for file URLs cannot be read") from None
    if not path.is_relative_to(root):
        raise _refused("the path lies outside the directory that is set up for file URLs")


def _invalid(reason: str) -> NeedsOperator:
    return NeedsOperator(
        "git.url_invalid",
        f"The repository URL is not valid: {reason}.",
        "Correct the URL, for example https://git.example.com/network/fabric.git.",
    )


def _refused(reason: str, remedy: str = "Use a URL that the administrator allows.") -> NeedsOperator:
    return NeedsOperator("git.url_refused", f"The repository URL is refused: {reason}.", remedy)
