"""Bytes to documents: JSON and YAML 1.2, every document with its file and line.

Beyond YAML 1.2, merge keys (``<<``) are applied, as kubectl does. Refused: tags that change a value, directives other
than ``%YAML 1.2``, keys that are not strings, and values that a JSON column would not give back unchanged.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yamlrocks

from netbox_hedgehog.manifests.expand import Survey, may_need_survey
from netbox_hedgehog.manifests.locate import Locator, is_affordable, syntax_trees
from netbox_hedgehog.manifests.problem import Problem, dotted, excerpt
from netbox_hedgehog.manifests.screen import decode, refusal
from netbox_hedgehog.manifests.split import Chunk, as_yaml, chunks, is_json
from netbox_hedgehog.manifests.values import ValueCheck

if TYPE_CHECKING:
    from collections.abc import Callable

    from netbox_hedgehog.manifests.limits import ManifestLimits
    from netbox_hedgehog.manifests.problem import FieldPath

_STRICT: Final = yamlrocks.OPT_DUPLICATE_KEYS_ERROR | yamlrocks.OPT_REJECT_COMPLEX_KEYS | yamlrocks.OPT_PASSTHROUGH_TAG
# As a tree that is walked in Python, about 40 MiB and 200 ms.
_SURVEYED_INDICATORS: Final = 20_000
_YAML_1_2_ONLY: Final = re.compile(r"(?:(?:%YAML[ \t]++1\.2[ \t]*+)?(?:#[^\n]*+)?(?:\n|\Z))++")
_values: Final = partial(yamlrocks.loads_all, option=_STRICT)
UNREADABLE: Final = "manifest.unreadable"
"""The code of all problems with the text itself, whatever it describes."""
_POSITION: Final = re.compile(r" at line \d+, column \d+$")


class Document(NamedTuple):
    """One mapping of a file; ``line`` is that of its first key."""

    path: str
    line: int
    content: dict[str, Any]
    locator: Locator | None = None
    field: FieldPath = ()
    """Where the content stands in its YAML document: ``items[3]`` for an entry of a list."""

    def line_of(self, field: FieldPath) -> int:
        """The line of a field of the content, as near as it is known."""
        return self.locator.line_of((*self.field, *field)) if self.locator and field else self.line

    def problem(self, field: FieldPath, message: str, code: str = "manifest.invalid") -> Problem:
        """A problem with a field of the content, at that field's own line."""
        return Problem(self.path, self.line_of(field), dotted((*self.field, *field)), message, code)

    def item(self, field: FieldPath, content: dict[str, Any]) -> Document:
        """A document that stands inside this one."""
        return Document(self.path, self.line_of(field), content, self.locator, (*self.field, *field))


