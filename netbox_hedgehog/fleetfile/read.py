"""From bytes to entries, each field known and of the right type, or to problems with file and line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from netbox_hedgehog.fleetfile.kinds import API_VERSION, KINDS, Kind
from netbox_hedgehog.git import split_credentials
from netbox_hedgehog.manifests import Document, ManifestLimits, Problem, parse
from netbox_hedgehog.observability.redaction import redact

# Far above 100,000 fabrics; a bound all the same, for a file that came by the wrong pipe.
LIMITS: Final = ManifestLimits(
    max_file_bytes=256 * 1024**2, max_documents=1_000_000, max_nodes=50_000_000, max_problems=1000
)
MAX_BYTES: Final = LIMITS.max_file_bytes

_KINDS: Final = {kind.name: kind for kind in KINDS}
_HEAD: Final = ("apiVersion", "kind", "name")
_URLS: Final = (("url", "username"), ("proxy_url", "proxy_username"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One document that names a row, and the values that the row is to have.

    Fields that it leaves out stay as they are; those that are in error are left out of ``values``.
    """

    kind: Kind
    name: str
    values: dict[str, Any]
    document: Document

    def problem(self, field: str, message: str) -> Problem:
        """A problem with one of its fields."""
        return self.document.problem((field,) if field in self.document.content else (), message)


def read(data: bytes, path: str) -> tuple[list[Entry], list[Problem]]:
    """The entries of one file, and all that is wrong with it."""
    documents, problems = parse(data, path, LIMITS)
    entries = []
    for document in documents:
        flaws = _flaws_of_head(document.content)
        if not flaws:
            entry = _entry(document)
            flaws = _flaws(entry)
            for field, _ in flaws:
                del entry.values[field]
            entries.append(entry)
        problems.extend(document.problem((field,) if field else (), message) for field, message in flaws)
    return entries, [_without_secrets(problem) for problem in problems]


def _without_secrets(problem: Problem) -> Problem:
    """A URL with a password may stand anywhere in a file, also where a field's name belongs."""
    return replace(problem, field=redact(problem.field), message=redact(problem.message))


def doubled(entries: Iterable[Entry]) -> list[Problem]:
    """A problem for each entry that an earlier one has described already."""
    first: dict[tuple[str, str], Document] = {}
    problems = []
    for entry in entries:
        before = first.setdefault((entry.kind.name, entry.name), entry.document)
        if before is not entry.document:
            where = f"{before.path}:{before.line}"
            problems.append(entry.problem("name", f"this {entry.kind.title} is described at {where} already"))
    return problems


def close_to(word: str, candidates: Iterable[str]) -> str:
    """“; did you mean …?”, or nothing."""
    close = get_close_matches(word, list(candidates), n=1)
    return f"; did you mean “{close[0]}”?" if close else ""


def _entry(document: Document) -> Entry:
    content = document.content
    values = {name: value for name, value in content.items() if name not in _HEAD}
    for url, username in _URLS:
        if isinstance(values.get(url), str):
            split = split_credentials(values[url])
            if split.username and not split.password:
                values[url] = split.url
                values.setdefault(username, split.username)
    return Entry(_KINDS[content["kind"]], content["name"], values, document)


def _flaws_of_head(content: dict[str, Any]) -> list[tuple[str, str]]:
    flaws = []
    if content.get("apiVersion") != API_VERSION:
        flaws.append(("apiVersion" if "apiVersion" in content else "", f"apiVersion must be {API_VERSION}"))
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        hint = close_to(str(kind), _KINDS) or f"; there are {', '.join(_KINDS)}"
        flaws.append(("kind" if "kind" in content else "", f"an unknown kind, or none{hint}"))
    if not isinstance(content.get("name"), str):
        flaws.append(("name" if "name" in content else "", "name must be given, as a text"))
    return flaws


def _flaws(entry: Entry) -> list[tuple[str, str]]:
    kind = entry.kind
    flaws = []
    for name, value in entry.values.items():
        if name not in kind.fields:
            flaws.append((name, _why_not(kind, name)))
        elif problem := kind.type_problem(name, value):
            flaws.append((name, problem))
        elif name in dict(_URLS) and split_credentials(value).password:
            flaws.append((name, "must not hold a password; name a reference to it beside the URL"))
    return flaws


def _why_not(kind: Kind, name: str) -> str:
    if name in kind.secrets:
        return f"no file holds credentials; name a reference with {name}_reference, or enter it in the admin"
    if name in kind.machine_fields:
        return "is not for people to set: the program writes it"
    return f"unknown field of a {kind.title}{close_to(name, (*kind.fields, *kind.secrets))}"