class _Refused(Exception):  # noqa: N818 - not an error of ours: what the content is answered with
    """A document, or what is left of a file, is not looked at further."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems


def parse(data: bytes, path: str, limits: ManifestLimits) -> tuple[list[Document], list[Problem]]:
    """The documents of a file that can be read, and a problem for each that cannot.

    Nothing is raised, whatever the bytes are. Empty documents are left out; a ``kind: List`` stands for its items.
    A file with ``limits.max_problems`` problems is not read further.
    """
    text = decode(data, limits)
    refused = text if not isinstance(text, str) else refusal(text, limits)
    if refused is not None:
        return [], [Problem(path, refused[0], "", refused[1], UNREADABLE)]
    return _File(path, limits).read(str(text))


class _File:
    """The state of reading one file: what was found, and how much of its limits is used."""

    def __init__(self, path: str, limits: ManifestLimits) -> None:
        self._path = path
        self._limits = limits
        self._nodes = 0
        self._documents: list[Document] = []
        self._problems: list[Problem] = []

    def read(self, text: str) -> tuple[list[Document], list[Problem]]:
        for count, chunk in enumerate(chunks(text)):
            try:
                self._read_document(chunk)
            except _Refused as refused:
                self._problems.extend(refused.problems)
            if excess := self._excess(count):
                self._problems.append(self._problem(chunk.content_line, excess))
            if excess or self._is_full():
                break
        return self._documents, self._problems[: self._limits.max_problems]

    def _excess(self, count: int) -> str:
        limits = self._limits
        if count > limits.max_documents or len(self._documents) > limits.max_documents:
            return f"the file has more than {limits.max_documents} documents"
        return f"the file holds more than {limits.max_nodes} values" if self._nodes > limits.max_nodes else ""

    def _is_full(self) -> bool:
        """Whether there are more problems or documents already than are ever reported."""
        limits = self._limits
        return len(self._problems) >= limits.max_problems or len(self._documents) > limits.max_documents

    def _read_document(self, chunk: Chunk) -> None:
        if chunk.is_empty() or self._is_only_directives(chunk):
            return
        text = self._surveyed(chunk)
        value = self._parsed(_values, text, chunk)
        if value is None:
            return
        if not isinstance(value, dict):
            kind = "list" if isinstance(value, list) else "single value"
            raise _Refused(self._problem(chunk.content_line, f"a document must be a mapping, this one is a {kind}"))
        locator = Locator(text, chunk.first_line, chunk.content_line)
        check = ValueCheck(value, text, self._limits)
        self._nodes += check.nodes
        if check.flaws:
            self._refuse(check.flaws, locator)
        self._add(Document(self._path, chunk.content_line, value, locator))

    def _is_only_directives(self, chunk: Chunk) -> bool:
        if not chunk.text.startswith("%", chunk.content_offset):
            return False
        if not _YAML_1_2_ONLY.fullmatch(chunk.text, chunk.content_offset):
            raise _Refused(
                self._problem(chunk.content_line, "the only directive allowed is %YAML 1.2, before a line with ---")
            )
        return True

    def _surveyed(self, chunk: Chunk) -> str:
        """The text for the parser, once it is sure what its tags and aliases would do."""
        text = chunk.text
        needs_survey = may_need_survey(text)
        if not needs_survey and "\t" not in text and "\\u" not in text:
            return text
        if is_json(text):
            return as_yaml(text)
        if needs_survey:
            self._survey(chunk)
        return text

    def _survey(self, chunk: Chunk) -> None:
        if not is_affordable(chunk.text, _SURVEYED_INDICATORS):
            raise _Refused(self._problem(chunk.content_line, "a document this large may not hold tags or aliases"))
        tree = self._parsed(syntax_trees, chunk.text, chunk)
        root = None if tree is None else tree.to_tree()
        if root is None:
            return
        limits = self._limits
        survey = Survey(root, limits)
        self._refuse(survey.flaws, Locator(chunk.text, chunk.first_line, chunk.content_line))
        if self._nodes + survey.cost.nodes > limits.max_nodes or survey.cost.characters > limits.max_file_bytes:
            raise _Refused(self._problem(chunk.content_line, "its aliases expand to more than a file may hold"))

    def _parsed[T](self, load: Callable[[str], list[T]], text: str, chunk: Chunk) -> T | None:
        """The one document of the text, or None if it is empty."""
        try:
            found = load(text)
        except yamlrocks.YAMLRocksError as error:
            raise _Refused(self._parse_problem(error, chunk)) from error
        if len(found) > 1:
            raise _Refused(self._problem(chunk.content_line, "documents must be separated by a line with ---"))
        return found[0] if found else None

    def _add(self, document: Document) -> None:
        content = document.content
        if content.get("kind") != "List" or content.get("apiVersion") != "v1":
            self._documents.append(document)
            return
        items = content.get("items")
        if not isinstance(items, list):
            self._problems.append(document.problem(("items",), "the items of a List must be a list", UNREADABLE))
            return
        for index, item in enumerate(items):
            if self._is_full():
                return
            self._add_item(document, index, item)

    def _add_item(self, parent: Document, index: int, item: object) -> None:
        if isinstance(item, dict):
            self._add(parent.item(("items", index), item))
        else:
            message = "an item of a List must be a mapping"
            self._problems.append(parent.problem(("items", index), message, UNREADABLE))

    def _refuse(self, flaws: list[tuple[FieldPath, str]], locator: Locator) -> None:
        if flaws:
            raise _Refused(
                *(
                    Problem(self._path, locator.line_of(field), dotted(field), message, UNREADABLE)
                    for field, message in flaws
                )
            )

    def _parse_problem(self, error: yamlrocks.YAMLRocksError, chunk: Chunk) -> Problem:
        line: int = getattr(error, "line", None) or 1
        message = excerpt(_POSITION.sub("", str(error)))
        # What is missing at the end of a document is missing after its last text, not in the next document.
        last = chunk.first_line + chunk.text.rstrip().count("\n")
        return self._problem(min(chunk.first_line + line - 1, last), message)

    def _problem(self, line: int, message: str) -> Problem:
        return Problem(self._path, line, "", message, UNREADABLE)
